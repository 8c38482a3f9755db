"""docs/formats-video.md: which rungs each kind of video gets, and what is kept, converted and lost.

Needs a stock ffmpeg (the imageio-ffmpeg package carries one) and the corpus of real footage:

    python -m benchmarks.formats_video ../shared/corpus
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.helpers import format_clips, format_runs
from transcoder.errors import InputError

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "formats-video.md"
_HEAD = """| source | codec, samples | timing | rungs | kept | converted | lost |
|---|---|---|---|---|---|---|
"""
_TEXT = """# Video formats

What a delivery keeps of each kind of video. The tables are made by
[benchmarks/formats_video.py](../benchmarks/formats_video.py) with the profile `cps-twif-1mb` (H.264, 8 bits,
4:2:0, MP4) and checked by `tests/integration/test_formats.py`, which also holds the outputs against their
sources with stock ffprobe: number of frames, times to a tick, sample aspect, rotation and mirroring, range,
primaries, transfer, matrix, and order of fields.

*Rungs* are those that the file's format allows, before size and floors decide. *Kept*, *converted* and *lost*
are of the re-encode, beside the picture itself and its timestamps, which every re-encode keeps to the frame;
what a container said of itself (brands, encoder names) is left out here and recorded in the certificate. The
rung *unchanged* keeps everything.

- **Timing.** `container`: exact. `decode-order`: AVI stores one number for each packet; where frames are
  reordered the times are rebuilt from them. `assumed`: a raw stream stores none. Where single timestamps are
  missing or do not rise, the certificate counts them and says where (`timing.damage`).
- **Interlaced** video stays interlaced with its field order, in H.264 only: AV1 cannot code fields, and x265
  makes each field a picture of its own. Chroma is converted field by field. A height that is not a multiple of
  4 grows by two rows.
- **High dynamic range** is kept where the profile allows 10 bits (`modern-1mb`). Else samples become 8 bits
  wide and nothing is tone-mapped: PQ or HLG stay what they are and are tagged so; the certificate says what
  that looks like. Mastering display and light levels go along. Dolby Vision and HDR10+ metadata are lost.
- **Several video streams.** The largest is delivered (the file's default among equals, never a cover picture);
  the others are listed as lost. `--stream N` takes another one, `--stream all` makes a delivery of each.
- **Tags.** Time of creation, place, title and time code of the first frame go into the file; all others are
  recorded in the certificate. Telemetry, subtitles, chapters and attachments are lost in every rung but
  `unchanged`, and said to be.
- **Damage.** What does not decode, what the decoder filled in, what an edit list hides and a file that breaks
  off are counted in the certificate with their places, and the report lists them.
- **Sound.** One track is delivered, copied or as AAC with its samples where they were; G.711 and ADPCM keep
  their 8 kHz.

## Made with a stock ffmpeg

"""


_REAL = """
## Real files

The light ones of the corpus.

"""


def main(corpus: Path) -> None:
    lines = [_TEXT + _HEAD]
    with tempfile.TemporaryDirectory(prefix="transcoder-formats-") as name:
        folder = Path(name)
        for kind, made in format_clips.KINDS.items():
            path = format_clips.make(kind, folder / kind)
            lines.append(format_runs.row(made.about, format_runs.run(path, folder / kind)) + "\n")
        lines.append(
            "\n## Real files\n\nThe light ones of the corpus (samples/README.md says where it comes from).\n\n" + _HEAD
        )
        for number, item in enumerate(format_runs.footage(corpus)):
            work = folder / str(number)
            work.mkdir()
            try:
                lines.append(format_runs.row(f"`{item}`", format_runs.run(corpus / item, work)) + "\n")
            except InputError as error:
                lines.append(format_runs.row_of_error(f"`{item}`", error) + "\n")
    DOCUMENT.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Every kind of video: frames, times and presentation of the output are the source's, as stock ffprobe sees both.

Nothing of the tool under test reads the results: our reader could make the same mistake twice.
"""

from __future__ import annotations

import functools
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import CORPUS, ROOT
from tests.helpers import format_clips, format_runs
from tests.helpers.ffmpeg import binary
from transcoder.errors import InputError
from transcoder.model import Fate, RungName

DOCUMENT = ROOT / "docs" / "formats-video.md"
SYNTHETIC = list(format_clips.KINDS)
HIGH_RANGE = [
    ("hdr10", "av1"),
    ("hdr10", "hevc"),
    ("hdr10", "h264"),
    ("hlg", "av1"),
    ("hlg", "hevc"),
    ("ten-bit", "av1"),
]
SOUND = [name for name, kind in format_clips.KINDS.items() if kind.tone]
NOT_VIDEO = ("no-video", "no-frames", "not-media", "size-changes")


@functools.cache
def clip(kind: str) -> Path:
    return format_clips.make(kind, format_runs.scratch() / f"clip-{kind}")


@functools.cache
def encoded(path: Path, profile: str = "cps-twif-1mb", encoder: str | None = None) -> format_runs.Run:
    folder = format_runs.scratch() / f"{len(list(format_runs.scratch().iterdir()))}-{path.name}"
    folder.mkdir()
    return format_runs.run(path, folder, profile=profile, encoder=encoder)


FOOTAGE = format_runs.footage(CORPUS)


def compare(path: Path, done: format_runs.Run) -> None:
    """Hold an output against its source, both as ffprobe sees them."""
    video = done.source.video
    assert video is not None
    before, after = format_runs.ffprobe(path, video.index), format_runs.ffprobe(done.encoded.path, 0)
    ticks = [Fraction(seen["stream"]["time_base"]) for seen in (before, after)]
    times = format_runs.frame_times(before, video.timing), format_runs.frame_times(after, "container")
    assert len(times[0]) == len(times[1])
    known = [(a, b) for a, b in zip(*times, strict=True) if a is not None and b is not None]
    assert len(known) > 1
    assert max(abs((a - known[0][0]) - (b - known[0][1])) for a, b in known) <= max(ticks)
    shown, now = format_runs.presentation(before), format_runs.presentation(after)
    assert now.pop("aspect") == pytest.approx(shown.pop("aspect"), rel=1e-4)
    if done.encoded.settings.get("encoder") and "rgb" in video.pixel_format:
        del shown["space"], now["space"], shown["range"], now["range"]  # RGB is stored as luma and chroma, and says so
    assert now == shown
    order = after["stream"].get("field_order", "unknown")
    assert (order in ("tt", "tb", "bb", "bt")) == now["fields"][0]
    if now["fields"][0]:
        assert order[0] == ("t" if now["fields"][1] else "b")


@pytest.mark.parametrize("kind", SYNTHETIC)
def test_frames_times_and_presentation_are_kept(kind: str) -> None:
    compare(clip(kind), encoded(clip(kind)))


@pytest.mark.parametrize(("kind", "encoder"), HIGH_RANGE)
def test_high_dynamic_range_is_kept_where_the_profile_allows_ten_bits(kind: str, encoder: str) -> None:
    done = encoded(clip(kind), "modern-1mb", encoder)
    seen = format_runs.ffprobe(done.encoded.path, 0)
    assert seen["stream"]["pix_fmt"] == "yuv420p10le"
    compare_colour(clip(kind), done)
    beside = {item.item: item.fate for item in done.encoded.fates if "(HDR)" in item.item}
    assert set(beside.values()) <= {Fate.KEPT}
    assert bool(beside) == (kind == "hdr10")
    if kind == "hdr10" and encoder != "h264":  # stock ffprobe 5 does not show what H.264 carries
        before, after = (
            format_runs.hdr_figures(format_runs.ffprobe(path, 0)) for path in (clip(kind), done.encoded.path)
        )
        assert before == after
        assert before["max_content"] == 1000


def compare_colour(path: Path, done: format_runs.Run) -> None:
    shown, now = (format_runs.presentation(format_runs.ffprobe(item, 0)) for item in (path, done.encoded.path))
    for key in ("range", "primaries", "transfer", "space"):
        assert now[key] == shown[key]


@pytest.mark.parametrize("kind", ["plain", "dhav", "transport", "flv", "fragmented", "edit-list", "vfr", "anamorphic",
                                  "rotated", "full-range", "bt709", "timecode", "subtitles"])  # fmt: skip
def test_a_copy_of_the_packets_shows_the_same(kind: str) -> None:
    compare(clip(kind), encoded(clip(kind), "cps-twif-1mb", "remux"))


def test_interlaced_video_is_never_given_to_what_cannot_code_fields() -> None:
    done = encoded(clip("top-first"), "modern-1mb", "h264")
    assert {rung.encoder for rung in done.plan.rungs if rung.name is RungName.RE_ENCODE} == {"h264"}
    compare(clip("top-first"), done)


def sound_of(path: Path, rate: int) -> NDArray[np.float64]:
    command = [binary(), "-v", "error", "-i", str(path), "-vn", "-ac", "1", "-ar", str(rate), "-f", "s16le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.int16).astype(np.float64)


@pytest.mark.parametrize("kind", SOUND)
def test_sound_keeps_its_length_and_its_place(kind: str) -> None:
    """A tone that rises all the time, decoded by stock ffmpeg, lies where it lay, to a hundredth of a second."""
    done = encoded(clip(kind))
    rate = done.source.audio[0].sample_rate_hz
    before, after = sound_of(clip(kind), rate), sound_of(done.encoded.path, rate)
    assert abs(len(before) - len(after)) <= rate // 100
    size = min(len(before), len(after))
    parts = [np.fft.rfft(part[:size] - part[:size].mean(), 2 * size) for part in (before, after)]
    likeness = np.fft.irfft(parts[1] * np.conj(parts[0]))
    lag = int(likeness.argmax())
    assert min(lag, 2 * size - lag) <= rate // 100
    energy = [float(np.square(part[:size]).sum()) for part in (before, after)]
    assert likeness.max() > 0.98 * np.sqrt(energy[0] * energy[1])
    if done.source.audio[0].codec.startswith(("pcm", "adpcm")):
        assert len(before) == len(after)
        assert lag == 0


@pytest.mark.corpus
@pytest.mark.skipif(not FOOTAGE, reason="the corpus of real footage is not beside this checkout")
@pytest.mark.parametrize("name", FOOTAGE)
def test_real_files_keep_frames_times_and_presentation(name: str) -> None:
    try:
        done = encoded(CORPUS / name)
    except InputError as error:
        assert error.code in NOT_VIDEO
        return
    if done.source.video is not None and done.source.video.ends_early:
        pytest.skip("a file that breaks off: players differ in the last pictures")
    compare(CORPUS / name, done)


def missing(rows: list[str]) -> list[str]:
    text = DOCUMENT.read_text(encoding="utf-8")
    return [row for row in rows if row not in text]


def test_the_document_of_formats_is_up_to_date() -> None:
    rows = [format_runs.row(format_clips.KINDS[kind].about, encoded(clip(kind))) for kind in SYNTHETIC]
    assert missing(rows) == [], "run benchmarks/formats_video.py"


@pytest.mark.corpus
@pytest.mark.skipif(not FOOTAGE, reason="the corpus of real footage is not beside this checkout")
def test_the_document_of_real_files_is_up_to_date() -> None:
    rows = []
    for name in FOOTAGE:
        try:
            rows.append(format_runs.row(f"`{name}`", encoded(CORPUS / name)))
        except InputError as error:
            rows.append(format_runs.row_of_error(f"`{name}`", error))
    assert missing(rows) == [], "run benchmarks/formats_video.py"

"""Writes docs/formats-stills.md: for each kind of picture, which rungs apply and what each keeps, converts or loses.

``python -m tests.helpers.formats_table`` makes the kinds, takes the rest from the corpus, encodes each once by every
rung, and writes down what the certificate would say.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.still_kinds import CORPUS_KINDS, MADE_KINDS
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import ENCODERS, Plan, plan_ladder
from transcoder.encode.still_rungs import PAGES
from transcoder.errors import EncodeError
from transcoder.media.probe import probe
from transcoder.model import Attempt, EncodeSpec, Fate, ItemFate, Rung, SourceInfo
from transcoder.profile import Profile, load

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats-stills.md"
PROFILES = ("cps-twif-1mb", "modern-1mb")
_LARGE = 4_000_000
"""Pixels. Of larger pictures only the first lossy rung is tried: what is kept does not depend on the size."""
_HEAD = """# Pictures: which rungs apply, and what each keeps

Made by `python -m tests.helpers.formats_table` from the corpus and from pictures that the tests make; a test compares
it with what the code gives. Each kind was encoded once by every rung that its profile allows, and the lists are the
fates that its certificate states. *Unchanged* keeps the file byte for byte; it applies where the file is under the cap
and its format allowed. Where one file is not enough, `split` makes lossless PNG tiles: they hold samples and colour
profile; the overview beside them keeps what JPEG, WebP or AVIF keep. "Damaged" means: so in the source already.

- Pixels are never turned: a rotation tag stays a tag. HEIF is the exception, as its decoder turns the picture.
- A file of several pages or frames goes as one picture each, each measured against its own page, with one certificate
  that says which file is which page and how long a frame is shown. `max_parts` (24, or `--max-parts`) limits them;
  above it the file is refused, and the refusal names the number. An animated GIF goes as a video.
- A JPEG's further views (MPO) and gain maps are no pages: they are kept by *unchanged*, by the lossless rung where the
  cap has room for them, and else listed as lost with their bytes.
- Transparency is kept by PNG, WebP and AVIF; for JPEG it is laid on white, and so it is measured.
- Of a damaged picture what decodes is delivered; its certificate and report say which rows are missing. Where nothing
  decodes, it is an error with the code `input-damaged`.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of picture on one rung."""

    kind: str
    way: str
    profiles: str
    fates: Sequence[ItemFate]

    def cells(self) -> list[str]:
        """The row as it is printed."""
        kept, converted, lost, damaged = (
            "; ".join(dict.fromkeys(_plain(fate) for fate in self.fates if fate.fate is wanted))
            for wanted in (Fate.KEPT, Fate.CONVERTED, Fate.LOST, Fate.DAMAGED)
        )
        return [self.kind, self.way, self.profiles, kept, converted, "; ".join(filter(None, (lost, _marked(damaged))))]


def _marked(damaged: str) -> str:
    return f"damaged: {damaged}" if damaged else ""


def _plain(fate: ItemFate) -> str:
    """Item and note without the sizes of this one file."""
    item = re.sub(r"\(\d+ bytes(?:, )?([^()]*(?:\([^()]*\)[^()]*)*)\)", "", fate.item).strip()
    item = re.sub(r"^\d+ x ", "", item)
    item = re.sub(r" \([^()]*\d+x\d+[^()]*\)", "", item)
    item = re.sub(r"^(page|frame) \d+\b", r"each \1", re.sub(r"^page \d+: ", "", item))
    note = fate.note if fate.fate is not Fate.LOST or fate.item.startswith(("ICC", "EXIF")) else ""
    note = re.sub(r"\brows? \d+ to \d+", "rows N to M", re.sub(r"\d+ bytes", "N bytes", note))
    note = re.sub(r" \([^()]*\)", "", note)
    return f"{item} ({note})" if note else item


def rows(corpus: Path, only: Sequence[str] = ()) -> Iterator[Row]:
    """Every kind on every rung.

    :param only: kinds to look at; all where it is empty.
    """
    with tempfile.TemporaryDirectory(prefix="transcoder-table-") as place:
        for number, (kind, path) in enumerate(_pictures(corpus, Path(place))):
            if only and kind not in only:
                continue
            yield from _kind(kind, path, Path(place) / f"work-{number}")


def _pictures(corpus: Path, place: Path) -> Iterator[tuple[str, Path]]:
    everything = {kind: corpus / name for kind, name in CORPUS_KINDS.items()}
    for kind, (name, make) in MADE_KINDS.items():
        everything[kind] = place / name
        everything[kind].write_bytes(make())
    yield from sorted(everything.items())


def _kind(kind: str, path: Path, work: Path) -> Iterator[Row]:
    source = probe(path, sha256="0" * 64)
    plans = {name: _plan(source, name) for name in PROFILES}
    ways: dict[str, tuple[Rung, Profile, list[str]]] = {}
    for name, (plan, profile) in plans.items():
        for rung in plan.rungs:
            if rung.encoder != "png-tiles":
                ways.setdefault(rung.encoder, (rung, profile, []))[2].append(name)
    assert source.still is not None
    large = source.still.width * source.still.height > _LARGE
    for encoder, (rung, profile, names) in ways.items():
        if large and encoder in ("avif", "webp"):
            continue
        way = rung.name.value + ("" if encoder == "copy" else f" ({encoder})")
        allowed = "both" if len(set(names)) > 1 else names[0]
        yield Row(kind, way, allowed, _fates(source, rung, profile, work / encoder))
    if not ways:
        reason = next(iter(plans.values()))[0].skipped[-1][1]
        yield Row(kind, "refused", "both", [ItemFate(item=reason, fate=Fate.LOST)])


def _plan(source: SourceInfo, name: str) -> tuple[Plan, Profile]:
    profile = load(name)
    return plan_ladder(source, profile, 10**9), profile


def _fates(source: SourceInfo, rung: Rung, profile: Profile, work: Path) -> Sequence[ItemFate]:
    if rung.encoder == "copy":
        return [ItemFate(item="everything", fate=Fate.KEPT), *(f for f in rung.fates if f.fate is Fate.DAMAGED)]
    work.mkdir(parents=True)
    job = EncodeJob(source=source, profile=profile, cap_bytes=10**6, workdir=work, tick=lambda *_: None)
    if rung.encoder == PAGES:
        from transcoder.pages import deliver_pages
        from transcoder.studio import Studio

        made = deliver_pages(Studio(job), rung)
        if isinstance(made, Attempt):
            return [ItemFate(item=made.rejected_for, fate=Fate.LOST)]
        assert made.encoded is not None
        return made.encoded.fates
    try:
        knob = rung.knob.start if rung.knob is not None else None
        return ENCODERS[rung.encoder](job).encode(EncodeSpec(rung=rung, knob_value=knob)).fates
    except EncodeError as error:
        return [ItemFate(item=f"not possible: {error}", fate=Fate.LOST)]


def render(found: Sequence[Row]) -> str:
    """The document."""
    lines = ["| Kind | Rung | Profile | Kept | Converted | Lost or damaged |", "|---|---|---|---|---|---|"]
    last = ""
    for row in found:
        cells = [cell.replace("|", "\\|") for cell in row.cells()]
        cells[0] = "" if row.kind == last else row.kind
        last = row.kind
        lines.append("| " + " | ".join(cells) + " |")
    return _HEAD + "\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Write the document."""
    from tests.conftest import CORPUS

    DOCUMENT.write_text(render(list(rows(CORPUS))), encoding="utf-8")
    print(DOCUMENT, file=sys.stderr)


if __name__ == "__main__":
    main()

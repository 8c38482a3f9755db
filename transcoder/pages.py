"""Pages: a file of several pictures goes as one picture each, every one of them measured against its own page.

A receiver's format holds one picture. Pages of a scan, frames of a short animation and a phone's further pictures
are numbered; one certificate covers them all and says which file is which page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, PngImagePlugin

from transcoder import search
from transcoder.encode import carrying
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import plan_ladder
from transcoder.errors import EncodeError, InputError
from transcoder.media import anatomy, decoding, documents, stills
from transcoder.model import (
    NO_REGIONS,
    Attempt,
    Box,
    Choice,
    Encoded,
    EncodeSpec,
    Fate,
    ItemFate,
    PieceFile,
    Pieces,
    Rung,
    RungName,
    SourceInfo,
    StillInfo,
    StillItem,
)
from transcoder.studio import Studio

_IN_PNG = frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "I;16"))
_PROOF = "every decoded sample of every page equals the source's"
_WORKING = frozenset(("pixels", "orientation", "transparency"))
"""Fates of a page's own encoding that its reader must know; what is beside the samples is accounted for here."""


@dataclass(frozen=True, slots=True)
class _Page:
    """One page, delivered."""

    number: int
    """From 1."""
    encoded: Encoded
    attempt: Attempt
    size: tuple[int, int]
    mode: str
    damage: str
    depth: int
    """Bits of a sample in the source."""
    shown_ms: int | None


def deliver_pages(studio: Studio, rung: Rung) -> Choice | Attempt:
    """Every page as a file of its own; pages of which nothing decodes are named, and cost only themselves.

    :param studio: of the file; nothing was looked for in it yet.
    :returns: the choice of a set of files, or the failed attempt with its reason.
    """
    job, still = studio.job, studio.job.source.still
    assert still is not None
    word, spec = word_for(still), EncodeSpec(rung=replace(rung, variant="", knob=None))
    failed = Attempt(spec=spec, bytes=None, fidelity=None, rejected_for="", encodes=1)
    if still.pages > job.profile.max_parts:
        reason = f"the file holds {still.pages} {word}s, and {job.profile.max_parts} files are allowed"
        return replace(failed, rejected_for=reason, needs_parts=still.pages, encodes=0)
    made: list[_Page] = []
    broken: list[ItemFate] = []
    for number in range(1, still.pages + 1):
        job.tick(f"{word}s", number - 1, still.pages)
        try:
            page = _deliver(job, number)
        except InputError as error:
            broken.append(ItemFate(item=f"{word} {number}", fate=Fate.DAMAGED, note=str(error)))
            continue
        except EncodeError as error:
            return replace(failed, rejected_for=f"{word} {number}: {error}")
        if isinstance(page, str):
            return replace(failed, rejected_for=f"{word} {number}: {page}")
        made.append(page)
    if not made:
        return replace(failed, rejected_for=f"no {word} can be decoded")
    return _choice(studio, spec, made, broken)


def word_for(still: StillInfo) -> str:
    """What one of several pictures is called."""
    return "frame" if still.animated else "page"


def _deliver(job: EncodeJob, number: int) -> _Page | str:
    """One page through the ladder, or why there is no file for it.

    :raises InputError: where nothing of it decodes.
    :raises EncodeError: where an encoder fails.
    """
    decoded = decoding.decode(job.source.path, number - 1)
    folder = job.workdir / f"page-{number}"
    folder.mkdir()
    source = _as_source(decoded.image, job.source, number, folder)
    assert source.still is not None
    assert job.source.still is not None
    pages, word = job.source.still.pages, word_for(job.source.still)

    def tick(*_: object) -> None:
        job.tick(f"{word}s", number - 1, pages)

    studio = Studio(replace(job, source=source, workdir=folder, regions=NO_REGIONS, tick=tick))
    floors, cap = job.profile.floors, job.cap_bytes
    gentle = [rung for rung in plan_ladder(source, job.profile, cap).rungs if rung.name is RungName.LOSSLESS]
    with decoding.open_picture(job.source.path, number - 1) as header:
        depth = stills.depth_of(header)
    if depth > 8 and decoded.image.mode not in stills.DEEP_MODES:
        gentle = []  # the decoder gave 8 of its bits: what follows is no longer the page, sample for sample
    choice = search.choose(gentle, cap, floors, studio)
    if choice.winner is None:
        studio.look_for_regions([region for region in job.regions.regions if region.found_by == "drawn"])
        whole = plan_ladder(source, job.profile, cap, studio.regions.kinds()).whole
        choice = search.choose(whole, cap, floors, studio, before=choice.attempts)
    if choice.winner is None or choice.encoded is None:
        return next((a.rejected_for for a in reversed(choice.attempts) if a.rejected_for), "no rung applies")
    shown = decoded.image.info.get("duration")
    animated = job.source.still.animated
    return _Page(
        number=number, encoded=choice.encoded, attempt=choice.winner, size=decoded.image.size,
        mode=decoded.image.mode, damage=decoded.damage, depth=depth,
        shown_ms=round(shown) if animated and isinstance(shown, int | float) else None,
    )  # fmt: skip


def _as_source(image: Image.Image, whole: SourceInfo, number: int, folder: Path) -> SourceInfo:
    """The page as a file of its own, without loss, for the encoders to read.

    :raises EncodeError: where no format holds it as it is.
    """
    exif, icc, xmp = stills.metadata_of(image)
    name = "PNG" if image.mode in _IN_PNG else "TIFF"
    path = folder / f"page.{name.lower()}"
    options: dict[str, object] = {"icc_profile": icc or None}
    if name == "PNG":
        extra = PngImagePlugin.PngInfo()
        if xmp:
            extra.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        options |= {"compress_level": 1, "exif": exif or None, "pnginfo": extra}
    else:
        options |= {"compression": None}
    try:
        image.save(path, name, **options)
        same = stills.pixels_equal(image, stills.load_whole(path))
    except (OSError, ValueError, TypeError, ArithmeticError, InputError) as error:
        raise EncodeError(f"it cannot be taken out of its file ({error})", where=whole.name) from None
    still = stills.identify(path)
    if not same or still is None:
        raise EncodeError("it is not the same outside its file", where=whole.name)
    data = path.read_bytes()
    return SourceInfo(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), container=still.format,
                      still=still)  # fmt: skip


def _choice(studio: Studio, spec: EncodeSpec, made: Sequence[_Page], broken: Sequence[ItemFate]) -> Choice:
    from transcoder.metrics import measure

    source = studio.job.source
    still = source.still
    assert still is not None
    lossless = all(page.encoded.lossless_proof for page in made)
    size = sum(page.encoded.bytes for page in made)
    word = word_for(still)
    digits = max(2, len(str(still.pages)))
    files = tuple(
        PieceFile(
            path=page.encoded.path,
            suffix=f"_{word}-{page.number:0{digits}d}-of-{still.pages:0{digits}d}{page.encoded.path.suffix}",
            box=Box(0, 0, *page.size),
            page=page.number,
            shown_ms=page.shown_ms,
            lossless=bool(page.encoded.lossless_proof),
            p1=page.attempt.fidelity.worst if page.attempt.fidelity else {},
        )
        for page in made
    )
    encoded = Encoded(
        path=files[0].path,
        bytes=size,
        settings={f"{word}s": len(made), "lossless": sum(item.lossless for item in files)},
        lossless_proof=_PROOF if lossless else None,
        fates=(*broken, *_fates(still, made, whole=not broken)),
    )
    fidelity = None
    if not lossless:
        measured = measure.measure_pages(source.path, [(item.page - 1, item.path) for item in files])
        studio.adopt(encoded, measured)
        fidelity = measured.fidelity
    winner = Attempt(
        spec=spec, bytes=size, fidelity=fidelity, rejected_for="", encodes=sum(page.attempt.encodes for page in made)
    )
    pieces = Pieces(
        kind=f"{word}s", size=made[0].size, mode=made[0].mode, pixels_sha256=None, overview=None, files=files
    )
    return Choice(winner=winner, encoded=encoded, attempts=(winner,), pieces=pieces)


def _fates(still: StillInfo, made: Sequence[_Page], *, whole: bool) -> list[ItemFate]:
    """What became of each page, and of everything that the file holds beside their samples.

    :param whole: every page decodes.
    """
    word, fates = word_for(still), []
    for page in made:
        shown = f", shown for {page.shown_ms} ms" if page.shown_ms is not None else ""
        title = f"{word} {page.number} ({page.size[0]}x{page.size[1]}{shown})"
        kept = page.encoded.lossless_proof is not None
        how = "lossless" if kept else f"as {page.encoded.settings.get('encoder', 'another format')}"
        fates.append(ItemFate(item=title, fate=Fate.KEPT if kept else Fate.CONVERTED, note=how))
        if not kept and page.depth > 8:
            note = "8 bits"
            item = f"{word} {page.number}: {page.depth} bits a sample"
            fates.append(ItemFate(item=item, fate=Fate.CONVERTED, note=note))
        if page.damage:
            fates.append(ItemFate(item=f"{word} {page.number}", fate=Fate.DAMAGED, note=page.damage))
        fates += [
            replace(fate, item=f"{word} {page.number}: {fate.item}")
            for fate in page.encoded.fates
            if fate.item.split(" tag")[0] in _WORKING
        ]
    if still.animated:
        note = "each frame is whole, as it is on display; how long is recorded with it"
        fates.append(ItemFate(item="animation", fate=Fate.CONVERTED, note=note))
    return [*fates, *_beside(still, made, whole)]


def _beside(still: StillInfo, made: Sequence[_Page], whole: bool) -> list[ItemFate]:
    written = {page.number: _written(page.encoded.path) for page in made}
    everything = [item for items in written.values() for item in items]
    target = _format_of(_picture(made[0].encoded.path))
    note = "+decoded, as a picture of its own" if whole else "not every picture of the file decodes"
    notes = {item.sha256: note for item in still.items if item.kind == "picture"}
    by_page: dict[int, list[StillItem]] = {}
    for item in still.items:
        head = item.name.partition(": ")[0]
        number = int(head[5:]) if head.startswith("page ") and head[5:].isdigit() else 1
        by_page.setdefault(number, []).append(item)
    fates: list[ItemFate] = []
    for number, items in by_page.items():
        there = written.get(number, []) if still.format == "tiff" else everything
        fates += carrying.account(items, there, target, notes)
    return fates


def _written(path: Path) -> list[StillItem]:
    path = _picture(path)
    return [block.item for block in anatomy.blocks(path, _format_of(path))]


def _picture(path: Path) -> Path:
    """The picture itself, which lies beside its document where it went into one."""
    if path.suffix != documents.SUFFIX:
        return path
    return next(found for suffix in (".jpg", ".png") if (found := path.with_suffix(suffix)).exists())


def _format_of(path: Path) -> str:
    return {".jpg": "jpeg"}.get(path.suffix, path.suffix[1:])

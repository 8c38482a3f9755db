"""The rungs of a picture, least harm first, and why others do not apply."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from transcoder.encode import fates, reducing
from transcoder.encode.base import Planned
from transcoder.model import Fate, ItemFate, Knob, RegionKind, Rung, RungName, SourceInfo, Value
from transcoder.profile import Profile

PAGES = "pages"
"""The rung that makes a file of each picture of a file that holds several."""
_EXTENSIONS = {"jpeg": "jpg"}
CHROMA_KINDS = frozenset((RegionKind.FACE, RegionKind.PLATE, RegionKind.TEXT, RegionKind.PERSON))
"""Regions whose colour is evidence: full chroma is worth a little luma there."""
_FULL_CHROMA_FROM = {True: 60, False: 90}
"""The lowest JPEG quality of the 4:4:4 rung, with and without such a region (results/study_stills.md, "all, by the
quality that 4:4:4 reaches"). From 90 on it costs no luma. Below, it costs 0.004 to 0.006 of the regions' SSIM; down to
60 their colour gains some four times that, further down hardly more than is lost."""


def still_rungs(
    source: SourceInfo, profile: Profile, cap: int, kinds: Collection[RegionKind] | None
) -> Iterator[Planned]:
    """Every rung of a picture; see ``ladder.plan_ladder``."""
    still = source.still
    assert still is not None
    formats = profile.still.formats
    if profile.as_documents:
        yield RungName.UNCHANGED, "the profile takes pictures in documents only"
        if source.bytes <= cap and still.format in formats:
            note = "its bytes are on the page" if still.format == "jpeg" else "its samples are on the page"
            kept = ItemFate(item="the picture", fate=Fate.KEPT, note=f"{note}, untouched")
            yield Rung(name=RungName.REWRAP, encoder="page", extension=_EXTENSIONS.get(still.format, still.format),
                       fates=(kept, *fates.still(source, lossless=True)))  # fmt: skip
    elif source.bytes > cap:
        yield RungName.UNCHANGED, f"{source.bytes} bytes are over the cap of {cap}"
    elif still.format not in formats:
        yield RungName.UNCHANGED, f"the format {still.format} is not allowed"
    else:
        extension = source.path.suffix.lstrip(".").lower() or still.format
        yield Rung(name=RungName.UNCHANGED, encoder="copy", extension=extension, fates=fates.unchanged(source))

    pages = f"the file holds {still.pages} pages or pictures, and an allowed format holds one"
    several = still.pages > 1 and still.format != "jpeg"  # a JPEG's further pictures are views of the same scene
    recode = _lossless_encoder(source, formats)
    if several:
        yield RungName.LOSSLESS, pages
        yield RungName.RE_ENCODE, pages
        if RungName.SPLIT in profile.fallback and profile.max_parts > 1:
            yield Rung(name=RungName.SPLIT, encoder=PAGES, extension=_EXTENSIONS.get(formats[0], formats[0]))
        else:
            yield RungName.SPLIT, f"the profile allows one part only, and {pages}"
        return
    if recode is None:
        yield RungName.LOSSLESS, f"no lossless way from {still.format} ({still.mode}) to an allowed format"
    else:
        encoder, extension = recode
        yield Rung(
            name=RungName.LOSSLESS, encoder=encoder, extension=extension, fates=fates.still(source, lossless=True)
        )
    lossy = [rung for name in formats for rung in lossy_rungs(source, name, kinds)]
    yield from lossy
    # Of the preferred format the last, which has the fewest samples.
    yield from reducing.rungs(source, profile, [rung for rung in lossy if rung.encoder == lossy[0].encoder][-1:])
    if RungName.SPLIT in profile.fallback and profile.max_parts > 1 and "png" in formats:
        yield Rung(name=RungName.SPLIT, encoder="png-tiles", extension="png")
    else:
        yield RungName.SPLIT, "the profile allows one part only, or no PNG"


def _lossless_encoder(source: SourceInfo, formats: tuple[str, ...]) -> tuple[str, str] | None:
    still = source.still
    assert still is not None
    if still.format == "jpeg":
        return ("jpeg-recode", "jpg") if "jpeg" in formats else None
    if "png" not in formats or still.mode in ("CMYK", "LAB", "YCbCr", "F", "I"):
        return None
    if still.format in ("png", "bmp", "tiff", "gif", "ppm", "tga", "pcx", "ico"):
        deep_colour = still.bit_depth > 8 and still.mode not in ("I;16", "I;16B", "I;16L")
        return None if deep_colour and still.format != "png" else ("png-recode", "png")
    return None


def lossy_rungs(source: SourceInfo, name: str, kinds: Collection[RegionKind] | None = None) -> Iterator[Rung]:
    """Full chroma first, where the source has it and the cap has room for it: else the rung is over the cap.

    :param kinds: what was found in the picture; None where nobody looked, which counts as if all were there.
    """
    still = source.still
    assert still is not None
    samplings: tuple[str | None, ...] = (None,)
    if name in ("jpeg", "avif") and still.mode not in ("L", "1", "I;16", "I;16B", "I", "F"):
        # A source that has no finer chroma gains nothing from 4:4:4 and pays for it.
        samplings = ("4:2:0",) if still.subsampling == "4:2:0" else ("4:4:4", "4:2:0")
    if name == "png":
        return
    colour_is_evidence = kinds is None or not CHROMA_KINDS.isdisjoint(kinds)
    for sampling in samplings:
        settings: dict[str, Value] = {"format": name}
        if sampling:
            settings["subsampling"] = sampling
        if name == "avif" and sampling is None:
            settings["subsampling"] = "4:0:0" if still.mode == "L" else "4:2:0"
        low = _FULL_CHROMA_FROM[colour_is_evidence] if (name, sampling) == ("jpeg", "4:4:4") else 5
        yield Rung(
            name=RungName.RE_ENCODE,
            encoder=name,
            extension=_EXTENSIONS.get(name, name),
            settings=settings,
            variant=sampling or "",
            knob=Knob(name="quality", low=low, high=100, start=max(75, low), integer=True, proportional=False),
            fates=fates.still(source, lossless=False),
        )

"""Pieces: a picture that one file cannot hold goes as an overview and lossless parts at native pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transcoder.encode import carrying
from transcoder.encode.fates import damage
from transcoder.encode.still_rungs import PAGES
from transcoder.errors import EncodeError
from transcoder.media import stills
from transcoder.model import (
    Attempt,
    Box,
    Choice,
    Encoded,
    EncodeSpec,
    Fate,
    ItemFate,
    PieceFile,
    Pieces,
    Region,
    Rung,
)
from transcoder.pages import deliver_pages
from transcoder.parts import tiles
from transcoder.studio import Studio

_WHOLE = frozenset(("frame", "tile"))
"""Classes that only the whole picture can meet; the others are met by a crop of their own."""
_PROOF = "every sample of the tiles equals the source's; together they cover it"


def split_still(studio: Studio, rung: Rung, choice: Choice) -> Choice | Attempt:
    """Crops of what the best single file keeps too badly, where that is all it lacks; else tiles of everything.

    :param studio: of the picture, with its regions.
    :param choice: the search among single files, without a winner.
    :returns: the choice of a set of files, or the failed attempt with its reason.
    :raises EncodeError: where the picture cannot be put into lossless pieces.
    """
    if rung.encoder == PAGES:
        return deliver_pages(studio, rung)
    nearest = choice.nearest
    starved = _starved(studio, nearest[0]) if nearest is not None else []
    if nearest is not None and starved:
        made = _crops(studio, rung, nearest, starved)
        if made is not None:
            return made
    return _tiles(studio, rung, choice)


def _starved(studio: Studio, nearest: Attempt) -> list[Region]:
    """The regions below their floor, where the whole meets its own."""
    if not nearest.missed or _WHOLE & set(nearest.missed) or nearest.fidelity is None:
        return []
    floors = studio.job.profile.floors
    low = {score.id for score in nearest.fidelity.regions if score.p1 < floors[score.kind]}
    return [region for region in studio.regions.regions if region.id in low]


def _crops(studio: Studio, rung: Rung, nearest: tuple[Attempt, Encoded], starved: Sequence[Region]) -> Choice | None:
    job, image = studio.job, stills.load(studio.job.source.path)
    boxes: list[tuple[str, Box]] = []
    for region in starved:
        for number, box in enumerate(region.key.boxes):
            around = box.padded(max(16, box.height // 4)).inside(*image.size)
            if around is not None:
                boxes.append((f"{region.id}{f'-{number + 1}' if number else ''}", around))
    try:
        # One by one: a crop that is over the cap by itself comes in several pieces, and each is captioned.
        found = [
            (name, piece)
            for name, box in boxes
            for piece in tiles.crops(
                image, [(name, box)], job.workdir, stem="crop", max_bytes=studio.picture_cap_bytes, tick=job.tick
            )
        ]
        if len(found) + 1 > job.profile.max_parts:
            return None
        files = tuple(_file(studio, piece, f"crop of {name}") for name, piece in found)
    except EncodeError:
        return None  # tiles may still do
    attempt, overview = nearest
    pieces = Pieces(kind="crops", size=image.size, mode=image.mode, pixels_sha256=None, overview=overview,
                    files=files)  # fmt: skip
    ids = ", ".join(region.id for region in starved)
    note = ItemFate(item=f"regions {ids}", fate=Fate.KEPT, note="as lossless crops beside the overview")
    winner = replace(attempt, spec=EncodeSpec(rung=_split(rung, "overview and crops")), rejected_for="", missed={})
    encoded = replace(overview, fates=(*overview.fates, note), settings={**overview.settings, "crops": len(found)})
    return Choice(winner=winner, encoded=encoded, attempts=(winner,), pieces=pieces)


def _tiles(studio: Studio, rung: Rung, choice: Choice) -> Choice | Attempt:
    job, source = studio.job, studio.job.source
    still = source.still
    assert still is not None
    spec = EncodeSpec(rung=_split(rung, "tiles"))
    image = stills.load(source.path)
    if still.bit_depth > 8 and image.mode not in ("I;16", "I;16L"):
        reason = f"tiles of {still.bit_depth} bits a sample in {still.mode} are not possible"
        return Attempt(spec=spec, bytes=None, fidelity=None, encodes=1, rejected_for=reason)
    overview = choice.nearest[1] if choice.nearest is not None else None
    most = job.profile.max_parts - (overview is not None)
    try:
        found = tiles.cut(
            image, job.workdir, stem="tiles", max_bytes=studio.picture_cap_bytes, max_pieces=most, tick=job.tick
        )
        files = tuple(
            _file(studio, piece, f"tile {number} of {len(found)}") for number, piece in enumerate(found, start=1)
        )
    except EncodeError as error:
        return Attempt(spec=spec, bytes=None, fidelity=None, encodes=1, rejected_for=str(error))
    pieces = Pieces(kind="tiles", size=image.size, mode=image.mode, pixels_sha256=stills.pixels_digest(image),
                    overview=overview, files=files)  # fmt: skip
    size = sum(piece.path.stat().st_size for piece in files)
    fates = [ItemFate(item=f"picture ({still.format}, {still.width}x{still.height})", fate=Fate.KEPT,
                      note=f"in {len(found)} lossless tiles")]  # fmt: skip
    fates += damage(still)
    if overview is not None:
        fates += [fate for fate in overview.fates if not fate.item.startswith(("picture", "pixels"))]
    else:
        fates += carrying.account_for(still, found[0].path, "png")
    encoded = Encoded(path=files[0].path, bytes=size, settings={"encoder": "png", "tiles": len(found)},
                      lossless_proof=_PROOF, fates=tuple(fates))  # fmt: skip
    winner = Attempt(spec=spec, bytes=size, fidelity=None, rejected_for="", encodes=1)
    return Choice(winner=winner, encoded=encoded, attempts=(winner,), pieces=pieces)


def _split(rung: Rung, variant: str) -> Rung:
    return replace(rung, variant=variant, knob=None)


def _file(studio: Studio, piece: tiles.Piece, what: str) -> PieceFile:
    box = piece.box
    path = studio.document(piece.path, f"{what}, {box.width}x{box.height} pixels from column {box.x}, row {box.y}")
    return PieceFile(path=path, suffix=path.name[path.name.index("_") :], box=box)

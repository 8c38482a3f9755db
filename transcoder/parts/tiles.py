"""A still as lossless pieces at native pixels: tiles that cover the whole picture, or crops of its regions.

Each piece is a PNG at or under the cap. Tiles touch and never overlap, so the picture is put together again
sample for sample. Nothing is turned: a piece lies as the picture is stored, whatever its orientation tag says.
"""

from __future__ import annotations

import hashlib
import io
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import oxipng
from numpy.typing import NDArray
from PIL import Image

from transcoder.encode.base import Tick
from transcoder.errors import CertificateError, EncodeError, InputError
from transcoder.media import decoding, documents, stills
from transcoder.model import Box

MIN_SIDE = 16
"""Pixels. A piece of this size on both sides is not cut further."""

_MODES = frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "I;16"))
_GREY = frozenset(("1", "L", "LA", "I;16"))
_CELL = 64
"""Pixels. Where a picture is costly is known in squares of this side."""
_SAMPLES, _SAMPLE_SIDE = 4, 256
"""Squares on the diagonal, in pixels, that tell at first how much smaller than the fast encoder the real one is."""
_RETRY = 0.97
"""How far below the cap a piece aims that was over it."""
_HOPELESS = 2.0
"""Nothing is begun where the estimate is this many times the number of pieces allowed; below, it may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One PNG on disk and the part of the picture it holds, in stored pixels."""

    path: Path
    box: Box
    bytes: int
    sha256: str


def cut(
    image: Image.Image, folder: Path, *, stem: str, max_bytes: int, max_pieces: int, tick: Tick
) -> tuple[Piece, ...]:
    """Cover the picture with disjoint tiles, as few as possible, in reading order (by top, then left edge).

    Each is decoded again and compared. The name says where its top left corner lies:
    ``STEM_tile-y0512-x0000.png``. Only samples and colour profile travel, and only those that ``image`` holds:
    deep colour that was decoded to 8 bits stays at 8 bits.

    :param tick: called with phase ``tiles``, finished and all pixels.
    :raises EncodeError: where PNG cannot hold the picture, more than ``max_pieces`` are needed, or a tile of
        16x16 pixels is over ``max_bytes``. Files written until then stay in the folder.
    """
    area = Box(0, 0, *image.size)
    return _Cutter(image, area, max_bytes, max_pieces, tick).write(folder, stem)


def crops(
    image: Image.Image, boxes: Sequence[tuple[str, Box]], folder: Path, *, stem: str, max_bytes: int, tick: Tick
) -> tuple[Piece, ...]:
    """One lossless PNG for each region, ``STEM_ID.png``; one too large for the cap is cut as the whole would be.

    :param boxes: id and box of each region; what reaches outside the picture is left out.
    :raises EncodeError: as ``cut``, for a region outside the picture, and for an id that comes twice.
    """
    names = [name for name, _ in boxes]
    if len(set(names)) != len(names):
        raise EncodeError("two regions have the same id, so one crop would replace the other", where=stem)
    pieces: list[Piece] = []
    for name, box in boxes:
        area = box.inside(*image.size)
        if area is None:
            raise EncodeError(f"region {name} lies outside the picture", where=stem)
        pieces += _Cutter(image, area, max_bytes, None, tick).write(folder, f"{stem}_{name}", whole=True)
    return tuple(pieces)


def rebuild(pieces: Sequence[tuple[Path, Box]], size: tuple[int, int], mode: str) -> Image.Image:
    """Put the tiles of a picture together.

    :param size: width and height of the whole in pixels.
    :param mode: as Pillow names it; each tile must have it.
    :raises CertificateError: ``tiles-overlap`` where a part is there twice; ``tiles-incomplete`` where one is
        missing, unreadable or of another size or kind.
    """
    if mode not in _MODES or not 0 < size[0] * size[1] <= decoding.MAX_PIXELS:
        raise _incomplete(f"tiles do not make a picture of {size[0]}x{size[1]} {mode} samples")
    _check_cover(pieces, size)
    whole = Image.new(mode, size)
    colours: object = None
    for path, box in pieces:
        try:
            tile = documents.load(path)
        except InputError as error:
            raise _incomplete(f"the tile at x {box.x}, y {box.y} is missing or damaged: {error}") from None
        if (*tile.size, tile.mode) != (box.width, box.height, mode):
            found, wanted = f"{tile.width}x{tile.height} {tile.mode}", f"{box.width}x{box.height} {mode}"
            raise _incomplete(f"{path.name} holds {found} samples, its place in the picture {wanted}")
        its_colours = tile.getpalette(), tile.info.get("transparency")
        if colours is None:
            colours = its_colours
            if tile.palette is not None:
                whole.putpalette(tile.palette)
            whole.info.update({key: tile.info[key] for key in ("transparency", "icc_profile") if key in tile.info})
        elif its_colours != colours:
            raise _incomplete(f"{path.name} has another palette or transparent colour than the tiles before it")
        whole.paste(tile, (box.x, box.y))
    return whole


def _check_cover(pieces: Sequence[tuple[Path, Box]], size: tuple[int, int]) -> None:
    width, height = size
    for path, box in pieces:
        if box.width < 1 or box.height < 1 or box.inside(width, height) != box:
            raise _incomplete(f"{path.name} does not lie inside a picture of {width}x{height} pixels")
    for (first, one), (second, other) in combinations(pieces, 2):
        if shared := one.overlap(other):
            raise CertificateError(
                f"{first.name} and {second.name} both hold {shared:,} pixels around x {max(one.x, other.x)}, "
                f"y {max(one.y, other.y)}",
                code="tiles-overlap",
            )
    # Disjoint and inside: they cover the picture exactly where their areas add up to it.
    missing = width * height - sum(box.area for _, box in pieces)
    if missing:
        x, y = _first_gap([box for _, box in pieces], width)
        raise _incomplete(f"{missing:,} of {width * height:,} pixels are in no tile, the first at x {x}, y {y}")


def _first_gap(boxes: Sequence[Box], width: int) -> tuple[int, int]:
    """The first pixel in reading order that none of these disjoint boxes covers; there is one."""
    for y in sorted({0, *(box.bottom for box in boxes)}):
        x = 0
        for box in sorted((box for box in boxes if box.y <= y < box.bottom), key=lambda box: box.x):
            if box.x > x:
                break
            x = box.right
        if x < width:
            return x, y
    raise AssertionError("no gap")


def _incomplete(message: str) -> CertificateError:
    return CertificateError(message, code="tiles-incomplete")


class _Cutter:
    """Cuts one area of a picture, and learns from each tile made how well the next will compress."""

    def __init__(self, image: Image.Image, area: Box, max_bytes: int, max_pieces: int | None, tick: Tick) -> None:
        if image.mode not in _MODES:
            raise EncodeError(
                f"PNG cannot hold {image.mode} pictures as they are", hint="convert it, or deliver another format"
            )
        self._image, self._area = image, area
        self._max_bytes, self._max_pieces, self._tick = max_bytes, max_pieces, tick
        self._icc = _profile(image, max_bytes)
        self._header = len(_png(image.crop((0, 0, 1, 1)), self._icc))
        self._room = max(1, max_bytes - self._header)
        self._foretold = self._made = 0.0
        """Bytes of all PNGs made so far: by the cells they lie in, and as they came out."""
        self._done_area, self._done_pieces, self._done_cost = 0, 0, 0.0
        self._columns = np.array([*range(area.x, area.right, _CELL), area.right], float)
        self._rows = np.array([*range(area.y, area.bottom, _CELL), area.bottom], float)
        self._cells = self._costs()
        if self._cells.sum() > self._room:
            for sample in _samples(area):
                self._encode(sample)

    def write(self, folder: Path, name: str, *, whole: bool = False) -> tuple[Piece, ...]:
        """The pieces of the area as files; with ``whole``, a single piece has the plain name."""
        digits = len(str(max(self._image.size)))
        pieces = []
        for box, data in self._cover(self._area):
            place = "" if whole and box == self._area else f"_tile-y{box.y:0{digits}}-x{box.x:0{digits}}"
            path = folder / f"{name}{place}.png"
            path.write_bytes(data)
            pieces.append(Piece(path=path, box=box, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
        return tuple(sorted(pieces, key=lambda piece: (piece.box.y, piece.box.x)))

    def _cover(self, box: Box) -> Iterator[tuple[Box, bytes]]:
        """Disjoint tiles of a box, each at or under the cap: rows from the top, planned anew after each."""
        while box.height:
            count = self._tiles_for(self._cost(box))
            columns = min(max(1, round(math.sqrt(count * box.width / box.height))), count)
            bottom = self._down(box, columns / count)
            yield from self._fill(Box(box.x, box.y, box.width, bottom - box.y))
            box = Box(box.x, bottom, box.width, box.bottom - bottom)

    def _fill(self, row: Box) -> Iterator[tuple[Box, bytes]]:
        """Disjoint tiles side by side, from the left. What is too much for one is left to the next."""
        share = 1 / self._tiles_for(self._cost(row))
        while row.width:
            self._tick("tiles", self._done_area, self._area.area)
            self._check_count()
            tile = Box(row.x, row.y, self._across(row, share) - row.x, row.height)
            data = self._encode(tile)
            if len(data) > self._max_bytes and tile.width > max(MIN_SIDE, tile.height // 2):
                share *= max(0.1, _RETRY * self._room / max(1, len(data) - self._header))
                continue
            if len(data) <= self._max_bytes:
                self._done_area += tile.area
                self._done_pieces += 1
                self._done_cost += self._cost(tile)
                yield tile, data
            elif tile.height > MIN_SIDE:
                middle = self._down(tile, 0.5)
                yield from self._fill(Box(tile.x, tile.y, tile.width, middle - tile.y))
                yield from self._fill(Box(tile.x, middle, tile.width, tile.bottom - middle))
            else:
                raise EncodeError(
                    f"{tile.width}x{tile.height} pixels at x {tile.x}, y {tile.y} take {len(data):,} bytes as PNG, "
                    f"over the {self._max_bytes:,} allowed for one piece"
                )
            row = Box(tile.right, row.y, row.right - tile.right, row.height)
            share = 1 / self._tiles_for(self._cost(row))

    def _tiles_for(self, cost: float) -> int:
        """How many tiles this many bytes of the fast encoder will take, at least one."""
        ratio = self._made / self._foretold if self._foretold else 1.0
        return max(1, math.ceil(cost * ratio / self._room))

    def _check_count(self) -> None:
        """:raises EncodeError: where one more piece is not allowed, or the estimate is hopeless."""
        if self._max_pieces is None:
            return
        count = self._done_pieces + self._tiles_for(float(self._cells.sum()) - self._done_cost)
        if self._done_pieces >= self._max_pieces or count > _HOPELESS * self._max_pieces:
            raise EncodeError(
                f"{self._area.width}x{self._area.height} pixels take about {count:,} lossless pieces of at most "
                f"{self._max_bytes:,} bytes, over the {self._max_pieces:,} allowed"
            )

    def _costs(self) -> NDArray[np.float64]:
        """What each cell takes by a fast encoder, in bytes without the header: shape (rows, columns)."""
        bare = len(_png(self._image.crop((0, 0, 1, 1))))
        rows = []
        for top, bottom in pairwise(self._rows):
            self._tick("tiles", 0, self._area.area)
            cells = [
                self._image.crop((int(left), int(top), int(right), int(bottom)))
                for left, right in pairwise(self._columns)
            ]
            rows.append([max(1, len(_png(cell)) - bare) for cell in cells])
        return np.array(rows, float)

    def _cost(self, box: Box) -> float:
        """Bytes of the fast encoder."""
        return float(self._down_costs(box).sum())

    def _down_costs(self, box: Box) -> NDArray[np.float64]:
        """What of each row of cells lies in a box, in the same bytes."""
        return _overlaps(self._rows, box.y, box.bottom) * (self._cells @ _overlaps(self._columns, box.x, box.right))

    def _down(self, box: Box, share: float) -> int:
        """The line above which a box has this share of its bytes."""
        return _place(self._down_costs(box), self._rows, box.y, box.bottom, share)

    def _across(self, box: Box, share: float) -> int:
        """The column before which a box has this share of its bytes."""
        costs = _overlaps(self._columns, box.x, box.right) * (_overlaps(self._rows, box.y, box.bottom) @ self._cells)
        return _place(costs, self._columns, box.x, box.right, share)

    def _encode(self, box: Box) -> bytes:
        """One tile as an optimised PNG of the picture's own mode, decoded again and compared.

        :raises EncodeError: where that fails.
        """
        tile = self._image.crop((box.x, box.y, box.right, box.bottom))
        try:
            data = oxipng.optimize_from_memory(
                _png(tile, self._icc, compress_level=0),
                # As small as the tool's level 4 on photos, in less than half its time.
                filter=[oxipng.RowFilter.Brute],
                deflate=oxipng.Deflaters.libdeflater(10),
                interlace=oxipng.Interlacing.Off,
                # All tiles keep one mode and one palette, so that they fit together again.
                bit_depth_reduction=False,
                color_type_reduction=False,
                palette_reduction=False,
                grayscale_reduction=False,
            )
        except oxipng.PngError as error:
            raise EncodeError(f"the PNG cannot be re-coded ({error})") from None
        with Image.open(io.BytesIO(data), formats=("PNG",)) as decoded:
            if decoded.mode != tile.mode or not stills.pixels_equal(tile, decoded):
                raise EncodeError(f"the tile at x {box.x}, y {box.y} differs from the picture")
        self._foretold += self._cost(box)
        self._made += len(data) - self._header
        return data


def _png(image: Image.Image, icc: bytes = b"", *, compress_level: int = 1) -> bytes:
    """The fast encoder."""
    out = io.BytesIO()
    try:
        image.save(out, "PNG", compress_level=compress_level, icc_profile=icc or None)
    except (OSError, ValueError) as error:
        raise EncodeError(f"PNG cannot hold this picture ({error})") from None
    return out.getvalue()


def _profile(image: Image.Image, max_bytes: int) -> bytes:
    """The colour profile each piece carries: empty where it belongs to other samples or takes a quarter of a piece."""
    icc = stills.metadata_of(image)[1]
    fitting = icc[16:20].strip() == (b"GRAY" if image.mode in _GREY else b"RGB")
    return icc if fitting and len(zlib.compress(icc)) <= max_bytes // 4 else b""


def _samples(area: Box) -> set[Box]:
    """Squares from the top left to the bottom right corner; one where the area is no larger."""
    width, height = min(_SAMPLE_SIDE, area.width), min(_SAMPLE_SIDE, area.height)
    free_x, free_y, last = area.width - width, area.height - height, _SAMPLES - 1
    steps = range(_SAMPLES)
    return {Box(area.x + free_x * step // last, area.y + free_y * step // last, width, height) for step in steps}


def _overlaps(edges: NDArray[np.float64], low: int, high: int) -> NDArray[np.float64]:
    """The share of each cell, 0 to 1, that lies between two places."""
    return np.diff(np.clip(edges, low, high)) / np.diff(edges)


def _place(costs: NDArray[np.float64], edges: NDArray[np.float64], low: int, high: int, share: float) -> int:
    """Where the running cost reaches a share of the whole; ``high`` where there is no room for two pieces."""
    if share >= 1 or high - low <= MIN_SIDE:
        return high
    running = np.concatenate(([0.0], np.cumsum(costs)))
    place = round(float(np.interp(share * running[-1], running, np.clip(edges, low, high))))
    least = min(MIN_SIDE, (high - low) // 2)
    return min(max(place, low + least), high - least)

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
from transcoder.media import stills
from transcoder.model import Box

MIN_SIDE = 16
"""Pixels. A piece of this size on both sides is not cut further."""

_MODES = frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "I;16"))
_GREY = frozenset(("1", "L", "LA", "I;16"))
_CELL = 64
"""Pixels. Where a picture is costly is known in squares of this side."""
_FIRST_RATIO = 0.75
"""Optimised bytes for each byte of the fast encoder; photos lie between 0.65 and 0.85."""
_MARGIN = 1.07
"""How far a piece aims below the cap. Less, and more of them miss it and are cut in two."""
_HOPELESS = 1.5
"""Work stops early where the estimate is this far over the number of pieces allowed; nearer, it is counted."""


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
    ``STEM_tile-y0512-x0000.png``. Only what ``image`` holds can be kept: deep colour that was decoded to
    8 bits stays at 8 bits.

    :raises EncodeError: where PNG cannot hold the picture, more than ``max_pieces`` are needed, or a tile of
        16x16 pixels is over ``max_bytes``. Files written until then stay in the folder.
    """
    area = Box(0, 0, *image.size)
    return _Cutter(image, area, max_bytes, max_pieces, tick).write(folder, f"{stem}_tile")


def crops(
    image: Image.Image, boxes: Sequence[tuple[str, Box]], folder: Path, *, stem: str, max_bytes: int, tick: Tick
) -> tuple[Piece, ...]:
    """One lossless PNG for each region, ``STEM_ID.png``; one too large for the cap is cut into tiles.

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
    _check_cover(pieces, size)
    whole = Image.new(mode, size)
    colours: object = None
    for path, box in pieces:
        try:
            tile = stills.load(path)
        except InputError as error:
            raise _incomplete(f"the tile at x {box.x}, y {box.y} is missing or damaged: {error}") from None
        if tile.size != (box.width, box.height):
            found, wanted = f"{tile.width}x{tile.height}", f"{box.width}x{box.height}"
            raise _incomplete(f"{path.name} has {found} pixels, its place in the picture {wanted}")
        if tile.mode != mode:
            raise _incomplete(f"{path.name} holds {tile.mode} samples, the picture {mode}")
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
    """Cuts one area of a picture, and learns from each finished tile how well the next will compress."""

    def __init__(self, image: Image.Image, area: Box, max_bytes: int, max_pieces: int | None, tick: Tick) -> None:
        if image.mode not in _MODES:
            raise EncodeError(
                f"PNG cannot hold {image.mode} pictures as they are", hint="convert it, or deliver another format"
            )
        self._image, self._area = image, area
        self._max_bytes, self._max_pieces, self._tick = max_bytes, max_pieces, tick
        self._icc = _profile(image, max_bytes)
        self._header = len(_fast_png(image.crop((0, 0, 1, 1)), self._icc))
        self._fast = self._optimised = 0.0
        """Bytes of all finished tiles by the fast encoder's reckoning, and as they came out."""
        self._done_area = self._done_pieces = 0
        self._columns, self._rows = (
            np.array([*range(start, stop, _CELL), stop], float)
            for start, stop in ((area.x, area.right), (area.y, area.bottom))
        )
        self._costs = np.array([self._row_costs(top, bottom) for top, bottom in pairwise(self._rows.astype(int))])

    def write(self, folder: Path, name: str, *, whole: bool = False) -> tuple[Piece, ...]:
        """The pieces of the area as files; with ``whole``, one piece alone has the plain name."""
        digits = len(str(max(self._image.size)))
        pieces = []
        for box, data in self._cover(self._area):
            place = "" if whole and box == self._area else f"-y{box.y:0{digits}}-x{box.x:0{digits}}"
            path = folder / f"{name}{place}.png"
            path.write_bytes(data)
            pieces.append(Piece(path=path, box=box, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
        if self._max_pieces is not None and len(pieces) > self._max_pieces:
            raise self._too_many(f"{len(pieces)}")
        return tuple(sorted(pieces, key=lambda piece: (piece.box.y, piece.box.x)))

    def _cover(self, box: Box) -> Iterator[tuple[Box, bytes]]:
        """Disjoint tiles of a box, each at or under the cap."""
        count = self._expected(box)
        smallest = max(box.width, box.height) <= MIN_SIDE
        if count == 1 or smallest:
            self._tick("tiles", self._done_area, self._area.area)
            data = self._png(box)
            self._fast += self._cost(box)
            self._optimised += max(1, len(data) - self._header)
            if len(data) <= self._max_bytes:
                self._done_area += box.area
                self._done_pieces += 1
                yield box, data
                return
            if smallest:
                raise EncodeError(
                    f"{box.width}x{box.height} pixels at x {box.x}, y {box.y} take {len(data):,} bytes as PNG, "
                    f"over the {self._max_bytes:,} allowed for one piece"
                )
            count = max(2, self._count(len(data) - self._header))
        yield from self._split(box, count)

    def _split(self, box: Box, count: int) -> Iterator[tuple[Box, bytes]]:
        """Rows of tiles from the top, all of about the same cost; what is below is planned again after each."""
        while True:
            rows, columns = _grid(box, count)
            heights, widths = self._profiles(box)
            # The last row may have fewer columns, never more.
            bottom = _places(heights, self._rows, box.y, box.bottom, [columns / count] if rows > 1 else [])[1]
            band = Box(box.x, box.y, box.width, bottom - box.y)
            widths = self._profiles(band)[1]
            shares = [number / columns for number in range(1, columns)]
            for left, right in pairwise(_places(widths, self._columns, band.x, band.right, shares)):
                yield from self._cover(Box(left, band.y, right - left, band.height))
            if bottom == box.bottom:
                return
            box = Box(box.x, bottom, box.width, box.bottom - bottom)
            count = self._expected(box)

    def _expected(self, box: Box) -> int:
        """How many tiles the box will take.

        :raises EncodeError: where that is far beyond the number allowed.
        """
        ratio = self._optimised / self._fast if self._fast else _FIRST_RATIO
        count = self._count(self._cost(box) * ratio)
        if self._max_pieces is not None and self._done_pieces + count > _HOPELESS * self._max_pieces:
            raise self._too_many(f"about {self._done_pieces + count}")
        return count

    def _count(self, size: float) -> int:
        room = self._max_bytes - self._header
        return max(1, math.ceil(size * _MARGIN / room)) if room > 0 else self._area.area

    def _too_many(self, count: str) -> EncodeError:
        width, height = self._area.width, self._area.height
        return EncodeError(
            f"{width}x{height} pixels take {count} lossless pieces of at most {self._max_bytes:,} bytes, "
            f"over the {self._max_pieces} allowed"
        )

    def _row_costs(self, top: int, bottom: int) -> list[int]:
        """What each cell of one row takes by a fast encoder, in bytes without the header."""
        self._tick("tiles", 0, self._area.area)
        sizes = []
        for left, right in pairwise(self._columns.astype(int)):
            cell = self._image.crop((int(left), top, int(right), bottom))
            sizes.append(max(1, len(_fast_png(cell, self._icc)) - self._header))
        return sizes

    def _profiles(self, box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What lies inside a box, by rows and by columns of cells."""
        across = _inside(self._columns, box.x, box.right)
        down = _inside(self._rows, box.y, box.bottom)
        return down * (self._costs @ across), across * (down @ self._costs)

    def _cost(self, box: Box) -> float:
        return float(self._profiles(box)[0].sum())

    def _png(self, box: Box) -> bytes:
        """One tile as an optimised PNG of the picture's own mode, proven.

        :raises EncodeError: where it does not decode to the same samples.
        """
        tile = self._image.crop((box.x, box.y, box.right, box.bottom))
        try:
            data = oxipng.optimize_from_memory(
                _fast_png(tile, self._icc),
                # On photos as small as level 4 of the tool, in less than half its time.
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
        return data


def _fast_png(image: Image.Image, icc: bytes) -> bytes:
    out = io.BytesIO()
    try:
        image.save(out, "PNG", compress_level=1, icc_profile=icc or None)
    except (OSError, ValueError) as error:
        raise EncodeError(f"PNG cannot hold this picture ({error})") from None
    return out.getvalue()


def _profile(image: Image.Image, max_bytes: int) -> bytes:
    """The colour profile each piece carries: empty where it belongs to other samples or takes a quarter of a piece."""
    icc = stills.metadata_of(image)[1]
    fitting = icc[16:20].strip() == (b"GRAY" if image.mode in _GREY else b"RGB")
    return icc if fitting and len(zlib.compress(icc)) <= max_bytes // 4 else b""


def _grid(box: Box, count: int) -> tuple[int, int]:
    """Rows and columns for about ``count`` tiles, as square as can be; two at least unless the box is smallest."""
    most_columns, most_rows = -(-box.width // MIN_SIDE), -(-box.height // MIN_SIDE)
    columns = min(max(1, round(math.sqrt(count * box.width / box.height))), most_columns, count)
    rows = min(-(-count // columns), most_rows)
    if rows * columns == 1 and count > 1:
        return (2, 1) if most_rows > most_columns else (1, min(2, most_columns))
    return rows, columns


def _inside(edges: NDArray[np.float64], low: int, high: int) -> NDArray[np.float64]:
    """The share of each cell, 0 to 1, that lies between two places."""
    clipped = np.clip(edges, low, high)
    return np.diff(clipped) / np.diff(edges)


def _places(
    costs: NDArray[np.float64], edges: NDArray[np.float64], low: int, high: int, shares: Sequence[float]
) -> list[int]:
    """``low``, where the running cost reaches each share, and ``high``: strictly increasing."""
    running = np.concatenate(([0.0], np.cumsum(costs)))
    wanted = np.interp(np.array(shares) * running[-1], running, np.clip(edges, low, high))
    places = [low]
    least = min(MIN_SIDE, (high - low) // (len(shares) + 1))
    for number, place in enumerate(wanted):
        left = len(shares) - number
        places.append(min(max(round(float(place)), places[-1] + least), high - left * least))
    return [*places, high]

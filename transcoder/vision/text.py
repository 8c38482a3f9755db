"""Text: where it is and what it says (PP-OCRv6 small, as the ``rapidocr`` wheel carries it).

Detection takes most of the time (0.4 s of a processor for a megapixel), so its work is bounded: a picture of up to 2.5
megapixels is looked at whole, a larger one as a whole, small, for large letters, and shrunk to at most 5 megapixels
where a cheap look finds strokes (``strokes``). In six photos with 384 plates and lines put into them 230 are read right
so, where looking everywhere in tiles of 1280 pixels read 210, in more than twice the time: what is small is found more
surely in a small part. At two fifths of the light it is 195 of them and 188.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcoder.model import Box, DetectorUse
from transcoder.vision import memory, opencv, strokes, weights
from transcoder.vision.ppocr import LineFinder, LineReader
from transcoder.vision.wording import edit_distance_ratio, looks_like_plate, normalise

__all__ = ["TextLine", "TextReader", "corners", "edit_distance_ratio", "looks_like_plate", "normalise"]

Picture = NDArray[np.uint8]
"""Blue, green, red, of shape (height, width, 3)."""
Point = tuple[float, float]
"""x and y in pixels."""
Quad = tuple[Point, Point, Point, Point]
"""Corners of a line of text: top left, top right, bottom right, bottom left, as one reads it."""

PACKAGE = "rapidocr"
DETECTION_FILE = "PP-OCRv6_det_small.onnx"
READING_FILE = "PP-OCRv6_rec_small.onnx"

WHOLE_PIXELS = 2_500_000  # a 1080p frame is looked at as it is
# Of eleven plates, put into a 12 MP photo 100 px wide, nine are read at 5 megapixels,
# eight at 8 and seven at 12: what more pixels show is the noise of a phone's camera.
MOST_PIXELS = 5_000_000
TILE_SIDE, TILE_OVERLAP = 1280, 160  # the overlap is longer than most plates of a shrunk photo
# Of 409 lines put into six photos 335 are found so (322 read right), 333 (320) at 960 in 1.7 times the time, 333 (318)
# at 640.
COARSE_SIDE = 736
COARSE_HEIGHT = 31  # lines at least this high when the whole is looked at are better found there than in parts
# Letters of 7 px, as 320 x 240 cameras burn them in, are found only when enlarged: of four frames of such a camera
# the clock was found in none at 1, in three at 1.5, and no better at 2 or 3. Larger pictures gain nothing.
SMALL_SIDE, ENLARGED = 480, 1.5
MOST_LINES = 150  # read in one picture: the best placed ones; a page of print must not take a minute
SMALLEST_SIDE = 8  # no letter can be told in a picture smaller than this
_LONGEST = 40.0  # a place this many times as wide as high; longer ones are squeezed, for the reader's memory
_SAME_PLACE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLine:
    """One line of text, in the pixels of the picture it was found in."""

    box: Box
    quad: Quad
    text: str
    confidence: float
    """Of the reading, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A line that was found and not read yet."""

    quad: Quad
    box: Box
    score: float
    rank: int
    """0: found as it should be; 1: small in the view of the whole, so its corners are coarse; 2: cut by a tile."""


class TextReader:
    """Finds and reads text. Nothing is downloaded, nothing is logged.

    :raises ModelUnavailable: where a package or a file of weights is missing, or looking for text does not load.
    """

    def __init__(self) -> None:
        self._cv2 = opencv.load()
        paths = [weights.find(PACKAGE, name) for name in (DETECTION_FILE, READING_FILE)]
        self._finder, self._reader = LineFinder(paths[0]), LineReader(paths[1])
        self._use = DetectorUse(
            name="PP-OCRv6 small",
            package=PACKAGE,
            version=weights.version_of(PACKAGE),
            weights_sha256={path.name: weights.sha256_of(path) for path in paths},
            parameters={"whole_pixels": WHOLE_PIXELS, "most_pixels": MOST_PIXELS, "most_lines": MOST_LINES},
        )

    @property
    def use(self) -> DetectorUse:
        """What reads, and with which weights."""
        return self._use

    def find(self, picture: Picture) -> list[TextLine]:
        """Lines of text of a picture, surest reading first; places where nothing could be read are left out.

        :param picture: uint8, shape (height, width, 3), blue first.
        :returns: boxes and corners in the picture's own pixels; boxes lie inside it.
        """
        places = self._places(picture)
        readings = self.read(picture, [place.quad for place in places])
        lines = [
            TextLine(box=place.box, quad=place.quad, text=text, confidence=confidence)
            for place, (text, confidence) in zip(places, readings, strict=True)
            if text
        ]
        return sorted(lines, key=lambda line: (-line.confidence, line.box.y, line.box.x))

    def read(self, picture: Picture, places: Sequence[Quad | Box]) -> list[tuple[str, float]]:
        """Read fixed places, without looking for text: the same place in two pictures can be compared.

        Each place is read by itself, so its reading does not depend on what else is read.

        :param picture: uint8, shape (height, width, 3), blue first.
        :param places: corners, or upright boxes; what is much higher than wide is read turned by 90 degrees.
        :returns: text and confidence from 0 to 1 for each place; ("", 0.0) where nothing could be read.
        """
        readings = []
        for place in places:
            crop = self._crop(picture, corners(place) if isinstance(place, Box) else place)
            readings.append(self._reader.read(crop) if crop is not None else ("", 0.0))
        return readings

    def _places(self, picture: Picture) -> list[_Candidate]:
        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            return []
        if height * width > WHOLE_PIXELS:
            return _distinct(list(self._in_parts(picture)))[:MOST_LINES]
        seen = self._resized(picture, ENLARGED if max(height, width) <= SMALL_SIDE else 1.0)
        return _distinct(list(self._look(seen, _all_of(seen), picture.shape)))[:MOST_LINES]

    def _in_parts(self, picture: Picture) -> Iterator[_Candidate]:
        """Lines of a large picture: seen as a whole, and closely where that or strokes say that there may be any."""
        height, width = picture.shape[:2]
        close = self._resized(picture, min(1.0, math.sqrt(MOST_PIXELS / (height * width))))
        whole = self._resized(close, COARSE_SIDE / max(close.shape))  # shrinking all of it again takes twice as long
        coarse = list(self._look(whole, _all_of(whole), picture.shape, COARSE_HEIGHT))
        yield from coarse
        cells = strokes.stand_out(self._cv2, close)
        factor = close.shape[1] / width / strokes.CELL
        for box in (place.box for place in coarse if place.rank):
            rows, columns = (
                slice(int(start * factor), math.ceil(end * factor))
                for start, end in ((box.y, box.bottom), (box.x, box.right))
            )
            cells[rows, columns] = True
        parts = strokes.parts(self._cv2, cells, close.shape[1], close.shape[0])
        if sum(part.area for part in parts) > close.shape[0] * close.shape[1]:
            parts = list(_tiles(close.shape[1], close.shape[0]))
        for part in parts:
            yield from self._look(close, part, picture.shape)

    def _look(self, seen: Picture, part: Box, shape: tuple[int, ...], least: int = 0) -> Iterator[_Candidate]:
        """Lines in one part of what is seen of a picture of ``shape``, in that picture's pixels.

        :param least: height of a line in pixels of ``seen`` from which its corners are to be trusted.
        """
        height, width = seen.shape[:2]
        factor = np.array([shape[1] / width, shape[0] / height])
        # Distances from the part's sides count only where the picture goes on behind them.
        goes_on = np.array([part.x > 0, part.y > 0, part.right < width, part.bottom < height])
        size = np.array([part.width, part.height], dtype=np.float64)
        likelihood = self._finder.likelihood(seen[part.y : part.bottom, part.x : part.right])
        for corners_, score in self._finder.lines(likelihood):
            points = np.minimum(corners_, size)
            room = np.concatenate([points.min(axis=0), size - 1 - points.max(axis=0)])
            rank = 2 if (goes_on & (room < 3)).any() else int(_height(points) < least)
            quad = (points + np.array([part.x, part.y])) * factor
            low, high = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
            box = Box(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
            inside = box.inside(shape[1], shape[0])
            if inside is not None:
                a, b, c, d = ((float(x), float(y)) for x, y in quad)
                yield _Candidate((a, b, c, d), inside, score, rank)

    def _crop(self, picture: Picture, quad: Quad) -> Picture | None:
        """The place as an upright picture, as PP-OCR cuts it; beyond the picture its edge is repeated."""
        points = np.array(quad, dtype=np.float32)
        if not np.isfinite(points).all() or min(picture.shape[:2]) < 1:
            return None
        wide = max(np.linalg.norm(points[0] - points[1]), np.linalg.norm(points[2] - points[3]))
        high = max(np.linalg.norm(points[0] - points[3]), np.linalg.norm(points[1] - points[2]))
        width, height = int(wide), int(high)
        if min(width, height) < 2 or max(width, height) > 4 * max(picture.shape[:2]):
            return None
        target = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        matrix = self._cv2.getPerspectiveTransform(points, target)
        crop: Picture = self._cv2.warpPerspective(
            picture, matrix, (width, height), flags=self._cv2.INTER_CUBIC, borderMode=self._cv2.BORDER_REPLICATE
        )
        if height >= 1.5 * width:
            crop = np.rot90(crop)
        if crop.shape[1] > _LONGEST * crop.shape[0]:
            size = (int(_LONGEST * crop.shape[0]), crop.shape[0])
            crop = self._cv2.resize(crop, size, interpolation=self._cv2.INTER_AREA)
        return np.ascontiguousarray(crop)

    def _resized(self, picture: Picture, scale: float) -> Picture:
        if scale == 1:
            return picture
        height, width = picture.shape[:2]
        size = (max(SMALLEST_SIDE, round(width * scale)), max(SMALLEST_SIDE, round(height * scale)))
        how = self._cv2.INTER_AREA if scale < 1 else self._cv2.INTER_CUBIC
        resized: Picture = self._cv2.resize(picture, size, interpolation=how)
        return resized


def corners(box: Box) -> Quad:
    """The corners of an upright box."""
    left, top, right, bottom = float(box.x), float(box.y), float(box.right), float(box.bottom)
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _height(points: NDArray[np.float64]) -> float:
    """Height of a line's letters: the shorter of its sides."""
    return float(min(np.linalg.norm(points[0] - points[3]), np.linalg.norm(points[0] - points[1])))


def _all_of(picture: Picture) -> Box:
    return Box(0, 0, picture.shape[1], picture.shape[0])


def _tiles(width: int, height: int) -> Iterator[Box]:
    """Parts that cover a picture and overlap."""
    for top, high in strokes.spans(height, TILE_SIDE, TILE_OVERLAP):
        for left, wide in strokes.spans(width, TILE_SIDE, TILE_OVERLAP):
            yield Box(left, top, wide, high)


def _distinct(candidates: list[_Candidate]) -> list[_Candidate]:
    """Best first, without those that another tile or the view of the whole has better."""
    kept: list[_Candidate] = []
    for place in sorted(candidates, key=lambda place: (place.rank, -place.score, place.box.y, place.box.x)):
        smaller = (min(place.box.area, other.box.area) for other in kept)
        shared = (place.box.overlap(other.box) for other in kept)
        if all(part <= _SAME_PLACE * area for part, area in zip(shared, smaller, strict=True)):
            kept.append(place)
    return kept


shared = memory.Shared(TextReader)
"""The one that all jobs of this process use: loading it takes longer than most looks, and it locks itself."""

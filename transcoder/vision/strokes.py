"""Where a large picture may have small text: a look at strokes, a hundredth of the work of a network's look.

Letters are thin and stand out from what is around them, so the difference between a picture and itself with everything
thin removed (top hat and black hat) is large where they are, and small on walls, skies, skin and noise. Of 259
plates and lines put into six photos, at sizes at which the network finds them, all were above 24, where some pictures
have an eighth of their area. What is large is not thin, but that the look at the whole finds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcoder.model import Box

Mask = NDArray[np.bool_]
CELL = 16
"""Side of the squares in which a picture is judged, in pixels."""
_THICKEST = 9
_AROUND = (24, 12)
"""Strokes count by their mean over a few letters, in pixels."""
_LEAST, _MOST, _SHARE = 8, 20, 0.18
"""Grey levels that count, and their share of what is around: in the dark letters stand out less than by day."""
_NEAR = (49, 49)
_FEWEST = 3
"""Cells side by side: a line of text has more, a speck less."""
_CONTEXT = 3
"""Cells around strokes that the network needs to tell what they are."""
_LARGEST, _OVERLAP = 28, 8
"""Cells: what is larger in both directions is no line but foliage, say, and is cut into parts that share this much,
more than the height of any line that must be found here."""


def stand_out(cv2: Any, picture: NDArray[np.uint8]) -> Mask:
    """For each cell of a picture whether it has strokes.

    :param picture: uint8, shape (height, width, 3), blue first.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    thin = np.ones((_THICKEST, _THICKEST), np.uint8)
    hat = cv2.max(cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, thin), cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, thin))
    wanted = np.clip(np.arange(256) * _SHARE, _LEAST, _MOST).astype(np.uint8)
    return without_specks(cv2, in_cells(cv2.blur(hat, _AROUND) >= cv2.LUT(cv2.blur(grey, _NEAR), wanted)))


def in_cells(pixels: Mask) -> Mask:
    """For each cell whether any of its pixels is set."""
    height, width = pixels.shape
    padded = np.pad(pixels, ((0, -height % CELL), (0, -width % CELL)))
    rows, columns = padded.shape[0] // CELL, padded.shape[1] // CELL
    return np.asarray(padded.reshape(rows, CELL, columns, CELL).any(axis=(1, 3)))


def without_specks(cv2: Any, cells: Mask) -> Mask:
    """The cells that have enough neighbours to be a line."""
    _, numbers, facts, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=8)
    large = facts[:, cv2.CC_STAT_AREA] >= _FEWEST
    large[0] = False
    kept: Mask = large[numbers]
    return kept


def parts(cv2: Any, cells: Mask, width: int, height: int) -> list[Box]:
    """Upright parts of a picture that hold every set cell and what is around it; no line is cut that need not be."""
    touching = cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, numbers, facts, _ = cv2.connectedComponentsWithStats(touching, connectivity=8)
    found: list[Box] = []
    for number in range(1, count):
        left, top, wide, high = (int(value) for value in facts[number][:4])
        own = cells[top : top + high, left : left + wide] & (numbers[top : top + high, left : left + wide] == number)
        for part in _pieces(own):
            box = Box((part.x + left) * CELL, (part.y + top) * CELL, part.width * CELL, part.height * CELL)
            whole = box.padded(_CONTEXT * CELL).inside(width, height)
            if whole is not None:
                found.append(whole)
    return _joined(found)


def _pieces(cells: Mask) -> Iterator[Box]:
    """What holds the cells of one patch, in cells: a box, or several where it is large in both directions."""
    height, width = cells.shape
    large = min(height, width) > _LARGEST
    for top, high in spans(height, _LARGEST if large else height, _OVERLAP):
        for left, wide in spans(width, 2 * _LARGEST if large else width, _OVERLAP):
            part = cells[top : top + high, left : left + wide]
            rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
            if len(rows):
                y, x = int(rows[0]), int(columns[0])
                yield Box(left + x, top + y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)


def _joined(boxes: list[Box]) -> list[Box]:
    """The boxes, those made one that take no more room as one."""
    kept: list[Box] = []
    for new in sorted(boxes, key=lambda box: (box.y, box.x, box.width, box.height)):
        box = new
        while (other := next((one for one in kept if box.union(one).area <= box.area + one.area), None)) is not None:
            kept.remove(other)
            box = box.union(other)
        kept.append(box)
    return sorted(kept, key=lambda box: (box.y, box.x, box.width, box.height))


def spans(length: int, longest: int, overlap: int) -> list[tuple[int, int]]:
    """Start and length of equal, overlapping parts that cover a length."""
    count = 1 if length <= longest else math.ceil((length - overlap) / (longest - overlap))
    side = min(length, math.ceil((length + (count - 1) * overlap) / count))
    starts = [round(number * (length - side) / max(1, count - 1)) for number in range(count)]
    return [(start, side) for start in starts]

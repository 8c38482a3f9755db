"""What moves: a background model on a small grey picture, its foreground as boxes.

Mixture of Gaussians per pixel: Zivkovic, "Improved adaptive Gaussian mixture model for background
subtraction", ICPR 2004, as OpenCV's MOG2. It needs no weights, so it is there even where nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from transcoder.model import Box, DetectorUse
from transcoder.model.blocks import BLOCK_PX, grid_of, rectangles
from transcoder.model.region import around
from transcoder.vision.weights import version_of

Grey = cv2.typing.MatLike
"""A grey picture, uint8 of shape (height, width)."""

SMALL_WIDTH = 320
"""The picture is shrunk to this width (or height, for portrait): 2 ms a frame, and noise averages out."""
_HISTORY = 300
_BACKGROUND_RATIO = 0.5
"""Samples remembered, and the share of them after which what stands still counts as background.

Five samples a second: a person who stops is followed for about 0.69 * 300 / 5 = 40 s once a minute of
background is known, a third as long in the first seconds; the library's own
defaults would drop them after three.
"""
_VARIANCE_THRESHOLD = 24.0
_BACKGROUND_AGE = 5
"""Samples for which a copy of the background is good enough to compare exposures with."""
_SMALLEST_SHARE = 0.0006
"""Boxes below this share of the picture are leaves, noise and insects."""
_MARGIN_PX = 3
"""Around what moves, in the small picture: its outline is found no better than that."""
_CELL_PX, _CELLS = 4, BLOCK_PX // 4
_TOUCHED = 0.1
"""A block counts where this share of it moves."""
_MOST_PARTS = 12
GLOBAL_SHARE = 0.6
"""Where more than this moves, the camera or the light did: that says nothing about where the evidence is."""
_CUT_DIFFERENCE = 28.0
"""Mean absolute difference of two small pictures (of 255) beyond which the scene is another one."""


@dataclass(frozen=True, slots=True)
class Moving:
    """One thing that moves: the box around it, and the blocks it touches as rectangles."""

    box: Box
    parts: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """One sample: what moves, whether the whole picture changed, whether the scene was cut."""

    things: tuple[Moving, ...]
    everywhere: bool
    cut: bool

    @property
    def boxes(self) -> list[Box]:
        """The boxes around all things."""
        return [thing.box for thing in self.things]


def small_size(width: int, height: int) -> tuple[int, int]:
    """The size at which motion is looked for: the longer side at most ``SMALL_WIDTH``, never enlarged."""
    scale = min(1.0, SMALL_WIDTH / max(width, height))
    return max(2, round(width * scale)), max(2, round(height * scale))


class MotionGate:
    """Finds what moves in a sequence of small grey pictures of one source.

    :param width: width of the source's pictures in pixels.
    :param height: height.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._small = small_size(width, height)
        self._model = self._fresh()
        self._previous: Grey | None = None
        self._background: Grey | None = None
        self._since = 0
        # Gaps inside a person (a coat like the wall behind) close; single pixels go.
        self._opening = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
        self._closing = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
        rows, columns = grid_of(self._size)
        self._rows = _cell_centres(self._small[1], rows, height)
        self._columns = _cell_centres(self._small[0], columns, width)
        self._margin = np.ones((2 * _MARGIN_PX + 1, 2 * _MARGIN_PX + 1), np.uint8)

    @property
    def use(self) -> DetectorUse:
        """What the certificate says about it."""
        return DetectorUse(
            name="motion",
            package="opencv-python-headless",
            version=version_of("opencv-python-headless"),
            parameters={
                "model": "MOG2",
                "width_px": self._small[0],
                "history": _HISTORY,
                "background_ratio": _BACKGROUND_RATIO,
                "variance_threshold": _VARIANCE_THRESHOLD,
            },
        )

    @staticmethod
    def _fresh() -> cv2.BackgroundSubtractorMOG2:
        model = cv2.createBackgroundSubtractorMOG2(
            history=_HISTORY, varThreshold=_VARIANCE_THRESHOLD, detectShadows=False
        )
        model.setBackgroundRatio(_BACKGROUND_RATIO)
        return model

    def look(self, small: Grey) -> Movement:
        """Take the next sample.

        :param small: grey picture of shape ``small_size`` (height, width), uint8.
        """
        previous, self._previous = self._previous, small
        cut = previous is not None and cv2.norm(small, previous, cv2.NORM_L1) > _CUT_DIFFERENCE * small.size
        if cut:
            self._model, self._background = self._fresh(), None
        foreground = self._model.apply(self._exposed_alike(cv2.GaussianBlur(small, (3, 3), 0)))
        if previous is None or cut:
            return Movement((), everywhere=False, cut=cut)
        foreground = cv2.morphologyEx(foreground, cv2.MORPH_OPEN, self._opening)
        foreground = cv2.morphologyEx(foreground, cv2.MORPH_CLOSE, self._closing)
        if cv2.countNonZero(foreground) > GLOBAL_SHARE * foreground.size:
            return Movement((), everywhere=True, cut=False)
        return Movement(self._things(foreground), everywhere=False, cut=False)

    def _exposed_alike(self, small: Grey) -> Grey:
        """The picture with the camera's automatic exposure taken out: its median gain against the background.

        A dark coat entering makes the camera brighten the whole room, and no wall should count as moving.
        """
        if self._background is None or self._since == _BACKGROUND_AGE:
            self._background, self._since = self._model.getBackgroundImage(), 0
        self._since += 1
        background = self._background
        if background is None or background.shape != small.shape:
            return small
        # Every fourth pixel in each direction is enough for a median, at a sixteenth of the cost.
        now, then = small[::4, ::4].astype(np.float32), background[::4, ::4].astype(np.float32)
        usable = (then > 16) & (now < 250) & (then < 250)
        if np.count_nonzero(usable) < 64:
            return small
        gain = float(np.median(then[usable] / np.maximum(now[usable], 1.0)))
        return cv2.convertScaleAbs(small, alpha=min(max(gain, 0.5), 2.0))

    def _things(self, foreground: Grey) -> tuple[Moving, ...]:
        x, y, width, height = cv2.boundingRect(foreground)
        if not width:
            return ()
        # On the part around all of it, and in 16 bits, which 320 x 320 pixels cannot exceed: a fifth of the time.
        x, y = x & ~1, y & ~1  # components are numbered by blocks of four pixels, in the order of the whole
        count, within, stats, _ = cv2.connectedComponentsWithStats(
            foreground[y : y + height + 1, x : x + width + 1], connectivity=8, ltype=cv2.CV_16U
        )
        labels = np.zeros(foreground.shape, np.uint16)
        labels[y : y + within.shape[0], x : x + within.shape[1]] = within
        least = _SMALLEST_SHARE * foreground.size
        found = {
            number: Box(x + left, y + top, width, height)
            for number, (left, top, width, height, area) in enumerate(stats[:count].tolist())
            if number and area >= least
        }
        things = [self._thing(labels, count, group, [found[number] for number in group]) for group in joined(found)]
        return tuple(sorted(things, key=lambda thing: (-thing.box.area, thing.box.x, thing.box.y)))

    def _thing(self, labels: NDArray[np.uint16], count: int, group: Sequence[int], boxes: Sequence[Box]) -> Moving:
        """The blocks that some components touch, and the box around them; only their surroundings are looked at."""
        near = around(boxes).padded(_MARGIN_PX).inside(*self._small)
        assert near is not None  # components lie in the picture
        rows, columns = _whole_blocks(self._rows, near.y, near.bottom), _whole_blocks(self._columns, near.x, near.right)
        y, x = self._rows[rows], self._columns[columns]
        top, left = min(near.y, int(y[0])), min(near.x, int(x[0]))
        member = np.zeros(count, np.uint8)
        member[list(group)] = 1
        part = labels[top : max(near.bottom, int(y[-1]) + 1), left : max(near.right, int(x[-1]) + 1)]
        mask = cv2.dilate(member.take(part), self._margin)
        cells = mask.take(y - top, axis=0).take(x - left, axis=1)
        filled = cells.reshape(len(y) // _CELLS, _CELLS, len(x) // _CELLS, _CELLS).sum(axis=(1, 3), dtype=np.uint8)
        touched = filled > _TOUCHED * _CELLS * _CELLS
        blocks = np.zeros(grid_of(self._size), np.bool_)
        blocks[rows.start // _CELLS : rows.stop // _CELLS, columns.start // _CELLS : columns.stop // _CELLS] = (
            touched if touched.any() else filled == filled.max()
        )
        parts = rectangles(blocks, self._size, limit=_MOST_PARTS)
        return Moving(around(parts), parts)


def _cell_centres(small: int, blocks: int, side: int) -> NDArray[np.int64]:
    """For every cell of the block grid along one side, the pixel of the small picture at its centre."""
    centres = (np.arange(blocks * _CELLS) * _CELL_PX + _CELL_PX // 2) * small // side
    return np.minimum(centres, small - 1)


def _whole_blocks(centres: NDArray[np.int64], start: int, stop: int) -> slice:
    """The cells of all blocks that have one between two pixels of the small picture."""
    first, last = np.searchsorted(centres, (start, stop)).tolist()
    return slice(first // _CELLS * _CELLS, -(-max(last, first + 1) // _CELLS) * _CELLS)


def joined(boxes: Mapping[int, Box]) -> list[list[int]]:
    """Groups of boxes that overlap by more than a third of the smaller one: one thing, not two."""
    groups: list[tuple[Box, list[int]]] = []
    for number, candidate in sorted(boxes.items(), key=lambda item: (-item[1].area, item[0])):
        for index, (whole, members) in enumerate(groups):
            if candidate.overlap(whole) * 3 > min(candidate.area, whole.area):
                groups[index] = (whole.union(candidate), [*members, number])
                break
        else:
            groups.append((candidate, [number]))
    return [members for _, members in groups]

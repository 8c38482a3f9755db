"""Splitting: where to cut a video that one file cannot hold, so that every part meets the floors.

Pure: what makes and measures a part is handed in, so that this is tested with made-up costs. Parts are made
side by side, each worker from the front of its own stretch; how much fits into one is learned from those that are
finished, in the order in which they were begun: which one is ready first depends on the machine, and the same footage
must be cut at the same frames again. A part that misses a floor is planned anew where nothing behind it was begun, else
cut in pieces, so one hard scene costs a few encodes of itself and not of the whole.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Generic, Protocol, TypeVar

WORKERS = 2
EXPONENT = 1.5
"""The error 1 - SSIM falls about as this power of the bytes spent near the floors: 2 on a busy road, 1 where little
moves. Too high a guess makes too few parts, of which those that miss are cut again; too low a one wastes files."""
RATIO_AIM = 0.93
"""How much of the allowed error a part is planned to use: a part that misses costs more than one that has room."""
_SNAP_SHARE = 0.12
"""A cut may come this share of a part earlier than planned, to fall on a quiet moment or a change of scene."""
_MOST_GROWTH = 1.5
_LEAST_ROOM = 0.1
_LEARNED_FROM = 3
_LEAST_STEP = 1.05
"""By so much less, at the least, a part holds that is planned anew after it missed."""
NOTHING_KNOWN: Mapping[int, int] = {}
_WORTH_HALVES = 8
"""From so many parts on, each worker has a stretch of the footage to itself: one place more where a part ends early."""


class MadePart(Protocol):
    """What the splitting needs to know of a part that was made."""

    @property
    def ok(self) -> bool:
        """Under the cap, and every floor met."""
        ...

    @property
    def ratio(self) -> float:
        """Its worst error as a multiple of what that class's floor allows; above 1 is a miss, 0 says nothing."""
        ...

    @property
    def key_share(self) -> float:
        """What its first key frame takes of its bytes, which does not grow with the part."""
        ...


Made = TypeVar("Made", bound=MadePart)


@dataclass(frozen=True, slots=True)
class Split(Generic[Made]):
    """The outcome: parts in order, or why there are none."""

    parts: tuple[tuple[range, Made], ...]
    estimate: int
    """How many parts it takes, as far as is known."""
    encodes: int
    failed: tuple[range, Made] | None = None
    """A run of frames that cannot be cut any smaller and still misses."""

    @property
    def ok(self) -> bool:
        """Whether the parts are the whole and all of them meet the floors."""
        return bool(self.parts)


@dataclass(frozen=True, slots=True)
class Footage:
    """What is known of the frames to be split."""

    costs: Sequence[float]
    """How much each frame takes, in any unit: bits of a first pass."""
    unrest: Sequence[float]
    """How bad a cut before each frame is; 0 is a change of scene or nothing moving."""
    shortest: int
    """Frames that a part has at the least."""


def needed_growth(ratio: float, aim: float = RATIO_AIM) -> float:
    """How many times more bytes bring an error down (or, below 1, how many times fewer suffice)."""
    return float((max(ratio, 1e-3) / aim) ** (1 / EXPONENT))


def room(growth: float, key_share: float) -> float:
    """How many times as much a part can hold, where its quality takes ``growth`` times its bytes.

    The key frame is paid once, however long the part is: all that is saved or missing falls on the rest.
    """
    key_share = min(key_share, 0.9)
    return max(_LEAST_ROOM, (1 / growth - key_share) / (1 - key_share))


def split(
    footage: Footage,
    make: Callable[[range], Made],
    *,
    allowance: float,
    max_parts: int,
    workers: int = WORKERS,
    known: Mapping[int, int] = NOTHING_KNOWN,
) -> Split[Made]:
    """Make parts until all frames are in one that meets the floors.

    :param make: makes and measures the part of a run of frames; called from threads.
    :param allowance: how much cost one part is believed to hold.
    :param max_parts: give up beyond it.
    :param workers: how many parts are being made at the same time.
    :param known: first frame -> frame behind the last one, of parts that are made already: they are asked for again.
    :raises Exception: whatever ``make`` raises, once parts in the making have ended.
    """
    return _Splitter(footage, make, allowance, max_parts, workers, dict(known)).run()


@dataclass
class _Stretch:
    """Frames of which those before the cursor are made or being made."""

    cursor: int
    stop: int

    @property
    def rest(self) -> range:
        return range(self.cursor, self.stop)


@dataclass
class _Splitter(Generic[Made]):
    footage: Footage
    make: Callable[[range], Made]
    allowance: float
    max_parts: int
    workers: int
    known: dict[int, int]
    _waiting: list[range] = field(default_factory=list)
    _done: dict[int, tuple[range, Made]] = field(default_factory=dict)
    _stretches: list[_Stretch] = field(default_factory=list)
    _learned: list[float] = field(default_factory=list)
    _encodes: int = 0

    def run(self) -> Split[Made]:
        self._sums = [0.0, *accumulate(max(cost, 1e-9) for cost in self.footage.costs)]
        self._stretches = self._shared_out(range(len(self.footage.costs)))
        running: dict[Future[Made], range] = {}
        failed: tuple[range, Made] | None = None
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            while failed is None and self._estimate(len(running)) <= self.max_parts:
                while len(running) < self.workers and (frames := self._next(running.values())) is not None:
                    running[pool.submit(self.make, frames)] = frames
                if not running:
                    break
                eldest = next(iter(running))
                made = eldest.result()
                failed = self._take(running.pop(eldest), made)
            estimate = self._estimate(len(running))
            pool.shutdown(wait=True, cancel_futures=True)
        whole = failed is None and not running and not self._waiting and not any(part.rest for part in self._stretches)
        parts = tuple(self._done[first] for first in sorted(self._done)) if whole else ()
        return Split(parts, estimate, self._encodes, failed)

    def _take(self, frames: range, made: Made) -> tuple[range, Made] | None:
        """Note a finished part; cut it again where it misses. Returns it where it cannot be cut."""
        self._encodes += 1
        if made.ratio > 0:
            self._learned.append(self._cost(frames) * room(needed_growth(made.ratio), made.key_share))
            latest = self._learned[-_LEARNED_FROM:]
            learned = math.prod(latest) ** (1 / len(latest))
            self.allowance = min(learned, self.allowance * _MOST_GROWTH)
        if made.ok:
            self._done[frames.start] = frames, made
            return None
        if not self._divisible(frames):
            return frames, made
        latest_in = next((part for part in self._stretches if part.cursor == frames.stop), None)
        if latest_in is not None and made.ratio > 0:
            # Nothing behind it was begun: what it holds too much goes to the next part instead of into one of its own.
            self.allowance = min(self.allowance, self._cost(frames) / _LEAST_STEP)
            latest_in.cursor = frames.start
            return None
        count = max(2, math.ceil(needed_growth(made.ratio) - 0.05)) if made.ratio > 0 else 2
        rest = frames
        for left in range(count, 1, -1):
            if not self._divisible(rest):
                break
            middle = self._cut(rest, self._cost(rest) / left)
            self._waiting.append(range(rest.start, middle))
            rest = range(middle, rest.stop)
        self._waiting.append(rest)
        return None

    def _shared_out(self, frames: range) -> list[_Stretch]:
        """A stretch for each worker, so that a part that misses is mostly the latest of its stretch."""
        stretches = []
        if self._parts_for(self._cost(frames)) >= max(_WORTH_HALVES, 2 * self.workers):
            for left in range(self.workers, 1, -1):
                if not self._divisible(frames):
                    break
                middle = self._cut(frames, self._cost(frames) / left)
                stretches.append(_Stretch(frames.start, middle))
                frames = range(middle, frames.stop)
        return [*stretches, _Stretch(frames.start, frames.stop)]

    def _next(self, running: Collection[range]) -> range | None:
        """The next run of frames to make: what waits to be made again first, then where nothing is being made."""
        if self._waiting:
            return self._waiting.pop(0)
        begun = [part for part in self._stretches if part.rest]
        if not begun:
            return None
        ends = {frames.stop for frames in running}
        stretch = min(begun, key=lambda part: (part.cursor in ends, -self._cost(part.rest)))
        rest = stretch.rest
        end = self.known.pop(rest.start, 0)  # once: one that turns out to miss is cut like any other
        if rest.start < end <= rest.stop:
            stretch.cursor = end
            return range(rest.start, end)
        count = self._parts_for(self._cost(rest))
        # What is left is shared out evenly: the last part is as full as the others.
        end = rest.stop if count == 1 or not self._divisible(rest) else self._cut(rest, self._cost(rest) / count)
        stretch.cursor = end
        return range(rest.start, end)

    def _cut(self, frames: range, cost: float) -> int:
        """The frame before which to cut so that about ``cost`` lies in front, in a quiet moment near there."""
        least = max(1, self.footage.shortest)
        latest = bisect_right(self._sums, self._sums[frames.start] + cost * (1 + 1e-9)) - 1
        latest = min(max(latest, frames.start + least), frames.stop - least)
        earliest = max(frames.start + least, latest - int((latest - frames.start) * _SNAP_SHARE))
        return min(range(latest, earliest - 1, -1), key=lambda frame: self.footage.unrest[frame])

    def _divisible(self, frames: range) -> bool:
        return len(frames) >= 2 * max(1, self.footage.shortest)

    def _cost(self, frames: range) -> float:
        return self._sums[frames.stop] - self._sums[frames.start]

    def _parts_for(self, cost: float) -> int:
        return max(1, math.ceil(cost / self.allowance - 0.02))

    def _estimate(self, running: int) -> int:
        rest = sum(self._parts_for(self._cost(part.rest)) for part in self._stretches if part.rest)
        return len(self._done) + running + len(self._waiting) + rest

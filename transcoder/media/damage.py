"""Noticing damage while a source is decoded: in constant memory, whatever a hostile file does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from transcoder.model import DamageKind, VideoTrack

_MOST_SPANS = 60
_REORDERED = 64
"""A packet whose picture has not come when so many later ones have will not give any."""


@dataclass(slots=True)
class _Stretch:
    """Moments in ticks of the track."""

    kind: DamageKind
    first: int
    last: int
    events: int = 1


class DamageLog:
    """What happened to packets and pictures on their way through the decoder."""

    def __init__(self) -> None:
        self._within: tuple[int, int] | None = None
        self._together = 0
        self._pairs = False
        self._clear()

    def _clear(self) -> None:
        self.counts: Counter[DamageKind] = Counter()
        self.stretches: list[_Stretch] = []
        self.omitted = 0
        self._waiting: dict[int, None] = {}
        self._latest: dict[DamageKind, _Stretch] = {}
        self._now = 0

    def begin(self, track: VideoTrack) -> None:
        """Decoding begins, or begins anew: what was noted before is noted again."""
        self._clear()
        self._together = int(1 / track.time_base)
        # A field of its own has a packet and no picture of its own, and so has what other containers do not time.
        self._pairs = track.timing == "container" and not track.interlaced
        if track.span is not None:
            self._within = track.span.moments[0], track.span.moments[-1]

    def packet(self, pts: int | None, *, hidden: bool) -> None:
        """A packet goes into the decoder.

        :param hidden: its picture is not to be shown.
        """
        if pts is not None:
            self._now = pts
            if hidden:
                self._note(DamageKind.HIDDEN, pts)
            elif self._pairs:
                self._waiting[pts] = None

    def rejected(self) -> None:
        """The decoder did not take the last packet."""
        self._waiting.pop(self._now, None)
        self._note(DamageKind.UNDECODED, self._now)

    def picture(self, pts: int | None, *, corrupt: bool) -> None:
        """A picture came out."""
        moment = self._now if pts is None else pts
        if corrupt:
            self._note(DamageKind.CONCEALED, moment)
        self._waiting.pop(moment, None)
        if len(self._waiting) > _REORDERED:
            self._give_up(keep=_REORDERED // 2)

    def moved(self, pts: int) -> None:
        """A timestamp was moved."""
        self._note(DamageKind.MOVED, pts)

    def undated(self, pts: int) -> None:
        """A timestamp was missing, and a nominal step was taken."""
        self._note(DamageKind.UNDATED, pts)

    def end(self) -> None:
        """Nothing more comes."""
        self._give_up(keep=0)

    def _give_up(self, *, keep: int) -> None:
        for pts in sorted(self._waiting)[: len(self._waiting) - keep]:
            del self._waiting[pts]
            self._note(DamageKind.NO_PICTURE, pts)

    def _note(self, kind: DamageKind, pts: int) -> None:
        if self._within is not None and not self._within[0] <= pts <= self._within[1]:
            return
        self.counts[kind] += 1
        near = self._latest.get(kind)
        if near is not None and near.first - self._together <= pts <= near.last + self._together:
            near.first, near.last = min(near.first, pts), max(near.last, pts)
            near.events += 1
        elif len(self.stretches) < _MOST_SPANS:
            self._latest[kind] = _Stretch(kind, pts, pts)
            self.stretches.append(self._latest[kind])
        else:
            self.omitted += 1

"""Progress of parts that are made side by side: one number that only rises."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock


class Progress:
    """Shares of all parts together.

    :param tick: called as ``tick("parts", frames done, frames)``.
    """

    def __init__(self, tick: Callable[[str, int, int | None], None], frames: int) -> None:
        self._tick, self._frames = tick, frames
        self._lock = Lock()
        self._parts: dict[int, float] = {}
        self._shown = 0

    def of(self, first: int, count: int) -> Callable[[str, int, int | None], None]:
        """The callback of one part."""

        def tick(phase: str, done: int, total: int | None) -> None:
            before = _PHASES.get(phase)
            if before is None or not total:
                self._tick("parts", self._shown, self._frames)
                return
            with self._lock:
                share = before[0] + before[1] * min(1.0, done / total)
                self._parts[first] = max(self._parts.get(first, 0.0), share * count)
                self._shown = max(self._shown, min(self._frames, int(sum(self._parts.values()))))
            self._tick("parts", self._shown, self._frames)

        return tick


_PHASES = {"analyse": (0.0, 0.3), "encode": (0.3, 0.5), "measure": (0.8, 0.2)}
"""Where each phase of a part begins and how much of the work it is."""

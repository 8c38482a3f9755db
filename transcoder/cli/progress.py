"""Progress for people on a terminal, for logs, and for programs. All three listen to the same events."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from transcoder.model import Progress
from transcoder.phases import WORDS

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_SECONDS_BETWEEN_EVENTS = 0.2


class Listener(Protocol):
    """Shows progress events; safe to call from several threads."""

    def __enter__(self) -> Listener: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, event: Progress) -> None: ...

    def done(self, source: str) -> None:
        """This source needs no more room on the screen."""
        ...


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: Progress) -> None:
        pass

    def done(self, source: str) -> None:
        pass


class Plain(Silent):
    """One line a phase on standard error, for logs."""

    def __init__(self) -> None:
        self._phase: dict[str, str] = {}

    def __call__(self, event: Progress) -> None:
        if self._phase.get(event.source) == event.phase:
            return
        self._phase[event.source] = event.phase
        if event.phase not in ("hash", "confirm"):
            print(f"{Path(event.source).name}: {WORDS.get(event.phase, event.phase)}", file=sys.stderr, flush=True)


class NdJson(Silent):
    """One JSON object an event on standard error, at most five a second for each source and phase."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Progress) -> None:
        now, key = time.monotonic(), (event.source, event.phase)
        finished = event.total is not None and event.done >= event.total
        with self._lock:
            if not finished and now - self._last.get(key, 0.0) < _SECONDS_BETWEEN_EVENTS:
                return
            self._last[key] = now
            fields = {
                "event": "progress",
                "source": event.source,
                "phase": event.phase,
                "done": event.done,
                "total": event.total,
                "unit": event.unit,
            }
            print(json.dumps(fields), file=sys.stderr, flush=True)


class Bars:
    """Live bars with phase, speed and time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._bars: RichProgress = Progress(
            TextColumn("{task.fields[name]}", markup=False),
            TextColumn("{task.description}", style="cyan", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, tuple[TaskID, str, float]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, event: Progress) -> None:
        with self._lock:
            known = self._tasks.get(event.source)
            if known is None or known[1] != event.phase:
                if known is not None:
                    self._bars.remove_task(known[0])
                task = self._bars.add_task(
                    WORDS.get(event.phase, event.phase),
                    total=event.total,
                    name=Path(event.source).name[:40],
                    speed="",
                )
                known = (task, event.phase, time.monotonic())
                self._tasks[event.source] = known
            seconds = max(time.monotonic() - known[2], 1e-3)
            speed = f"{event.done / seconds:.0f} {event.unit}/s" if event.unit == "frames" else ""
            # A damaged file may hold more frames than its header said: never show more than all of them.
            total = max(event.total, event.done) if event.total is not None else None
            self._bars.update(known[0], completed=event.done, total=total, speed=speed)

    def done(self, source: str) -> None:
        """Remove the source's bar."""
        with self._lock:
            known = self._tasks.pop(source, None)
            if known is not None:
                self._bars.remove_task(known[0])


def listener(kind: str) -> Listener:
    """The listener for ``auto``, ``bar``, ``plain``, ``json`` or ``none``."""
    if kind == "auto":
        kind = "bar" if sys.stderr.isatty() else "plain"
    makers: dict[str, type[Bars] | type[Plain] | type[NdJson] | type[Silent]] = {
        "bar": Bars,
        "plain": Plain,
        "json": NdJson,
        "none": Silent,
    }
    return makers[kind]()

"""Work ahead: an iterator runs in a thread of its own, a few items before whoever takes them.

Decoders, encoders and OpenCV leave the interpreter's lock while they work, so two stages use two cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

FRAMES = 4
"""How many frames wait: whoever takes them waits for none, and each is held in memory, 12 MB of a 4K video."""

_END: Final = object()
_LOOK_UP_S = 0.1
"""How long the thread may take to see that nobody wants more."""


@contextmanager
def running_ahead(items: Iterable[Item], *, depth: int) -> Iterator[Iterator[Item]]:
    """The same items in the same order, made while the ones before are used; the work starts at once.

    What the iterator raises is raised where its next item would have come. When the block ends, however it
    ends, the thread has ended and a generator has been closed.

    :param depth: items that may wait; each is held in memory.
    """
    stage = _Stage(items, depth)
    try:
        yield stage.items()
    finally:
        stage.stop()


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Something is done in a thread of its own while the block is; who leaves the block waits for it."""
    begun = Thread(target=work)
    begun.start()
    try:
        yield
    finally:
        begun.join()


class _Stage(Generic[Item]):
    """The thread, and the queue between it and the one who takes."""

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self._items = items
        self._queue: Queue[object] = Queue(depth)
        self._unwanted = Event()
        self._problem: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def items(self) -> Iterator[Item]:
        while (item := self._queue.get()) is not _END:
            yield item  # type: ignore[misc]
        if self._problem is not None:
            raise self._problem

    def stop(self) -> None:
        self._unwanted.set()
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            self._thread.join()

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._hand_over(item):
                    break
        except BaseException as problem:  # noqa: BLE001 - raised again where the item is waited for
            self._problem = problem
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
            self._hand_over(_END)

    def _hand_over(self, item: object) -> bool:
        while not self._unwanted.is_set():
            try:
                self._queue.put(item, timeout=_LOOK_UP_S)
            except Full:
                continue
            return True
        return False

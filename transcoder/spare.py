"""The child that makes a delivery, started before this process loads what it needs itself: both load at once.

Nothing of the job is known yet. Where there is none after all, the child is ended, or ends by itself.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from transcoder.sandbox.limits import Mode, Policy
from transcoder.sandbox.started import Started

MODULES = ("transcoder.making",)
"""What ``pipeline.MAKE`` and ``sharing.HELP`` need."""
_SPARE: list[Started] = []
"""At most one, for whoever wants a child next."""
_LOCK = threading.Lock()


def begin(policy: Policy) -> None:
    """Start a child for the first delivery of this process. For the main thread, as the child dies with its thread."""
    if policy.mode is Mode.OFF:
        return
    with _LOCK:
        if not _SPARE:
            _SPARE.append(Started(MODULES))


@contextmanager
def child(policy: Policy) -> Iterator[Started | None]:
    """The one that was begun, or another one; it is gone afterwards. None where there is to be none."""
    if policy.mode is Mode.OFF:
        yield None
        return
    with _LOCK:
        found = _SPARE.pop() if _SPARE else None
    found = found or Started(MODULES)
    try:
        yield found
    finally:
        found.close()


@atexit.register
def _drop() -> None:
    with _LOCK:
        while _SPARE:
            _SPARE.pop().close()

"""Stopping at a signal: once, cleanly, and even where a library swallows the interruption."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transcoder.model import Progress, ProgressCallback

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""The signals that mean: end now, and leave nothing half-done."""
_stop_asked = threading.Event()


def until_stopped(callback: ProgressCallback) -> ProgressCallback:
    """The callback, which stops the work where the interruption itself got lost.

    Raised inside a library that catches everything (configuration readers do), a KeyboardInterrupt becomes one more
    error of that library, and nobody would stop.
    """

    def checked(event: Progress) -> None:
        if _stop_asked.is_set():
            raise KeyboardInterrupt
        callback(event)

    return checked


def stop(_signal: int, _frame: object) -> None:
    """Stop once, cleanly: an impatient second Ctrl-C must not interrupt the cleaning up."""
    _stop_asked.set()
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt

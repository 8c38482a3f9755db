"""A lane of its own for what arrives: writing and hashing uploads must not take the threads that short requests need.

All short work of the application shares some forty threads. A hundred uploads would take them all, and whoever asks
for the state of a job would wait behind hundreds of blocks that are being written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

Result = TypeVar("Result")
_WIDTH = 6
"""Threads for all uploads together: enough to keep a disk and two processors busy."""
_lane: RunVar[CapacityLimiter] = RunVar("uploads")


async def in_upload_lane(work: Callable[..., Result], *arguments: object) -> Result:
    """Do a piece of an upload's work in a thread, when it is its turn."""
    try:
        limiter = _lane.get()
    except LookupError:
        limiter = CapacityLimiter(_WIDTH)
        _lane.set(limiter)
    return await to_thread.run_sync(work, *arguments, limiter=limiter)


__all__ = ["in_upload_lane"]

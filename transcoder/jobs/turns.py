"""Who may work beside whom: a job whose last attempt ended with its worker is tried alone.

If a job kills its worker, those that the worker did at the same time die with it, and each would have a try counted
against it that was not its own: after a few of these, good jobs would be given up. Alone, it only takes itself along.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """Of one worker; for one event loop."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._together = self._waiting = 0
        self._alone = False

    @contextlib.asynccontextmanager
    async def take(self, *, alone: bool) -> AsyncIterator[None]:
        """Wait until nothing speaks against it. Who waits to be alone goes before those who come later."""
        await (self._take_alone() if alone else self._take_together())
        try:
            yield
        finally:
            async with self._changed:
                if alone:
                    self._alone = False
                else:
                    self._together -= 1
                self._changed.notify_all()

    async def _take_alone(self) -> None:
        async with self._changed:
            self._waiting += 1
            try:
                await self._changed.wait_for(lambda: not self._alone and self._together == 0)
                self._alone = True
            finally:
                self._waiting -= 1
                self._changed.notify_all()

    async def _take_together(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone and self._waiting == 0)
            self._together += 1


__all__ = ["Turns"]

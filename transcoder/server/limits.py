"""How much one client, and all of them together, may ask for: requests a minute, uploads at once, room on the disk.

The counts are this process's own: with several API processes each allows as much. A shared counter would be one more
thing that all requests wait for, and what it guards against is a mistake in a script, not an attack from many sides.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from transcoder.server.problem import Refused

_MOST_KNOWN = 10_000
CHECK_EVERY_BYTES = 16 << 20
"""How much may arrive between two looks at the disk."""


class Rate:
    """A bucket for each client: so many requests at once, and so many a minute on the average.

    :param per_minute: of each client.
    :param clock: seconds, rising.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._full, self._per_s, self._clock = float(per_minute), per_minute / 60.0, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str) -> None:
        """Count one request.

        :raises Refused: where there were too many (``too-many-requests``), with the time to wait.
        """
        with self._lock:
            now = self._clock()
            left, seen = self._buckets.pop(client, (self._full, now))
            left = min(self._full, left + (now - seen) * self._per_s)
            enough = left >= 1.0
            self._buckets[client] = (left - 1.0 if enough else left), now
            while len(self._buckets) > _MOST_KNOWN:
                self._buckets.popitem(last=False)  # who was not heard for longest has a full one by now
        if not enough:
            raise Refused(
                "too-many-requests", f"more than {self._full:g} requests a minute",
                hint="wait, and follow a job by /events instead of asking again and again",
                retry_after_s=(1.0 - left) / self._per_s,
            )  # fmt: skip


class Room:
    """How many uploads go on at once, and whether the disk has room for what they said they would bring.

    :param folder: that uploads are written to.
    :param most: uploads at once.
    :param keep_free_bytes: that uploads leave free.
    """

    def __init__(
        self, folder: Path, most: int, keep_free_bytes: int, free: Callable[[Path], int] | None = None
    ) -> None:
        self._folder, self._most, self._keep_free = folder, most, keep_free_bytes
        self._free = free or (lambda folder: shutil.disk_usage(folder).free)
        self._lock = threading.Lock()
        self._going: dict[object, int] = {}

    @contextlib.contextmanager
    def upload(self, announced_bytes: int) -> Iterator[Callable[[int], None]]:
        """Count an upload while it goes on; what is given back is to be called with the bytes that came so far.

        :param announced_bytes: what it says it will bring; 0 where it does not say.
        :raises Refused: where too many go on (``too-many-uploads``) or there is no room (``disk-full``).
        """
        mine, checked = object(), 0
        with self._lock:
            if len(self._going) >= self._most:
                raise Refused(
                    "too-many-uploads", f"{self._most} uploads are going on",
                    hint="try again when some have ended; TRANSCODER_UPLOADS_AT_ONCE is the limit",
                )  # fmt: skip
            # What others announced and did not yet bring is spoken for.
            self._check(announced_bytes + sum(self._going.values()))
            self._going[mine] = announced_bytes

        def arrived(so_far_bytes: int) -> None:
            nonlocal checked
            if so_far_bytes - checked >= CHECK_EVERY_BYTES:
                checked = so_far_bytes
                with self._lock:
                    self._going[mine] = max(0, announced_bytes - so_far_bytes)
                self._check(0)

        try:
            yield arrived
        finally:
            with self._lock:
                del self._going[mine]

    def _check(self, wanted_bytes: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._free(self._folder) - wanted_bytes < self._keep_free:
            raise no_room()


def announced_bytes(headers: Mapping[str, str]) -> int:
    """How much a request says it brings; 0 where it does not say."""
    declared = headers.get("content-length", "")
    return int(declared) if declared.isdecimal() and len(declared) < 16 else 0


def no_room() -> Refused:
    """The answer to an upload that the disk cannot take."""
    return Refused(
        "disk-full", "the service has no room for this upload; nothing of it was kept",
        hint="its operator frees space under TRANSCODER_HOME, or sets TRANSCODER_RETENTION_DAYS", retry_after_s=300,
    )  # fmt: skip


__all__ = ["CHECK_EVERY_BYTES", "Rate", "Room", "announced_bytes", "no_room"]

"""The status file that monitoring reads."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transcoder.version import __version__
from transcoder.watching.journal import Came, Journal, Record
from transcoder.watching.quarantine import write_json

NAME = "watch-status.json"
_RECENT = 20
_EVERY_S = 5.0


class Board:
    """Keeps the file up to date: at once where something changed, else every few seconds.

    :param out: the folder it lies in.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._recent: deque[Mapping[str, Any]] = deque(maxlen=_RECENT)
        self._last_seen: str | None = None
        self._started = _now()
        self._shown: tuple[Any, float] = (None, 0.0)
        self.away: str | None = None
        """Why the watched folder cannot be listed."""

    def seen(self) -> None:
        """The watched folder was listed."""
        self._last_seen = _now()

    def came(self, record: Record) -> None:
        """Something came of a file."""
        code = record.error.get("code") if record.error is not None else None
        self._recent.appendleft(
            {"name": record.name, "state": str(record.came), "verdict": record.verdict, "code": code, "at": record.at}
        )

    def show(
        self, source: Path, profile: str, journal: Journal, *, state: str, ready: int, settling: int,
        paused: str | None, working: Mapping[str, Any] | None,
    ) -> None:  # fmt: skip
        """Write the file. A disk that is full does not end the watch: the old status says when it was written."""
        facts = {
            "state": "away" if self.away is not None and state != "stopped" else state,
            "reason": self.away or paused, "waiting": ready + settling, "settling": settling,
            "working": working, "delivered": journal.count(Came.DELIVERED), "refused": journal.count(Came.REFUSED),
            "failed": journal.count(Came.QUARANTINED), "recent": list(self._recent),
        }  # fmt: skip
        if facts == self._shown[0] and time.monotonic() - self._shown[1] < _EVERY_S:
            return
        described = {
            "version": __version__, "host": socket.gethostname(), "pid": os.getpid(), "in": str(source),
            "out": str(self._out), "profile": profile, "started": self._started, "updated": _now(),
            "last_seen": self._last_seen, **facts, "disk_free_bytes": {"in": _free(source), "out": _free(self._out)},
        }  # fmt: skip
        try:
            write_json(self._out / NAME, described)
        except OSError:
            return
        self._shown = facts, time.monotonic()


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

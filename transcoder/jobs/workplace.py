"""A worker's own folder: what a killed one leaves there is evidence, and must not lie about.

The folder belongs to whoever holds the lock in it, which the system lets go of however its holder ends. So the
next worker of the same machine knows which folders are nobody's, and takes them away.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import secrets
import shutil
import time
from pathlib import Path
from typing import IO

_LOCK = ".lock"
_UNLOCKED_FOR_S = 60.0
"""A folder without a lock may be one that is being made this moment."""
log = logging.getLogger("transcoder.jobs")


class Workplace:
    """One worker's folder within the one that all workers of a machine share.

    :param root: the shared one.
    :param worker: name of the worker, as part of the folder's.
    """

    def __init__(self, root: Path, worker: str) -> None:
        self._root = root
        self.folder = root / f"{worker}-{secrets.token_hex(4)}"
        """Where attempts work; it is there from ``open`` on."""
        self._lock: IO[bytes] | None = None

    def open(self) -> None:
        """Make the folder, and take away those of workers that are gone."""
        self.folder.mkdir(parents=True)
        self._lock = (self.folder / _LOCK).open("ab")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.sweep()

    def sweep(self) -> None:
        """Remove what workers left that are gone; a child of theirs that still writes has it come up again."""
        for other in self._root.iterdir():
            if other != self.folder and other.is_dir() and _is_nobodys(other):
                shutil.rmtree(other, ignore_errors=True)
                log.info("removed what a worker left that is gone: %s", other.name)

    def close(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()


def _is_nobodys(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        if not (folder / _LOCK).exists():
            return time.time() - folder.stat().st_mtime > _UNLOCKED_FOR_S
        with (folder / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False

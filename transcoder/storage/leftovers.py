"""What a killed process left in an output folder: its work folder, and files of a delivery that was not finished.

A work folder belongs to whoever holds the lock in it, and the system lets go of a lock when its process ends. Before
files get their final names, their work folder notes these names and keeps a hard link to each: so the next run can
tell a delivery that was broken off, which it takes back, from one that is complete.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

PREFIX = ".transcoder-"
LOCK = "lock"
_NOTE = "publishing.json"
_NOTE_BYTES = 16 << 20


def note(folder: Path, files: Mapping[str, Path]) -> None:
    """Write down, in the work folder they lie in, which names files are about to get.

    :param folder: of the final names.
    :param files: final name -> file, the commit mark last. Files that lie in no work folder of this one are not noted.
    """
    target = folder.absolute()
    for work in {parent for path in files.values() for parent in path.absolute().parents if parent.parent == target}:
        inside = [(name, str(path.absolute().relative_to(work))) for name, path in files.items() if _in(path, work)]
        (work / _NOTE).write_text(json.dumps(inside), encoding="ascii")


def take_back(folder: Path, files: Mapping[str, Path]) -> None:
    """Remove final names, where they are links to these files and not somebody else's."""
    for name, path in files.items():
        with contextlib.suppress(OSError):
            if _same(folder / name, path):
                (folder / name).unlink()


def sweep(folder: Path) -> None:
    """Remove the work folders of processes that ended without doing so, and what they had published halfway."""
    for stale in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if not stat.S_ISDIR(stale.lstat().st_mode):  # a link planted there leads to somebody's folder
                continue
            try:
                lock = os.open(stale / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                stale.rmdir()  # killed before it made its lock; fails unless it is empty
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _undo(folder, stale)
                shutil.rmtree(stale, ignore_errors=True)
            finally:
                os.close(lock)


def _undo(folder: Path, stale: Path) -> None:
    """Take back what the owner of a work folder had published without its commit mark."""
    written = stale / _NOTE
    with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
        status = written.lstat()
        # In a folder that many may write to, a stranger's note must not say what we remove.
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_size > _NOTE_BYTES:
            return
        noted = [(str(name), str(inside)) for name, inside in json.loads(written.read_text(encoding="ascii"))]
        files = {name: stale / inside for name, inside in noted if name == Path(name).name}
        mark = noted[-1][0] if noted else ""
        if mark in files and not _same(folder / mark, files[mark]):
            take_back(folder, files)


def _in(path: Path, work: Path) -> bool:
    return path.absolute().is_relative_to(work)


def _same(one: Path, other: Path) -> bool:
    """Whether two names are the same regular file; links are not followed."""
    try:
        first, second = one.lstat(), other.lstat()
    except OSError:
        return False
    return stat.S_ISREG(first.st_mode) and os.path.samestat(first, second)

"""The log's folder: numbered files of lines, a lock, checkpoints, and torn lines that were set aside.

A line is written with one call and synced before anybody is told. What a killed process or a full disk leaves of one
has no line feed at its end: that is how it is recognised. It is copied beside the log first, then cut off, then noted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from transcoder.audit import entries
from transcoder.audit.entries import Head
from transcoder.errors import StorageError

CHECKPOINTS = "checkpoints"
_NAME = re.compile(r"audit-([0-9]{6})\.jsonl")
_PENDING, _ASIDE = ".pending", ".bin"
_LOCK_S, _POLL_S = 30.0, 0.01
_HINT = "free some space or make the folder writable (TRANSCODER_HOME); TRANSCODER_AUDIT=off does without a log"


def segment_name(number: int) -> str:
    """``audit-000001.jsonl``."""
    return f"audit-{number:06d}.jsonl"


def segments(folder: Path) -> list[tuple[int, Path]]:
    """The files of the log by number, in order."""
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return sorted(found)


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """:raises StorageError: ``audit-unwritable`` in place of any ``OSError``."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the audit log cannot be written: {error.strerror or error}; nothing leaves unlogged",
            where=str(error.filename or folder),
            hint=_HINT,
            code="audit-unwritable",
        ) from None


@contextmanager
def locked(folder: Path, wait_s: float = _LOCK_S, *, create: bool = True) -> Iterator[None]:
    """The log is this thread's alone; the system lets go when a process ends in any way.

    :param create: False for those who only read.
    :raises StorageError: ``audit-locked`` where another holds it for too long.
    """
    flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
    descriptor = os.open(folder / "lock", flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise
            if time.monotonic() > until:
                raise StorageError(
                    f"another process has held the audit log for {wait_s:.0f} s",
                    where=str(folder),
                    hint="find the transcoder process that hangs and end it",
                    code="audit-locked",
                )
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Tail:
    """Where the log ends."""

    path: Path
    """The file that the next line goes to."""
    number: int
    bytes: int
    head: Head


def tail(folder: Path) -> Tail | None:
    """The end of the log, whose last line is whole; None where there is no log yet.

    :raises StorageError: ``audit-damaged`` where the last line is no entry.
    """
    found = segments(folder)
    for _, path in reversed(found):
        size = path.stat().st_size
        if size:
            return Tail(found[-1][1], found[-1][0], found[-1][1].stat().st_size, _head(path, size))
    return Tail(found[-1][1], found[-1][0], 0, entries.START) if found else None


def _head(path: Path, size: int) -> Head:
    with path.open("rb") as file:
        file.seek(max(0, size - entries.MAX_LINE_BYTES))
        lines = file.read().split(b"\n")
    try:
        if len(lines) < 2 or lines[-1]:
            raise ValueError("has no end")
        entry = entries.parse(lines[-2])
    except ValueError as error:
        raise StorageError(
            f"the last line of the audit log {error}; nothing is added to a log that is broken",
            where=str(path),
            hint="see transcoder audit verify; keep the folder as evidence and set TRANSCODER_HOME to begin a new log",
            code="audit-damaged",
        ) from None
    return Head(entry["seq"], entries.digest(lines[-2]), entry)


def snapshot(folder: Path) -> tuple[list[tuple[int, Path, int]], list[Path]]:
    """The log at one moment, while nobody writes: number, file and bytes of each, and the checkpoints.

    Who may only read the folder, and finds no lock in it, takes what is there.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(FileNotFoundError, PermissionError):
            stack.enter_context(locked(folder, create=False))
        sizes = [(number, path, path.stat().st_size) for number, path in segments(folder)]
        return sizes, sorted((folder / CHECKPOINTS).glob("*.json"))


def append(path: Path, data: bytes) -> None:
    """Add a line, on disk when this returns; where that fails nothing of it is left."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, data + b"\n") != len(data) + 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)


def create(path: Path) -> None:
    """An empty file of the log, whose name is on disk when this returns."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    sync_folder(path.parent)


def set_aside(folder: Path) -> list[Path]:
    """Take what was torn off a line out of the log, and name all such files that no entry tells of yet."""
    found = segments(folder)
    if found:
        path = found[-1][1]
        rest = _after_last_line(path)
        if rest:
            aside = folder / f"torn-{hashlib.sha256(rest).hexdigest()[:16]}{_PENDING}"
            write(aside, rest)
            with path.open("rb+") as file:
                file.truncate(path.stat().st_size - len(rest))
                os.fsync(file.fileno())
    return sorted(folder.glob(f"torn-*{_PENDING}"))


def noted(pending: Path) -> None:
    """An entry tells of it now."""
    pending.replace(aside_name(pending))
    sync_folder(pending.parent)


def aside_name(pending: Path) -> Path:
    """What the file is called when an entry tells of it; two that are equal are told apart by a number."""
    stem, number = pending.name.removesuffix(_PENDING), 1
    while (name := pending.with_name(f"{stem}-{number}{_ASIDE}")).exists():
        number += 1
    return name


def _after_last_line(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - entries.MAX_LINE_BYTES))
        return file.read().rpartition(b"\n")[2]


def write(path: Path, data: bytes) -> None:
    """A small file, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Names are on disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

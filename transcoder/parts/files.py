"""Reading what others sent: every fault of a file is an ``InputError`` that names it."""

from __future__ import annotations

import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from transcoder.errors import InputError

_BLOCK_BYTES = 1 << 20


def names(folder: Path) -> list[str]:
    """The regular files of a folder, sorted.

    :raises InputError: where the folder cannot be listed.
    """
    with input_errors(folder):
        return sorted(path.name for path in folder.iterdir() if path.is_file())


def size_of(path: Path) -> int:
    """Asked before a file is opened: opening a pipe would wait for ever."""
    with input_errors(path):
        status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InputError("this is not a regular file", where=str(path), code="input-not-a-file")
    return status.st_size


def blocks(path: Path, stride: int = _BLOCK_BYTES) -> Generator[bytes]:
    """The bytes of a file; no block reaches over a multiple of ``stride`` bytes."""
    done = 0
    with input_errors(path), path.open("rb") as file:
        while block := file.read(min(_BLOCK_BYTES, stride - done % stride)):
            yield block
            done += len(block)


@contextmanager
def input_errors(path: Path) -> Iterator[None]:
    """Turns faults of reading into ours.

    :raises InputError: in place of any ``OSError``.
    """
    # Around reading only: what fails in writing must not be called a fault of the source.
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot be read: {reason}", where=str(path), code="input-unreadable") from None

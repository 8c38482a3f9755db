"""Restoring an original from its volumes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from transcoder.errors import CertificateError, InputError
from transcoder.parts.files import blocks, size_of
from transcoder.parts.volumes import parse_name, volume_name

Tick = Callable[[str, int, int | None], None]


def restore(volumes: Sequence[Path], target: Path, *, sha256: str | None, tick: Tick) -> str:
    """Put an original together in a new file of the caller's workspace, who publishes it.

    :param volumes: all of them, in their order.
    :param sha256: what the whole must have; without it the names and sizes of the volumes must fit each other.
    :returns: the SHA-256 of the restored file.
    :raises InputError: where a volume cannot be read, or without ``sha256`` one is absent or cut short.
    :raises CertificateError: where the whole is not the original (``restored-differs``).
    """
    sizes = [size_of(path) for path in volumes]
    if not volumes:
        raise InputError("no volumes were given", where=target.name, code="no-volumes")
    if sha256 is None:
        _check_row(volumes, sizes)
    with target.open("xb") as file:
        restored = _join(volumes, file, sum(sizes), tick)
        file.flush()
        os.fsync(file.fileno())
    if sha256 is not None and restored != sha256.lower():
        target.unlink()
        raise CertificateError(
            "the volumes do not give the original (the SHA-256 of the whole differs); nothing was written",
            where=volumes[0].name,
            hint="check each volume against the sender's list and fetch the damaged ones again",
            code="restored-differs",
            details={"expected": sha256, "found": restored},
        )
    return restored


def _check_row(volumes: Sequence[Path], sizes: Sequence[int]) -> None:
    """All that can be known without a hash; else a file with a hole would be published as the original."""
    parsed = parse_name(volumes[0].name)
    count = parsed[2] if parsed else 0
    if parsed is None or [path.name for path in volumes] != [
        volume_name(parsed[0], number, count) for number in range(1, count + 1)
    ]:
        raise InputError(
            "these are not all volumes of one original in their order",
            where=str(volumes[0]),
            hint="fetch the missing ones, or give the SHA-256 of the original",
            code="volumes-incomplete",
        )
    if len(set(sizes[:-1])) > 1 or (count > 1 and not 0 < sizes[-1] <= sizes[0]):
        raise InputError(
            "all volumes but the last must have one size, and these do not: at least one is damaged",
            where=str(volumes[0]),
            hint="fetch those of another size again, or all of them",
            code="volumes-uneven",
        )


def _join(volumes: Sequence[Path], target: BinaryIO, total: int, tick: Tick) -> str:
    digest, done = hashlib.sha256(), 0
    for path in volumes:
        for block in blocks(path):
            digest.update(block)
            target.write(block)
            done += len(block)
            tick("restore", done, total)
    return digest.hexdigest()

"""Deliveries, fetched: each file under its name only when it is whole and what the job says it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from transcoder.client.calls import Calls, ServiceError, pause_s
from transcoder.client.shapes import File, Job
from transcoder.errors import OutputMismatch, StorageError

_LAST = ("certificate", "refusal")
"""Who sees these sees a complete delivery, as in a folder that ``transcoder apply`` wrote."""


def fetch_all(calls: Calls, job: Job, folder: Path) -> Sequence[Path]:
    """Every file of a job's delivery, in a folder that is made when needed; what is there already is not fetched.

    :raises ServiceError: where the service does not give them.
    :raises OutputMismatch: where it gives other bytes than the job says (``download-damaged``).
    :raises StorageError: where they cannot be written, or a name is taken by something else.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    ordered = sorted(job.files, key=lambda item: item.role in _LAST)
    return [_fetch(calls, job, item, folder) for item in ordered]


def _fetch(calls: Calls, job: Job, item: File, folder: Path) -> Path:
    target = folder / _safe(item.name)
    if os.path.lexists(target):
        if _is(target, item):
            return target
        raise StorageError(
            "this file exists already and is never overwritten", where=str(target), hint="choose another folder",
            code="output-exists",
        )  # fmt: skip
    number = 0
    while True:
        number += 1
        try:
            return _once(calls, job, item, target)
        except (ServiceError, OutputMismatch) as error:
            fleeting = isinstance(error, OutputMismatch) or error.status in (None, 429, 502, 503, 504)
            if not fleeting or number >= calls.tries:
                raise
            calls.sleep(pause_s(number))


def _once(calls: Calls, job: Job, item: File, target: Path) -> Path:
    rough = target.with_name(f".{secrets.token_hex(8)}.part")
    digest, size = hashlib.sha256(), 0
    try:
        with calls.stream(f"/v1/jobs/{job.id}/files/{quote(item.name)}") as answer, rough.open("xb") as file:
            for block in answer.iter_bytes():
                size += len(block)
                if size > item.bytes:
                    break
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if size != item.bytes or digest.hexdigest() != item.sha256:
            raise OutputMismatch(
                "other bytes arrived than the job says", where=item.name, hint="fetch it again", code="download-damaged"
            )
        _name(rough, target)
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        with contextlib.suppress(OSError):
            rough.unlink(missing_ok=True)
    return target


def _name(rough: Path, target: Path) -> None:
    try:
        os.link(rough, target)
    except FileExistsError:
        raise StorageError(
            "this file exists already and is never overwritten", where=str(target), code="output-exists"
        ) from None
    except OSError:
        rough.rename(target)  # a file system without links


def _is(path: Path, item: File) -> bool:
    if not path.is_file() or path.is_symlink() or path.stat().st_size != item.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == item.sha256


def _safe(name: str) -> str:
    """:raises OutputMismatch: for a name that leads elsewhere; the service may not be what it seems."""
    if not name or name != Path(name).name or name.startswith(".") or not name.isprintable() or "\\" in name:
        raise OutputMismatch("the service names a file that is none", where=name[:100], code="download-damaged")
    return name


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"cannot write: {error.strerror or error}", where=str(error.filename or path))


__all__ = ["fetch_all"]

"""Bad input, set aside with its reason. The sender's file stays where it is."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from transcoder.errors import StorageError

_REASON = ".reason.json"
_NAME_BYTES = 200


def set_aside(
    source: Path | None, name: str, error: Mapping[str, Any], folder: Path, *, sha256: str | None, size: int
) -> Path:
    """Put a copy of a file and the reason into a folder. Once: what is there is not doubled.

    :param source: the file, or None where only the reason can be kept.
        One that would take more than half of the free disk is not copied; the reason says so with ``copy: null``.
    :param name: relative to the watched folder; the same below ``folder``.
    :param error: diagnostics of what is wrong with it.
    :returns: the file with the reason.
    :raises StorageError: where that fails; then there is no reason, and it is done again.
    """
    plain, number = _fitting(PurePosixPath(name)), 2
    target = folder / plain
    while (known := _read(_reason_of(target))) is not None and known.get("sha256") != sha256:
        target, number = folder / plain.with_name(f"{plain.stem}.{number}{plain.suffix}"), number + 1
    reason = _reason_of(target)
    if known is not None:
        return reason
    described = {
        "name": name, "bytes": size, "sha256": sha256, "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "error": dict(error),
    }  # fmt: skip
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = source is not None and _keep(source, target)
        write_json(reason, described | {"copy": target.name if kept else None})
    except OSError as failed:
        raise StorageError(
            f"cannot write: {failed.strerror or failed}", where=str(failed.filename or target),
            hint="is there room, and may this user write?",
        ) from None  # fmt: skip
    return reason


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small file whole or not at all. :raises OSError: where that fails."""
    rough = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with rough.open("w", encoding="ascii") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        rough.replace(path)
    except BaseException:
        rough.unlink(missing_ok=True)
        raise


def _fitting(name: PurePosixPath) -> PurePosixPath:
    """The name, short enough for the endings that it gets."""
    raw = os.fsencode(name.name)
    if len(raw) <= _NAME_BYTES:
        return name
    return name.with_name(os.fsdecode(raw[:_NAME_BYTES]) + "_" + hashlib.sha256(raw).hexdigest()[:8])


def _reason_of(target: Path) -> Path:
    return target.with_name(target.name + _REASON)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return {}


def _keep(source: Path, target: Path) -> bool:
    """Copy a file; a link would change with it when the sender writes to it again. False where it cannot be copied."""
    if source.stat().st_size * 2 > shutil.disk_usage(target.parent).free:
        return False  # one large file must not fill the disk that deliveries go to
    rough = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        shutil.copyfile(source, rough, follow_symlinks=False)
        rough.replace(target)
    except PermissionError:
        return False
    finally:
        rough.unlink(missing_ok=True)
    return True


__all__ = ["set_aside", "write_json"]

"""Reading the log without changing it: what it says about a file, and what was sent before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transcoder.audit import entries, files
from transcoder.audit.base import Facts, Sent
from transcoder.errors import InputError, UsageError


def lines_of(path: Path) -> Iterator[bytes]:
    """The whole lines of one file; one that is being written is not there yet."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]


def entries_of(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of one file; lines that are none are passed over, for ``checking`` to complain about."""
    for line in lines_of(path):
        try:
            yield entries.parse(line)
        except ValueError:
            continue


def confirm_log(folder: Path) -> Path:
    """The folder, where there is a log in it.

    :raises InputError: ``no-audit-log`` where there is none.
    """
    try:
        if files.segments(folder) or (folder / files.CHECKPOINTS).is_dir():
            return folder
    except OSError:
        pass
    raise InputError(
        "there is no audit log here",
        where=str(folder),
        hint="TRANSCODER_HOME names the folder that holds it",
        code="no-audit-log",
    )


def matching(folder: Path, wanted: Facts) -> Iterator[dict[str, Any]]:
    """The entries that hold these facts, in order; only lines with their texts in them are read at all."""
    inner = [item for value in wanted.values() if isinstance(value, Mapping) for item in value.values()]
    texts = [json.dumps(v).encode() for v in (*wanted.values(), *inner) if isinstance(v, str) and v.isascii()]
    for _, path in files.segments(folder) if folder.is_dir() else ():
        for line in lines_of(path):
            if not all(text in line for text in texts):
                continue
            try:
                entry = entries.parse(line)
            except ValueError:
                continue
            if _holds(entry, wanted):
                yield entry


def _holds(entry: Any, wanted: Facts) -> bool:
    for key, value in wanted.items():
        there = entry.get(key) if isinstance(entry, Mapping) else None
        if isinstance(value, Mapping):
            if not _holds(there, value):
                return False
        elif there != value:
            return False
    return True


def sent(folder: Path, wanted: Facts) -> Sent | None:
    """The last delivery whose entry holds these facts, and whether a receipt came back for it."""
    found = list(matching(folder, wanted))
    undone = {entry.get("job") for entry in found if entry["event"] == "apply-undone"}
    deliveries = [
        entry
        for entry in found
        if entry["event"] == "apply-ended" and entry.get("outcome") == "delivered" and entry.get("job") not in undone
    ]
    if not deliveries:
        return None
    last = deliveries[-1]
    try:
        certificate = str(last["delivery"]["certificate_sha256"])
        receipts = [entry["receipt"] for entry in matching(folder, {"certificate": {"sha256": certificate}})
                    if entry["event"] == entries.RECEIPT]  # fmt: skip
        return Sent(
            at=last["at"],
            user=last["who"]["user"],
            operator=last["who"]["operator"],
            out=last["delivery"]["out"],
            verdict=last["delivery"]["verdict"],
            certificate_sha256=certificate,
            times=len(deliveries),
            receipt={key: receipts[-1][key] for key in ("at", "by", "complete")} if receipts else None,
        )
    except (LookupError, TypeError):  # somebody edited the log, which is for ``checking`` to say
        return None


def select(folder: Path, *, source: str | None = None, since: str | None = None) -> Iterator[dict[str, Any]]:
    """Entries about a file, or since a time.

    :param source: the SHA-256 of a master, a certificate or a delivered file, or at least its first eight digits.
    :param since: a date or time, RFC 3339; without a zone it is UTC.
    :raises UsageError: where one of them is none.
    """
    wanted = source.lower() if source is not None else ""
    if source is not None and (len(wanted) < 8 or not set(wanted) <= set("0123456789abcdef")):
        raise UsageError(
            f"not a SHA-256: {source[:80]}", hint="give it, or its first eight digits or more", code="usage"
        )
    begin = entries.moment(_time(since)) if since is not None else ""
    try:
        for _, path in files.segments(folder):
            for entry in entries_of(path):
                if entry["at"] >= begin and (not wanted or _names(entry, wanted)):
                    yield entry
    except OSError as error:
        raise InputError(
            f"the audit log cannot be read: {error.strerror}", where=str(error.filename), code="input-unreadable"
        ) from None


def _names(value: Any, prefix: str) -> bool:
    """Whether a hash that begins like this stands anywhere in an entry; the chain's own do not count."""
    if isinstance(value, Mapping):
        return any(_names(item, prefix) for key, item in value.items() if key != "prev")
    if isinstance(value, list):
        return any(_names(item, prefix) for item in value)
    return isinstance(value, str) and len(value) == 64 and value.startswith(prefix)


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"not a time: {text[:60]}", hint="such as 2026-03-01 or 2026-03-01T12:00Z", code="time"
        ) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)

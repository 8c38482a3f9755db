"""Audit logs in a temporary folder, with a clock that ticks, and a way to break them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from transcoder.audit import files
from transcoder.audit.checking import Checked, check
from transcoder.audit.log import AuditLog
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def clock() -> Callable[[], datetime]:
    """A second later each time."""
    seconds = itertools.count()
    return lambda: START + timedelta(seconds=next(seconds))


def make(folder: Path, pair: KeyPair, *, every: int = 5, max_bytes: int = 1 << 20) -> AuditLog:
    """A log that is signed often."""
    return AuditLog(folder / "audit", lambda: PemSigner(pair), clock(), every=every, max_bytes=max_bytes)


def filled(folder: Path, pair: KeyPair, count: int, *, every: int = 5, max_bytes: int = 1 << 20) -> AuditLog:
    """A log with this many entries of jobs, and those of its own."""
    log = make(folder, pair, every=every, max_bytes=max_bytes)
    for number in range(count):
        log.record("apply-begun", {"job": f"{number:04d}", "source": {"name": f"clip {number}.avi"}})
    return log


def lines(log: AuditLog) -> list[bytes]:
    """All lines of all files, with their line feeds."""
    return [line for _, path in files.segments(log.folder) for line in path.read_bytes().splitlines(keepends=True)]


def rewrite(log: AuditLog, changed: list[bytes]) -> None:
    """Put other lines into the (only) file."""
    ((_, path),) = files.segments(log.folder)
    path.write_bytes(b"".join(changed))


def verified(log: AuditLog, pair: KeyPair, *kept: Path) -> Checked:
    """Check it with the authority that signed."""
    return check(log.folder, pair.chain, kept)

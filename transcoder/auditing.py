"""The audit log as its commands see it: shown, checked, and signed to be kept elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from transcoder.audit import checking, reading
from transcoder.audit.checking import Checked
from transcoder.settings import Settings
from transcoder.storage import local
from transcoder.wiring import anchors, audit_log


def verify_audit(
    *, ca: Path | str | None = None, kept: Sequence[Path] = (), settings: Settings | None = None
) -> Checked:
    """Check the whole log: lines that were removed, changed, moved, added or cut off.

    :param ca: PEM file of trusted authorities; without it, this machine's own.
    :param kept: checkpoints that were kept elsewhere.
    :raises InputError: where there is no log.
    """
    settings = settings or Settings.from_environment()
    return checking.check(audit_log(settings).folder, anchors(Path(ca) if ca is not None else None, settings), kept)


def read_audit(
    *, source: str | None = None, since: str | None = None, settings: Settings | None = None
) -> Iterator[dict[str, Any]]:
    """Entries of the log, oldest first.

    :param source: only those that name this SHA-256, or one that begins with these eight digits or more.
    :param since: only those after this date or time.
    :raises InputError: where there is no log.
    """
    folder = audit_log(settings or Settings.from_environment()).folder
    return reading.select(reading.confirm_log(folder), source=source, since=since)


def sign_audit(out: Path | str, *, settings: Settings | None = None) -> list[Path]:
    """Sign the log as it is now.

    :param out: a folder for the checkpoint and its signature; nothing in it is overwritten.
    :raises InputError: where there is no log.
    """
    log, store = audit_log(settings or Settings.from_environment()), local.LocalStore(Path(out))
    reading.confirm_log(log.folder)
    checkpoint = log.checkpoint()
    with store.workspace() as work:
        made = {}
        for suffix in (".p7s", ""):
            name = f"audit-checkpoint-{checkpoint.name}{suffix}"
            made[name] = work / name
            made[name].write_bytes(checkpoint.with_name(checkpoint.name + suffix).read_bytes())
        return sorted(store.publish(made).values())

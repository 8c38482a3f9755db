"""Back-up and restore of a service that keeps its state in files: one folder that verifies itself.

A back-up is taken while the service runs. The list of jobs is copied first, by SQLite's own on-line way: whatever it
names was in place before it was named, and is never changed. The engine's tables are not kept: at a restore, jobs
that had not ended are queued anew under the next run, and the engine learns of them as after any crash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transcoder.audit import files as audit_files
from transcoder.errors import StorageError, UsageError
from transcoder.hosting import STORE, Host, open_host
from transcoder.settings import Settings
from transcoder.version import __version__

_MANIFEST = "manifest.json"
_JOBS, _OBJECTS, _KEYS, _TRUST, _AUDIT, _SECRET = "jobs.sqlite", "objects", "keys", "trust", "audit", "session.key"
_BY_PATH = "path:"
_BLOCK_BYTES = 1 << 20
_MANIFEST_BYTES = 1 << 30
_FLEETING_TABLES = ("workers", "chunks", "uploads")
"""What they say is about processes and unfinished files that a back-up does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a back-up holds."""

    folder: Path
    files: int
    bytes: int
    jobs: Mapping[str, int]
    """How many are in each state."""


def back_up(target: Path, settings: Settings | None = None) -> Kept:
    """Copy everything that the service keeps into a new folder, and read it again.

    :param target: must not exist; it gets its name once it is complete and verified.
    :raises UsageError: where the service keeps its state elsewhere (``backup-elsewhere``).
    :raises StorageError: where something cannot be read or written, or what a job names is not there.
    """
    settings = settings or Settings.from_environment()
    host = open_host(settings)
    _confirm_embedded(host)
    if os.path.lexists(target):
        raise StorageError(
            "this folder exists already and is never overwritten", where=str(target), code="output-exists"
        )
    rough = target.absolute().with_name(f".{target.name}-{secrets.token_hex(4)}.part")
    with _storage_errors(target):
        rough.mkdir(parents=True, mode=0o700)
        try:
            written = dict(_copy_all(rough, host, settings))
            counts = _check(rough / _JOBS)
            for name, (size, digest) in written.items():
                _confirm(rough / name, name, size, digest)
            listed = {name: {"bytes": size, "sha256": sha256} for name, (size, sha256) in written.items()}
            made_at = datetime.now(UTC).isoformat(timespec="seconds")
            manifest = {"format": 1, "version": __version__, "made_at": made_at, "jobs": counts, "files": listed}
            (rough / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="ascii")
            _sync_all(rough)
            rough.rename(target)
        except BaseException:
            shutil.rmtree(rough, ignore_errors=True)
            raise
    return Kept(folder=target, files=len(written), bytes=sum(size for size, _ in written.values()), jobs=counts)


def restore(folder: Path, settings: Settings | None = None) -> Kept:
    """Put a back-up in place where there is no service yet. Jobs that had not ended are queued again.

    :param folder: as ``back_up`` made it; it is verified first, and stays as it is.
    :raises UsageError: where it is no back-up.
    :raises StorageError: where it is damaged (``backup-damaged``), or would overwrite something (``output-exists``).
    """
    settings = settings or Settings.from_environment()
    manifest = _manifest(folder)
    home = settings.home / STORE
    places = {
        _JOBS: home / _JOBS, _SECRET: home / _SECRET, _OBJECTS: home / _OBJECTS, _KEYS: settings.keys_dir,
        _TRUST: settings.trust_dir, _AUDIT: settings.home / _AUDIT,
    }  # fmt: skip
    with _storage_errors(folder):
        for name, facts in manifest["files"].items():
            _confirm(folder / name, name, facts["bytes"], facts["sha256"])
        wanted = {name: _place(name, places) for name in manifest["files"]}
        for name, target in wanted.items():
            if os.path.lexists(target) and not _same(target, manifest["files"][name]):
                raise StorageError(
                    "something else is there, and is never overwritten", where=str(target),
                    hint="restore into a new TRANSCODER_HOME and TRANSCODER_KEYS_DIR", code="output-exists",
                )  # fmt: skip
        # The list of jobs comes last: until it is there, there is no service, and a restore is done again.
        for name in sorted(wanted, key=lambda name: name == _JOBS):
            _restore_file(folder / name, wanted[name], jobs=name == _JOBS)
        counts = _check(home / _JOBS)
    sizes = [facts["bytes"] for facts in manifest["files"].values()]
    return Kept(folder=folder, files=len(sizes), bytes=sum(sizes), jobs=counts)


def _confirm_embedded(host: Host) -> None:
    elsewhere = [
        name
        for name, away in (("TRANSCODER_DATABASE_URL", not host.config.embedded),
                           ("TRANSCODER_STORAGE", "://" in host.config.storage)) if away
    ]  # fmt: skip
    if elsewhere:
        raise UsageError(
            f"state is kept where {' and '.join(elsewhere)} says; this copies only files of this machine",
            hint="docs/service.md: pg_dump and a copy of the storage", code="backup-elsewhere",
        )  # fmt: skip


def _copy_all(rough: Path, host: Host, settings: Settings) -> Iterator[tuple[str, tuple[int, str]]]:
    source = sqlite3.connect(host.home / _JOBS)
    with contextlib.closing(source), contextlib.closing(sqlite3.connect(rough / _JOBS)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without what belongs to a running program
    yield _JOBS, _described(rough / _JOBS)
    for name in _named(rough / _JOBS):
        yield f"{_OBJECTS}/{name}", _copy(Path(host.config.storage) / name, rough / _OBJECTS / name)
    if (host.home / _SECRET).exists():
        yield _SECRET, _copy(host.home / _SECRET, rough / _SECRET)
    for top, folder in ((_KEYS, settings.keys_dir), (_TRUST, settings.trust_dir)):
        yield from _copy_tree(folder, top, rough)
    audit = settings.home / _AUDIT
    if audit.is_dir():
        with audit_files.locked(audit):  # between two entries, so that the chain ends with a whole one
            yield from _copy_tree(audit, _AUDIT, rough)


def _copy_tree(folder: Path | None, top: str, rough: Path) -> Iterator[tuple[str, tuple[int, str]]]:
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name != "lock":
            name = f"{top}/{path.relative_to(folder).as_posix()}"
            yield name, _copy(path, rough / name)


def _named(database: Path) -> Iterator[str]:
    """Objects that jobs name: their sources, and the files of their deliveries."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT source_place, delivery, files FROM jobs").fetchall()
    names = {place for place, _, _ in rows if not place.startswith(_BY_PATH)}
    names |= {f"{place}/{item['name']}" for _, place, files in rows if place for item in json.loads(files)}
    yield from sorted(names)


def _check(database: Path) -> dict[str, int]:
    """:raises StorageError: where the list of jobs is damaged."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise _damaged(database, f"SQLite says: {found}")
        return dict(connection.execute("SELECT state, count(*) FROM jobs GROUP BY state ORDER BY state").fetchall())


def _queue_again(database: Path) -> None:
    """Have unfinished jobs run again, under numbers that no earlier run had."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "UPDATE jobs SET state = 'queued', phase = 'queued', percent = 0, run = run + 1, tries = 0, worker = NULL,"
            " enqueued_run = 0, revision = revision + 1 WHERE state IN ('queued', 'running') AND cancel IS NULL"
        )
        connection.execute(
            "UPDATE jobs SET state = 'cancelled', phase = 'cancelled', worker = NULL, revision = revision + 1"
            " WHERE state = 'running' AND cancel IS NOT NULL"
        )
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in tables & set(_FLEETING_TABLES):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - one of our own names
        connection.commit()


def _manifest(folder: Path) -> Mapping[str, Any]:
    try:
        path = folder / _MANIFEST
        if path.stat().st_size > _MANIFEST_BYTES:
            raise ValueError("too long")
        found = json.loads(path.read_bytes())
        if found["format"] != 1 or not all(
            isinstance(facts["bytes"], int) and isinstance(facts["sha256"], str) for facts in found["files"].values()
        ):
            raise ValueError("another format")
        if _JOBS not in found["files"]:
            raise ValueError("without a list of jobs")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            "this is no back-up of this program", where=str(folder), hint="`transcoder backup FOLDER` makes one",
            code="not-a-backup",
        ) from None  # fmt: skip
    return dict(found)


def _place(name: str, places: Mapping[str, Path | None]) -> Path:
    top, _, rest = name.partition("/")
    place = places.get(top)
    parts = rest.split("/") if rest else []
    if place is None or any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise _damaged(Path(name), "its manifest names a file that has no place")
    return place.joinpath(*parts)


def _restore_file(source: Path, target: Path, *, jobs: bool) -> None:
    if os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    rough = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        _copy(source, rough)
        if jobs:
            _queue_again(rough)
        rough.rename(target)
    finally:
        rough.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of what was read; synced, with the mode of the source: keys stay private."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file, target.open("xb") as copy:
        os.fchmod(copy.fileno(), source.stat().st_mode & 0o777)
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    return size, digest.hexdigest()


def _described(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _same(path: Path, facts: Mapping[str, Any]) -> bool:
    return path.is_file() and not path.is_symlink() and _described(path) == (facts["bytes"], facts["sha256"])


def _confirm(path: Path, name: str, size: int, sha256: str) -> None:
    if not path.is_file() or path.is_symlink() or _described(path) != (size, sha256):
        raise _damaged(path, f"{name} is missing or not what the manifest says")


def _damaged(path: Path, what: str) -> StorageError:
    return StorageError(
        f"the back-up is damaged: {what}", where=str(path), hint="use another one", code="backup-damaged"
    )


def _sync_all(folder: Path) -> None:
    for path in [folder, *(item for item in folder.rglob("*") if item.is_dir()), folder / _MANIFEST]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(
            f"not done: {reason}", where=str(getattr(error, "filename", None) or folder),
            hint="nothing half-done counts; is there room, and may this user read and write there?",
        ) from None  # fmt: skip


__all__ = ["Kept", "back_up", "restore"]

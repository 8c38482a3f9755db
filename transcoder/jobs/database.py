"""The store that everybody shares: SQLite on one machine, Postgres on many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from transcoder.errors import StorageError, UsageError
from transcoder.jobs.tables import metadata

_BUSY_TIMEOUT_S = 30.0
_POOL = 10
_READS = "transcoder_reads"
_CONNECTION = {
    "connect_timeout": 5, "application_name": "transcoder", "keepalives_idle": 10, "keepalives_interval": 5,
    "keepalives_count": 3, "tcp_user_timeout": 15_000,
}  # fmt: skip
"""A server that vanished without a word is noticed in seconds; the system would wait for minutes."""


def connect(url: str) -> Engine:
    """Open the store, and give it the tables and columns that lack.

    :param url: ``sqlite:////folder/jobs.sqlite`` or ``postgresql://user:secret@host/name``.
    :raises UsageError: where the address is no such one.
    :raises StorageError: where it does not answer (``database-unreachable``).
    """
    engine = open_engine(url)
    try:
        prepare(engine)
    except sa.exc.SQLAlchemyError as error:
        raise StorageError(
            f"the database does not answer: {str(error.__cause__ or error).splitlines()[0]}",
            where=engine.url.render_as_string(hide_password=True), hint="is it running, and may this user make tables?",
            code="database-unreachable",
        ) from None  # fmt: skip
    return engine


def open_engine(url: str) -> Engine:
    """Open a store that is prepared already.

    :raises UsageError: where the address is none of a database that is supported.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError("not the address of a database", where="TRANSCODER_DATABASE_URL", code="usage") from None
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise UsageError(
                "a database in memory would not outlive the process",
                where="TRANSCODER_DATABASE_URL", hint="sqlite:////folder/jobs.sqlite", code="usage",
            )  # fmt: skip
        engine = _sqlite(parsed)
    elif parsed.get_backend_name() == "postgresql":
        engine = sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_size=_POOL, max_overflow=_POOL, pool_pre_ping=True,
            connect_args=_CONNECTION,
        )  # fmt: skip
    else:
        raise UsageError(
            f"{parsed.get_backend_name()} is not supported",
            where="TRANSCODER_DATABASE_URL", hint="postgresql:// or sqlite:///", code="usage",
        )  # fmt: skip
    return engine


def _sqlite(url: sa.URL) -> Engine:
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False}, pool_size=_POOL, max_overflow=_POOL
    )

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # a job that was promised outlives a power cut
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
        # Its own knows ASCII alone: a search for "łódź" would not find "ŁÓDŹ".
        connection.create_function("lower", 1, _lower, deterministic=True)  # type: ignore[attr-defined]

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail instead of wait when another writes between. One
        # that only reads sees the last state that was complete, and waits for nobody.
        reads = connection.get_execution_options().get(_READS, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    @sa.event.listens_for(engine, "connect")
    def _no_implicit_begin(connection: object, _: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]

    return engine


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def prepare(engine: Engine) -> None:
    """Make the tables that lack, and add the columns and indexes that a newer program brought."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Two programs that start together would both make them.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(746572)"))
        metadata.create_all(connection)
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            known = {column["name"] for column in inspector.get_columns(table.name)}
            for column in table.columns:
                if column.name not in known:
                    kind = column.type.compile(engine.dialect)
                    connection.execute(sa.text(f'ALTER TABLE {table.name} ADD COLUMN "{column.name}" {kind}'))
            for index in table.indexes:
                index.create(connection, checkfirst=True)


def reading(engine: Engine) -> Connection:
    """A connection that only reads: on SQLite it waits for no writer. To be closed; nothing is to be written by it."""
    return engine.connect().execution_options(**{_READS: True})


def upsert(connection: Connection, table: sa.Table) -> Any:
    """An insert that can say what happens where the row is there already: each database has its own."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def now(connection: Connection) -> float:
    """The database's own time, in seconds since 1970: the only clock that all hosts share."""
    if connection.dialect.name == "postgresql":
        text = "SELECT extract(epoch FROM clock_timestamp())::double precision"
    else:
        text = "SELECT (julianday('now') - 2440587.5) * 86400.0"
    return float(connection.execute(sa.text(text)).scalar_one())

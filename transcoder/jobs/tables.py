"""The tables, in SQL that SQLite and Postgres both speak. Moments are seconds since 1970 by the database's clock.

They change by adding columns that may be empty: ``database.prepare`` adds what lacks, so that a newer program opens
an older store, and an older one overlooks what it does not know.
"""

from __future__ import annotations

from sqlalchemy import BigInteger as Big
from sqlalchemy import Boolean, Column, Double, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("payload_sha256", String(64), nullable=False),
    Column("owner", String(40), nullable=False),
    Column("case_urn", Text),
    Column("source_name", Text, nullable=False),
    Column("source_bytes", Big, nullable=False),
    Column("source_sha256", String(64), nullable=False),
    Column("source_place", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("priority", String(10), nullable=False),
    Column("deadline", Double),
    Column("timeout_s", Double),
    Column("request", String(64)),
    Column("state", String(12), nullable=False),
    Column("phase", String(60), nullable=False, default=""),
    Column("percent", Double, nullable=False, default=0.0),
    Column("run", Integer, nullable=False, default=1),
    Column("attempt", Integer, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0),
    Column("falls", Integer),
    Column("worker", String(80)),
    Column("verdict", String(20)),
    Column("warnings", Text, nullable=False, default="[]"),
    Column("error", Text),
    Column("delivery", Text),
    Column("files", Text, nullable=False, default="[]"),
    Column("result", Text),
    Column("cancel", Text),
    Column("enqueued_run", Integer, nullable=False, default=0),
    Column("revision", Integer, nullable=False, default=1),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("ended", Double),
    Column("hold", Text),
    Column("begun", Double),
    Column("at_risk", Text),
    Index("jobs_by_state", "state", "created"),
    Index("jobs_by_case", "case_urn", "created"),
    Index("jobs_by_age", "created", "id"),
    Index("jobs_by_source", "source_place"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(40), nullable=False),
    Column("started", Double, nullable=False),
    Column("beat", Double, nullable=False),
    Column("leaving", Boolean, nullable=False, default=False),
    Column("slots", Integer),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("role", String(10), nullable=False),
    Column("cases", Text),
    Column("created", Double, nullable=False),
    Column("created_by", String(40)),
    Column("expires", Double),
    Column("revoked", Double),
    Column("used", Double),
)

ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("nonce", String(40), primary_key=True),
    Column("expires", Double, nullable=False),
)

chunks = Table(
    "chunks",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("worker", String(80)),
    Column("claimed", Double),
    Column("done", Double),
    Column("helped", Integer),  # how often another worker took it
)

removed = Table(
    "removed",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case_urn", Text),
    Column("state", String(12), nullable=False),
    Column("runs", Integer, nullable=False),
    Column("source_sha256", String(64), nullable=False),
    Column("files", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("ended", Double, nullable=False),
    Column("removed", Double, nullable=False),
    Column("worker", String(80)),
    Column("claimed", Double),
    Column("told", Double),
    Column("cleared", Double),
)
"""What is left of jobs that were removed; ``told`` and ``cleared`` are how far that is."""

sources = Table(
    "sources",
    metadata,
    Column("place", String(100), primary_key=True),
    Column("touched", Double, nullable=False),
    Column("retired", Double),
    Column("worker", String(80)),
    Column("claimed", Double),
    Column("told", Double),
    Column("cleared", Double),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("owner", String(40), nullable=False),
    Column("folder", String(40), nullable=False),
    Column("name", Text, nullable=False),
    Column("bytes", Big, nullable=False),
    Column("received", Big, nullable=False, default=0),
    Column("sha256", String(64)),
    Column("place", Text),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("owner", String(40), nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("cases", Text),
    Column("created", Double, nullable=False),
    Column("disabled", Text),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("webhook", String(40), nullable=False),
    Column("job_id", String(40)),
    Column("event", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created", Double, nullable=False),
    Column("next_at", Double),
    Column("lease", String(40)),
    Column("status", Integer),
    Column("error", Text),
    Column("delivered_at", Double),
    Index("webhook_deliveries_due", "next_at"),
    Index("webhook_deliveries_of", "webhook", "created"),
)

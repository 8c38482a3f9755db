"""Which uploaded sources are in use. Several jobs share one, so it goes when the last of them is gone, not before.

Somebody may hand in the same file again at the moment that it is removed. So a place that was given up is never used
again: the file goes to another one, and a remover that stood still for hours cannot take away what arrived since.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from transcoder.errors import UsageError
from transcoder.jobs.database import now, reading, upsert
from transcoder.jobs.material import BY_PATH
from transcoder.jobs.tables import jobs, sources, uploads

GRACE_S = 3600.0
"""From the moment that a file arrived, a job has so long to name it."""


def place_of(engine: Engine, sha256: str) -> str:
    """Where the file with this hash belongs, from now on kept for ``GRACE_S``."""
    first = f"sources/{sha256[:2]}/{sha256}"
    with engine.begin() as connection:
        given_up = sources.c.retired.is_not(None) & (
            (sources.c.place == first) | sources.c.place.startswith(f"{first}.")
        )
        number = connection.execute(sa.select(sa.func.count()).where(given_up)).scalar_one()
        while True:
            place = f"{first}.{number}" if number else first
            if _touch(connection, place):
                return place
            number += 1  # given up since it was counted


def touch(engine: Engine, place: str) -> bool:
    """Keep a place for ``GRACE_S`` from now, as the file has arrived there; False where it was given up meanwhile."""
    with engine.begin() as connection:
        return _touch(connection, place)


def hold(connection: Connection, place: str) -> None:
    """Keep a source for a job that is being written down in this transaction.

    :raises UsageError: where it was given up (``source-removed``).
    """
    if not place.startswith(BY_PATH) and not _touch(connection, place):
        raise UsageError(
            "the file was removed meanwhile: nothing had named it for long",
            hint="hand it in again",
            code="source-removed",
        )


def unused(engine: Engine, grace_s: float, limit: int) -> Sequence[str]:
    """Places that no job names and no upload waits in, and that were not touched for so long."""
    with reading(engine) as connection:
        old = sources.c.touched < now(connection) - grace_s
        query = sa.select(sources.c.place).where(sources.c.retired.is_(None), old, ~_named(sources.c.place))
        return list(connection.execute(query.limit(limit)).scalars())


def retire(engine: Engine, place: str, grace_s: float) -> bool:
    """Give a place up for good, unless it is in use again."""
    with engine.begin() as connection:
        # Who hands the same file in changes this row first, and so waits for us or has us wait.
        row = connection.execute(sa.select(sources).where(sources.c.place == place).with_for_update()).mappings().one()
        used = connection.execute(sa.select(_named(sa.literal(place)))).scalar_one()
        moment = now(connection)
        if used or row["retired"] is not None or row["touched"] >= moment - grace_s:
            return False
        connection.execute(sa.update(sources).where(sources.c.place == place).values(retired=moment))
        return True


def know(connection: Connection, place: str) -> None:
    """Note a source that came before there was this list."""
    if not place.startswith(BY_PATH):
        row = upsert(connection, sources).values(place=place, touched=0.0)
        connection.execute(row.on_conflict_do_nothing(index_elements=["place"]))


def _touch(connection: Connection, place: str) -> bool:
    moment = now(connection)
    row = upsert(connection, sources).values(place=place, touched=moment)
    row = row.on_conflict_do_update(
        index_elements=["place"], set_={"touched": moment}, where=sources.c.retired.is_(None)
    ).returning(sources.c.place)
    return connection.execute(row).first() is not None


def _named(place: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.exists().where(jobs.c.source_place == place) | sa.exists().where(uploads.c.place == place)


__all__ = ["GRACE_S", "hold", "know", "place_of", "retire", "touch", "unused"]

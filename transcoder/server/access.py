"""Tokens: who may do what, to which cases. Kept as hashes; a stolen database opens nothing."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Engine, RowMapping

from transcoder.audit.base import Facts, Journal, NoJournal
from transcoder.errors import UsageError
from transcoder.jobs.database import now, reading
from transcoder.jobs.tables import tokens

_PREFIX = "trc_"
_FORM = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}")
_USED_EVERY_S = 60.0


class Role(StrEnum):
    """What a token allows; each includes those before it."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether who has this role may do what needs the other."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who is asking."""

    id: str
    name: str
    role: Role
    cases: frozenset[str] | None
    """Case references that this token sees; None means all, also jobs without one."""
    created: float
    expires: float | None
    revoked: float | None
    used: float | None

    def sees(self, case: str | None) -> bool:
        """Whether a job of this case is this token's business."""
        return self.cases is None or case in self.cases


NOBODY = Access(
    id="local", name="this machine", role=Role.ADMIN, cases=None, created=0.0, expires=None, revoked=None, used=None
)
"""Who asks where no token is needed: a service that only this machine reaches, started with ``--no-auth``."""


class Tokens:
    """The list of tokens in the database.

    :param journal: is told of tokens that are made and revoked; what it cannot keep does not happen.
    """

    def __init__(self, engine: Engine, journal: Journal | None = None) -> None:
        self._engine, self._journal = engine, journal or NoJournal()

    def create(
        self, name: str, role: Role, *, cases: Sequence[str] = (), expires_s: float | None = None, by: str | None = None
    ) -> tuple[str, Access]:
        """Make a token; the secret is returned once and kept nowhere.

        :param expires_s: how long it is good for; None means until it is revoked.
        :raises UsageError: for a name that is empty or too long.
        :raises StorageError: where the audit log cannot be written.
        """
        if not name.strip() or len(name) > 200:
            raise UsageError("a token's name has 1 to 200 characters", code="token-name")
        secret = _PREFIX + secrets.token_urlsafe(32)
        made = f"tok_{secrets.token_hex(8)}"
        with self._engine.begin() as connection:
            moment = now(connection)
            connection.execute(
                sa.insert(tokens).values(
                    id=made, name=name.strip(), sha256=_hash(secret), role=str(role), created=moment, created_by=by,
                    cases=json.dumps(sorted(set(cases))) if cases else None,
                    expires=moment + expires_s if expires_s is not None else None,
                )
            )  # fmt: skip
            row = connection.execute(sa.select(tokens).where(tokens.c.id == made)).mappings().one()
            self._journal.record("token-created", _told(_access(row)))
        return secret, _access(row)

    def check(self, secret: str) -> Access | None:
        """Whose token this is; None where it is nobody's, expired or revoked."""
        if _FORM.fullmatch(secret) is None:
            return None
        with reading(self._engine) as connection:
            moment = now(connection)
            row = connection.execute(sa.select(tokens).where(tokens.c.sha256 == _hash(secret))).mappings().first()
        if row is None or row["revoked"] is not None or (row["expires"] is not None and row["expires"] <= moment):
            return None
        if row["used"] is None or moment - row["used"] > _USED_EVERY_S:
            with self._engine.begin() as connection:
                connection.execute(sa.update(tokens).where(tokens.c.id == row["id"]).values(used=moment))
        return _access(row)

    def still(self, token_id: str) -> Access | None:
        """A token by its id, where it is still good: a session asks this each time."""
        with reading(self._engine) as connection:
            moment = now(connection)
            row = connection.execute(sa.select(tokens).where(tokens.c.id == token_id)).mappings().first()
        if row is None or row["revoked"] is not None or (row["expires"] is not None and row["expires"] <= moment):
            return None
        return _access(row)

    def list(self) -> Sequence[Access]:
        """All tokens, newest first, without their secrets."""
        with reading(self._engine) as connection:
            return [
                _access(row)
                for row in connection.execute(sa.select(tokens).order_by(tokens.c.created.desc())).mappings()
            ]

    def revoke(self, token_id: str) -> Access:
        """End a token at once.

        :raises UsageError: where there is none of this id.
        :raises StorageError: where the audit log cannot be written; the token is good as before.
        """
        with self._engine.begin() as connection:
            open_ = (tokens.c.id == token_id) & tokens.c.revoked.is_(None)
            connection.execute(sa.update(tokens).where(open_).values(revoked=now(connection)))
            row = connection.execute(sa.select(tokens).where(tokens.c.id == token_id)).mappings().first()
            if row is None:
                raise UsageError("no such token", where=token_id[:40], code="token-unknown")
            self._journal.record("token-revoked", _told(_access(row)))
        return _access(row)


def _hash(secret: str) -> str:
    # No salt and no slow hash: the secret has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def _told(access: Access) -> Facts:
    """What the audit log says of a token; never the secret."""
    cases = sorted(access.cases) if access.cases is not None else None
    expires = datetime.fromtimestamp(access.expires, UTC).isoformat() if access.expires is not None else None
    return {
        "token": {"id": access.id, "name": access.name, "role": str(access.role), "cases": cases, "expires": expires},
        "outcome": "done",
    }


def _access(row: RowMapping) -> Access:
    return Access(
        id=row["id"], name=row["name"], role=Role(row["role"]), created=row["created"], expires=row["expires"],
        cases=frozenset(json.loads(row["cases"])) if row["cases"] else None, revoked=row["revoked"], used=row["used"],
    )  # fmt: skip


__all__ = ["NOBODY", "Access", "Role", "Tokens"]

"""Sessions of the pages: a signed cookie that names a token, and proof that a request comes from our own page.

The cookie holds no secret of the token's. Each request asks the database whether the token is still good and the
session was not ended, so that revoking and signing out hold at once, on every machine.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response

from transcoder.jobs.database import reading
from transcoder.jobs.tables import ended_sessions
from transcoder.server.access import NOBODY, Access, Tokens
from transcoder.server.problem import Refused

COOKIE = "transcoder_session"
CSRF_HEADER = "X-CSRF"
LIFETIME_S = 12 * 3600
_FORM = re.compile(r"1\.(tok_[0-9a-f]{16})\.([0-9a-f]{32})\.(\d{10,12})\.([A-Za-z0-9_-]{43})")
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who signed in.

    :ivar nonce: names this session, and nothing else.
    :ivar expires: seconds since 1970, by this machine's clock.
    """

    token_id: str
    nonce: str
    expires: float


LOCAL = Session(token_id=NOBODY.id, nonce="local", expires=float("inf"))
"""Where no token is needed."""


class Sessions:
    """Makes, reads and ends sessions.

    :param secret: signs them; every process behind one address must have the same.
    """

    def __init__(self, secret: bytes, tokens: Tokens, engine: Engine) -> None:
        self._secret, self._tokens, self._engine = secret, tokens, engine

    def begin(self, token_id: str) -> str:
        """A cookie's value for a token that was checked."""
        said = f"1.{token_id}.{secrets.token_hex(16)}.{int(time.time() + LIFETIME_S)}"
        return f"{said}.{self._sign('session', said)}"

    def read(self, value: str) -> tuple[Session, Access] | None:
        """Whose session a cookie is; None where it is forged, over, ended, or its token is no longer good."""
        parts = _FORM.fullmatch(value)
        if parts is None:
            return None
        said, _, signature = value.rpartition(".")
        if not hmac.compare_digest(signature, self._sign("session", said)) or int(parts[3]) <= time.time():
            return None
        with reading(self._engine) as connection:
            query = sa.select(ended_sessions.c.nonce).where(ended_sessions.c.nonce == parts[2])
            if connection.execute(query).first() is not None:
                return None
        access = self._tokens.still(parts[1])
        if access is None:
            return None
        return Session(token_id=parts[1], nonce=parts[2], expires=float(parts[3])), access

    def end(self, session: Session) -> None:
        """Sign out: a copy of the cookie is worth nothing from now on."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(ended_sessions).where(ended_sessions.c.expires < time.time()))
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.insert(ended_sessions).values(nonce=session.nonce, expires=min(session.expires, 1e12))
                )
        except IntegrityError:
            pass  # it was ended in another window

    def csrf(self, session: Session) -> str:
        """What a form or a script of this session's pages sends along."""
        return self._sign("csrf", session.nonce)

    def confirm_csrf(self, session: Session, given: str) -> None:
        """:raises Refused: where the request does not come from a page of this session (``csrf``)."""
        if not given.isascii() or not hmac.compare_digest(given, self.csrf(session)):
            raise Refused(
                "csrf", "this request did not come from a page of this service",
                hint="go back, load the page again, and repeat it",
            )  # fmt: skip

    def asks(self, request: Request) -> Access:
        """Who asks by cookie. What changes something needs the header ``X-CSRF`` as well.

        :raises Refused: where there is no session, or the header is not right.
        """
        found = self.read(request.cookies.get(COOKIE, ""))
        if found is None:
            raise Refused("unauthorised", "you are not signed in any more", hint="sign in again")
        if request.method not in _SAFE:
            self.confirm_csrf(found[0], request.headers.get(CSRF_HEADER, ""))
        return found[1]

    def _sign(self, purpose: str, said: str) -> str:
        made = hmac.new(self._secret, f"{purpose}\n{said}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


def put_cookie(request: Request, response: Response, value: str) -> None:
    """Give the browser a session; without a value, take it away."""
    response.set_cookie(
        COOKIE, value, max_age=LIFETIME_S if value else 0, path="/", httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip


def confirm_same_site(request: Request) -> None:
    """Let no other site's page act or look in the name of who sits at this machine.

    For requests that nothing else vouches for: signing in, and everything where no token is needed.

    :raises Refused: where the browser says that another site sent it (``csrf``).
    """
    fetched, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    foreign = fetched not in (None, "same-origin", "none")
    if fetched is None and origin is not None:
        foreign = urlsplit(origin).netloc != request.headers.get("host", "")
    if foreign and request.method not in _SAFE:
        raise Refused("csrf", "another site's page sent this request", hint="open this service's own page")


def confirm_local(request: Request) -> None:
    """Where no token is needed, only pages of this machine's own address count.

    A foreign name that was pointed at the loopback address would otherwise read everything.

    :raises Refused: for another host's name (``forbidden``).
    """
    host = (urlsplit(f"//{request.headers.get('host', '')}").hostname or "").lower()
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise Refused("forbidden", "without tokens this service answers on localhost only", where=host[:80])
    confirm_same_site(request)


__all__ = [
    "COOKIE", "CSRF_HEADER", "LIFETIME_S", "LOCAL", "Session", "Sessions", "confirm_local", "confirm_same_site",
    "put_cookie",
]  # fmt: skip

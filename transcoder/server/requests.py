"""Each request's own number: on its answer, in errors, in the log and in the audit log; it tells them together."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import Scope

HEADER = "X-Request-Id"
_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def begin(scope: Scope) -> str:
    """The number of a request that has just come: the caller's own where it is fit to be repeated, else a new one."""
    given = Headers(scope=scope).get(HEADER, "")
    number = given if _FORM.fullmatch(given) else f"req_{secrets.token_hex(8)}"
    _current.set(number)
    return number


def current() -> str | None:
    """The number of the request that this task or thread works for; None outside of one."""
    return _current.get()


__all__ = ["HEADER", "begin", "current"]

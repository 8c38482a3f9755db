"""One line of the log: canonical JSON that holds the SHA-256 of the line before it."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import rfc8785

from transcoder.model import require_aware
from transcoder.version import __version__

FIRST = "0" * 64
"""What the first entry holds instead of a hash."""
OPENED, CONTINUED, TORN, CHECKPOINT, RECEIPT = "log-opened", "log-continued", "torn-line", "checkpoint", "receipt"
MAX_LINE_BYTES = 256 << 10
"""No entry is longer: see ``_MAX_CHARACTERS`` and ``_MAX_ITEMS``."""
_SIGNED_AT_ONCE = frozenset((OPENED, CONTINUED, TORN, CHECKPOINT, RECEIPT))
_MAX_CHARACTERS, _MAX_ITEMS, _MAX_DEPTH = 500, 60, 6
_FIELDS = frozenset(("seq", "prev", "at", "event", "who", "tool"))


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain."""

    seq: int
    sha256: str
    entry: Mapping[str, Any]
    """The last entry; empty in a log that has none."""


START = Head(0, FIRST, {})


def line(head: Head, event: str, facts: Mapping[str, object], at: datetime) -> bytes:
    """The next line, without its line feed."""
    facts = {str(key): _clean(value, 1) for key, value in facts.items()}
    operator = facts.pop("operator", None)
    entry = {
        **facts,
        "seq": head.seq + 1,
        "prev": head.sha256,
        "at": moment(at),
        "event": event,
        "who": {**_user(), "operator": operator},
        "tool": __version__,
    }
    return rfc8785.dumps(entry)  # type: ignore[arg-type]


def parse(data: bytes) -> dict[str, Any]:
    """Read a line.

    :raises ValueError: saying in what it is no entry.
    """
    try:
        entry = json.loads(data)
        exact = isinstance(entry, dict) and rfc8785.dumps(entry) == data
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        raise ValueError("is not JSON") from None
    if not exact:
        raise ValueError("is not canonical JSON")
    if not set(entry) >= _FIELDS or not isinstance(entry["who"], dict):
        raise ValueError("is not an entry of this log")
    if type(entry["seq"]) is not int or not all(isinstance(entry[key], str) for key in ("prev", "at", "event")):
        raise ValueError("is not an entry of this log")
    valid: dict[str, Any] = entry
    return valid


def digest(data: bytes) -> str:
    """What the entry after this line holds."""
    return hashlib.sha256(data).hexdigest()


def owes_checkpoint(entry: Mapping[str, Any], every: int) -> bool:
    """Whether a signed checkpoint must follow this entry: every so many, and at once where it matters."""
    return (
        entry["seq"] % every == 0
        or entry["event"] in _SIGNED_AT_ONCE
        or (entry["event"] == "apply-ended" and entry.get("override") is not None)
    )


def moment(at: datetime) -> str:
    """UTC with microseconds."""
    return require_aware(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@lru_cache(maxsize=1)
def _user() -> dict[str, object]:
    return {"user": _clean(user_name(), 1), "uid": os.geteuid(), "host": _clean(socket.gethostname(), 1)}


def user_name() -> str:
    """Who the operating system says this is, whatever the environment says; "?" where nobody has that number."""
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return getpass.getuser() if "USER" in os.environ else "?"


def _clean(value: object, depth: int) -> object:
    """A value that has a canonical form and a bounded length, whatever a file name or a message contains."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else str(value)
    if isinstance(value, float):
        return str(value)
    if depth > _MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return {str(key)[:80]: _clean(item, depth + 1) for key, item in list(value.items())[:_MAX_ITEMS]}
    if isinstance(value, list | tuple):
        rest = len(value) - _MAX_ITEMS
        kept = [_clean(item, depth + 1) for item in value[:_MAX_ITEMS]]
        return [*kept, f"and {rest} more"] if rest > 0 else kept
    text = str(value)
    text = text if len(text) <= _MAX_CHARACTERS else text[: _MAX_CHARACTERS - 3] + "..."
    return text.encode("utf-8", "backslashreplace").decode()

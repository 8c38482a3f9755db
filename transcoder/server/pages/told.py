"""Entries of the audit log in words: who did what to which file of which case, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from transcoder.server.pages import words

KINDS: Mapping[str, tuple[str, frozenset[str]]] = {
    "made": (
        "Copies made", frozenset(("apply-begun", "apply-ended", "apply-undone", "join-begun", "join-ended")),
    ),
    "checked": (
        "Deliveries checked or received",
        frozenset(
            ("verify-begun", "verify-ended", "receive-begun", "receive-ended", "receipt", "access-verify",
             "access-receipt")
        ),
    ),
    "handed-in": (
        "Files handed in, cancelled or run again",
        frozenset(("access-submit", "access-upload", "access-cancel", "access-retry", "access-form")),
    ),
    "seen": (
        "Files and jobs looked at or downloaded",
        frozenset(("access-read", "access-list", "access-view", "access-download", "access-audit")),
    ),
    "removed": ("Removed, or kept from removal", frozenset(("job-removed", "source-removed", "access-hold"))),
    "people": (
        "People: sign-ins, tokens and webhooks",
        frozenset(
            ("sign-in", "sign-out", "token-created", "token-revoked", "webhook-created", "webhook-removed",
             "access-webhook")
        ),
    ),
}  # fmt: skip
"""What one may look for: its name, and the events that belong to it."""
REFUSED = "refused"
"""A kind of its own: whatever anybody was not allowed to do."""
_OUTCOMES = {"not-found": "nothing was there", "failed": "did not work", "refused": "not allowed"}
_FILES = {
    "(source)": "the source itself", "(all files)": "all files of the delivery in one", "(report)": "the report",
}  # fmt: skip
_TRIED = {
    "access-submit": "tried to hand in a file", "access-list": "tried to look at the list of jobs",
    "access-read": "tried to look at a job", "access-cancel": "tried to cancel a job",
    "access-retry": "tried to have a job run again", "access-download": "tried to fetch a file",
    "access-view": "tried to look at pictures of a source", "access-verify": "tried to have a delivery checked",
    "access-receipt": "tried to hand in a receipt", "access-upload": "tried to send a file in blocks",
    "access-form": "tried to open the form to hand in a file", "access-audit": "tried to read this log",
    "access-webhook": "tried to look at webhooks or to change them",
    "access-hold": "tried to change whether a job is kept", "sign-in": "tried to sign in",
    "sign-out": "tried to sign out",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One entry, as a person reads it."""

    at: float
    """Seconds since 1970."""
    who: str
    what: str
    about: str
    """The file; empty where there is none."""
    case: str
    exhibit: str
    result: str
    """What came of it, where that is not what the words already say."""
    tone: str
    job: str
    origin: str
    """Where a request came from."""
    raw: str
    """The whole entry."""


def told(entry: Mapping[str, Any]) -> Told:
    """Put an entry in words. Nothing of it is lost: ``raw`` holds it all."""
    source, case, file = _part(entry, "source"), _part(entry, "case"), str(entry.get("file") or "")
    what = _what(entry)
    if file:
        what += f": {_FILES.get(file, file)}"
    result, tone = _result(entry)
    return Told(
        at=datetime.fromisoformat(entry["at"]).timestamp(), who=_who(entry), what=what,
        about=str(source.get("name") or ""), case=str(case.get("urn") or ""), exhibit=str(case.get("exhibit") or ""),
        result=result, tone=tone, job=str(entry.get("job") or ""), origin=str(entry.get("address") or ""),
        raw=json.dumps(entry, indent=2, ensure_ascii=False, sort_keys=True),
    )  # fmt: skip


def is_of(entry: Mapping[str, Any], *, kind: str, case: str) -> bool:
    """Whether an entry is of a kind (empty: any), and of a case whose reference holds this text (empty: any)."""
    if case and case.casefold() not in str(_part(entry, "case").get("urn") or "").casefold():
        return False
    if kind == REFUSED:
        return entry["event"] == "access-refused" or (entry.get("outcome") == "refused" and "address" in entry)
    # What was repeated is counted once, under what was repeated.
    event = entry.get("access") if entry["event"] == "access-folded" else entry["event"]
    return not kind or (kind in KINDS and event in KINDS[kind][1])


def _part(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of an entry; empty where it is absent, or written by a newer program in another form."""
    found = entry.get(name)
    return found if isinstance(found, Mapping) else {}


def _who(entry: Mapping[str, Any]) -> str:
    who = _part(entry, "who")
    if who.get("operator"):
        return str(who["operator"])
    if "address" in entry:
        return "Somebody who was not signed in"
    return f"The service (user {who['user']})" if who.get("user") else "The service"


def _what(entry: Mapping[str, Any]) -> str:
    event, done = entry["event"], entry.get("outcome") in (None, "done")
    if event == "access-folded":
        times = entry.get("times", 0)
        again = words.EVENTS.get(entry.get("access", ""), str(entry.get("access", "")))
        return f"{again}, {times} more {'time' if times == 1 else 'times'}"
    if event == "access-refused":
        return "was not allowed in" if entry.get("status") == 401 else "asked for something that they may not see or do"
    if event.startswith("token-"):
        token = _part(entry, "token")
        return f"{words.EVENTS[event]} for {token.get('name', '')} (may {_MAY.get(token.get('role', ''), 'nothing')})"
    return words.EVENTS.get(event, event) if done or event not in _TRIED else _TRIED[event]


_MAY = {"read": "look", "submit": "hand in files", "admin": "do everything"}


def _result(entry: Mapping[str, Any]) -> tuple[str, str]:
    """What came of it, and its tone."""
    outcome = entry.get("outcome")
    verdict = _part(entry, "delivery").get("verdict")
    code = _part(entry, "error").get("code")
    reason = _part(entry, "override").get("reason")
    if verdict:
        said = words.VERDICTS.get(verdict, str(verdict))
        tone = "bad" if verdict in ("refused", "degraded") else "good"
        return said + (f". Reason given: {reason}" if reason else ""), tone
    if outcome in (None, "done") and not code:
        return "", "calm"
    said = _OUTCOMES.get(str(outcome), str(outcome))
    why = words.BRIEFLY.get(str(code))
    return said[:1].upper() + said[1:] + (f": {why}" if why else f" ({code})" if code else ""), "bad"


__all__ = ["KINDS", "REFUSED", "Told", "is_of", "told"]

"""Which requests are accesses to case material or to authority, what the audit log says of them, and what is folded.

Somebody who follows a job asks for its state every two seconds, and a player fetches a film in hundreds of pieces. An
entry for each would bury the ones that matter, and cost a synced write each. So the first one is written, and what
the same person repeats within ``FOLD_S`` is counted and written as one entry when that time is over. Never folded:
what changes something, and a download of a file.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Scope

from transcoder.server import requests
from transcoder.server.access import Access

FOLD_S = 300.0
FOLDED = "access-folded"
REFUSED = "access-refused"
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route is to the log.

    :ivar fold: repeating it says nothing new.
    """

    event: str
    fold: bool = False


_READ, _VIEW, _LIST = Rule("access-read", fold=True), Rule("access-view", fold=True), Rule("access-list", fold=True)
_SUBMIT, _CANCEL, _RETRY = Rule("access-submit"), Rule("access-cancel"), Rule("access-retry")
_DOWNLOAD, _VERIFY, _UPLOAD = Rule("access-download"), Rule("access-verify"), Rule("access-upload", fold=True)
RULES: Mapping[tuple[str, str], Rule] = {
    ("POST", "/v1/jobs"): _SUBMIT,
    ("GET", "/v1/jobs"): _LIST,
    ("GET", "/v1/jobs/{job_id}"): _READ,
    ("DELETE", "/v1/jobs/{job_id}"): _CANCEL,
    ("POST", "/v1/jobs/{job_id}/retry"): _RETRY,
    ("GET", "/v1/jobs/{job_id}/events"): _READ,
    ("GET", "/v1/jobs/{job_id}/files/{name}"): _DOWNLOAD,
    ("POST", "/v1/jobs/{job_id}/receipt"): Rule("access-receipt"),
    ("POST", "/v1/verify"): _VERIFY,
    ("POST", "/v1/uploads"): Rule("access-upload"),
    ("HEAD", "/v1/uploads/{upload_id}"): _UPLOAD,
    ("PATCH", "/v1/uploads/{upload_id}"): _UPLOAD,
    ("DELETE", "/v1/uploads/{upload_id}"): Rule("access-upload"),
    ("GET", "/jobs"): _LIST,
    ("GET", "/new"): Rule("access-form", fold=True),
    ("GET", "/jobs/{job_id}"): _READ,
    ("POST", "/jobs/{job_id}/cancel"): _CANCEL,
    ("POST", "/jobs/{job_id}/retry"): _RETRY,
    ("POST", "/jobs/{job_id}/again"): _SUBMIT,
    ("GET", "/jobs/{job_id}/report"): _DOWNLOAD,
    ("GET", "/jobs/{job_id}/all.zip"): _DOWNLOAD,
    ("GET", "/jobs/{job_id}/source"): _DOWNLOAD,
    ("GET", "/jobs/{job_id}/play/{name}"): _DOWNLOAD,
    ("GET", "/jobs/{job_id}/frame"): _VIEW,
    ("GET", "/jobs/{job_id}/regions"): _VIEW,
    ("POST", "/jobs/{job_id}/regions"): _SUBMIT,
    ("POST", "/verify"): _VERIFY,
    ("GET", "/audit"): Rule("access-audit"),
    ("POST", "/signin"): Rule("sign-in"),
    ("POST", "/signout"): Rule("sign-out"),
}
"""By method and route. A test holds it against the routes of the application: who adds one decides here, or there."""
UNTOLD = frozenset(
    (
        ("GET", "/"), ("GET", "/signin"), ("GET", "/verify"), ("GET", "/profiles"), ("GET", "/v1/profiles"),
        ("GET", "/v1/profiles/{name}"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
        ("OPTIONS", "/v1/uploads"), ("OPTIONS", "/v1/uploads/{upload_id}"),
    )
)  # fmt: skip
"""Routes that show no case and give no authority; they are told of only where somebody was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request, as it is answered."""

    rule: Rule
    facts: Mapping[str, object]
    job: str | None
    key: tuple[object, ...] | None
    """Those with the same key are folded; None is written each time."""


def seen(scope: Scope, status: int, answer: Headers) -> Seen | None:
    """What the log is to be told of this request; None where it is no access."""
    route, state, query = getattr(scope.get("route"), "path", ""), scope.get("state", {}), _query(scope)
    if state.get("code") == "unauthorised":
        status = 401  # a browser is sent to the page where one signs in
    rule = RULES.get((scope["method"], route))
    if status in (401, 403) and (rule is None or rule.event != "sign-in"):
        rule = Rule(REFUSED, fold=True)
    if rule is None:
        return None
    access: Access | None = state.get("access")
    given = scope.get("path_params", {})
    job = state.get("job") or given.get("job_id") or query.get("like")
    made = answer.get("location", "").rpartition("/jobs/")[2] if rule is _SUBMIT else ""
    file = given.get("name") or _FILES.get(route.rpartition("/")[2])
    who = _who(access)
    facts: dict[str, object] = {
        "operator": access.name if access is not None else None, "token": who, "address": _address(scope),
        "request": requests.current(), "action": f"{scope['method']} {route or '(no such address)'}", "status": status,
        "outcome": _outcome(status), "error": {"code": state["code"]} if state.get("code") else None, "file": file,
        "upload": given.get("upload_id"), "query": query or None, "from_job": job if made else None,
    }  # fmt: skip
    key = _key(rule, status, answer, route, (who and who["id"], facts["address"]), made or job, file or facts["upload"])
    told = {name: value for name, value in facts.items() if value is not None}
    return Seen(rule=rule, facts=told, job=made or job, key=key)


_FILES = {"source": "(source)", "all.zip": "(all files)", "report": "(report)"}


def _key(
    rule: Rule, status: int, answer: Headers, route: str, who: tuple[object, ...], job: object, what: object
) -> tuple[object, ...] | None:
    if status >= 400:
        # Without the job: whoever tries one name after the other must not fill the disk.
        return (*who, rule.event, status, route)
    later_piece = status == 206 and not answer.get("content-range", "").startswith("bytes 0-")
    if rule.fold or later_piece or status == 304:
        return (*who, rule.event, job, what)
    return None


def _who(access: Access | None) -> dict[str, str] | None:
    """Never the secret."""
    return {"id": access.id, "name": access.name, "role": str(access.role)} if access is not None else None


def _address(scope: Scope) -> str | None:
    return scope["client"][0] if scope.get("client") else None


def _query(scope: Scope) -> dict[str, str]:
    text = scope.get("query_string", b"")[:4096].decode("ascii", "replace")
    return dict(parse_qsl(text, errors="replace", max_num_fields=None)[:20])


def _outcome(status: int) -> str:
    if status < 400:
        return "done"
    return {401: "refused", 403: "refused", 404: "not-found"}.get(status, "failed")


@dataclass(slots=True)
class _Window:
    began: float
    told: Mapping[str, object]
    times: int = 0


class Folding:
    """What was written a moment ago, and how often it was repeated.

    :param clock: seconds, rising.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._windows: OrderedDict[tuple[object, ...], _Window] = OrderedDict()
        self._over: list[_Window] = []

    def repeats(self, key: tuple[object, ...] | None) -> bool:
        """Whether this was written already; it is counted then."""
        with self._lock:
            window = self._windows.get(key) if key is not None else None
            if window is None or self._clock() - window.began >= FOLD_S:
                return False
            window.times += 1
            return True

    def written(self, key: tuple[object, ...] | None, told: Mapping[str, object]) -> None:
        """From now on this is counted. Called after the write: what could not be written is not taken as told."""
        if key is None:
            return
        began = datetime.now(UTC).isoformat(timespec="seconds")
        with self._lock:
            self._end(key)
            self._windows[key] = _Window(self._clock(), {**told, "since": began})
            while len(self._windows) > _MOST_KNOWN:
                self._end(next(iter(self._windows)))

    def over(self, *, all_: bool = False) -> Sequence[Mapping[str, object]]:
        """Facts of the windows that are over and had repetitions; each is given once.

        :param all_: of those too that are not over yet: the program ends.
        """
        with self._lock:
            now = self._clock()
            for key in [key for key, window in self._windows.items() if all_ or now - window.began >= FOLD_S]:
                self._end(key)
            ended, self._over = self._over, []
        return [{**window.told, "times": window.times} for window in ended]

    def _end(self, key: tuple[object, ...]) -> None:
        window = self._windows.pop(key, None)
        if window is not None and window.times:
            self._over.append(window)


__all__ = ["FOLDED", "FOLD_S", "REFUSED", "RULES", "UNTOLD", "Folding", "Rule", "Seen", "seen"]

"""Requests that are made again where that is safe and may help, and answers as typed errors."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from transcoder.errors import TranscodeError

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_BUSY = frozenset((429, 502, 503, 504))
_PROBLEM_BYTES = 1 << 20


class ServiceError(TranscodeError):
    """The service said no, or could not be reached.

    :ivar status: of HTTP; None where there was no answer (code ``service-unreachable``).
    """

    default_code = "service-error"

    def __init__(
        self, message: str, *, status: int | None = None, where: str | None = None, hint: str | None = None,
        code: str | None = None, details: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, where=where, hint=hint, code=code, details=details)
        self.status = status


class Calls:
    """HTTP with patience.

    :param tries: how often a request is made at most.
    :param sleep: waits so many seconds.
    """

    def __init__(self, http: httpx.Client, *, tries: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self.http, self.tries, self.sleep = http, tries, sleep

    def json(self, method: str, path: str, *, repeatable: bool = True, **content: Any) -> Any:
        """The body of an answer.

        :param repeatable: whether the request may be made again although an earlier one may have had its effect.
        :raises ServiceError: for every answer but a success.
        """
        answer = self.call(method, path, repeatable=repeatable, **content)
        try:
            return answer.json()
        except ValueError:
            raise ServiceError(
                "the answer is not JSON", where=str(answer.url), hint="is this the service's address?",
                code="not-the-service", status=answer.status_code,
            ) from None  # fmt: skip

    def call(
        self, method: str, path: str, *, repeatable: bool = True,
        content: Callable[[], Mapping[str, Any]] | None = None, **fixed: Any,
    ) -> httpx.Response:  # fmt: skip
        """One request, with its answer read.

        :param content: gives the body's arguments anew for each try: a file is read from its beginning again.
        """
        number = 0
        while True:
            number += 1
            try:
                answer = self.http.request(method, path, **fixed, **(content() if content is not None else {}))
            except httpx.TransportError as error:
                reached = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
                if number >= self.tries or (reached and not repeatable):
                    raise unreachable(error, path) from None
                self.sleep(pause_s(number))
                continue
            if answer.status_code in _BUSY and number < self.tries:
                self.sleep(pause_s(number, answer.headers.get("retry-after")))
                continue
            if answer.is_success:
                return answer
            raise refused(answer)

    @contextmanager
    def stream(self, path: str, **arguments: Any) -> Iterator[httpx.Response]:
        """An answer whose body the caller reads; tried once.

        :raises ServiceError: as ``call`` does, and where the connection breaks (``service-unreachable``).
        """
        try:
            with self.http.stream("GET", path, **arguments) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refused(answer)
                yield answer
        except httpx.TransportError as error:
            raise unreachable(error, path) from None


def pause_s(number: int, asked: str | None = None) -> float:
    """How long to wait before the next try: what the service asks for, else longer each time, and never in step."""
    if asked is not None and asked.isdecimal():
        return float(min(int(asked), 300))
    return float(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (number - 1)) * random.uniform(0.5, 1.0))  # noqa: S311


def refused(answer: httpx.Response) -> ServiceError:
    """The error of an answer."""
    try:
        body = json.loads(answer.content[:_PROBLEM_BYTES])
        message, code = str(body["detail"]), str(body["code"])
    except (ValueError, KeyError, TypeError):
        body, message, code = {}, f"the answer was {answer.status_code} {answer.reason_phrase}", "service-error"
    return ServiceError(
        message, status=answer.status_code, code=code, where=body.get("where"), hint=body.get("hint"),
        details={"errors": body["errors"]} if body.get("errors") else {},
    )  # fmt: skip


def unreachable(error: httpx.TransportError, where: str) -> ServiceError:
    """The error where no answer came."""
    said = str(error) or type(error).__name__
    return ServiceError(
        f"no answer from the service: {said}", where=where, hint="is it running, and is this its address?",
        code="service-unreachable",
    )  # fmt: skip


__all__ = ["Calls", "ServiceError", "pause_s", "refused", "unreachable"]

"""Errors as problem+json (RFC 9457): the stable code, one line that says what and what to do, never a traceback."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from transcoder import errors
from transcoder.server import requests


class Refused(errors.TranscodeError):
    """A request that is not answered: not signed in, not allowed, not there, too much.

    :param retry_after_s: when it may be tried again.
    """

    def __init__(
        self, code: str, message: str, *, hint: str | None = None, where: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, code=code, hint=hint, where=where)
        self.retry_after_s = retry_after_s


_STATUS: tuple[tuple[type[errors.TranscodeError], int], ...] = (
    (Refused, 400),  # whatever its code: a request that is refused is never a fault of the service
    (errors.UsageError, 422),
    (errors.InputError, 422),
    (errors.NoAcceptableEncoding, 422),
    (errors.CertificateError, 422),
    (errors.StorageError, 503),
    (errors.TranscodeError, 500),
)
_OF_CODE = {
    "idempotency-conflict": 409, "not-retryable": 409, "not-found": 404, "unauthorised": 401, "forbidden": 403,
    "upload-too-large": 413, "too-many-requests": 429, "csrf": 403, "object-missing": 404, "bad-form": 400,
    "invalid-request": 422, "request-timeout": 408, "disk-full": 507, "too-many-uploads": 503, "token-unknown": 404,
    "unsupported-media-type": 415, "upload-expired": 410, "upload-elsewhere": 409, "upload-busy": 423,
    "upload-offset": 409, "upload-incomplete": 409, "checksum-mismatch": 460, "tus-version": 412,
    "not-delivered": 409, "job-removed": 410, "source-removed": 410, "webhooks-off": 409,
}  # fmt: skip
"""Codes with a status of their own."""
TITLES = {
    400: "Bad request", 401: "Not signed in", 403: "Not allowed", 404: "Not found", 405: "Method not allowed",
    408: "Too slow", 409: "Conflict", 410: "Gone", 411: "Length required", 412: "Precondition failed",
    413: "Too large", 415: "Unsupported media type",
    422: "Not acceptable as it is", 423: "Busy", 429: "Too many requests", 460: "Checksum mismatch",
    500: "Internal fault", 503: "Not available now", 507: "No room",
}  # fmt: skip
log = logging.getLogger("transcoder.server")


def status_of(error: errors.TranscodeError) -> int:
    """The HTTP status of an error."""
    return _OF_CODE.get(error.code) or next(status for kind, status in _STATUS if isinstance(error, kind))


_PLAIN = {
    "extra_forbidden": "there is no such field", "missing": "it is missing", "model_type": "it must be an object",
    "model_attributes_type": "it must be an object",
}  # fmt: skip
FIELDS_HINT = "/v1/openapi.json describes every field"


def wrong_fields(found: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What the validator found, in the words of our own errors: where, and what is wrong."""
    return [
        {"where": ".".join(map(str, item["loc"])), "message": _PLAIN.get(item["type"], item["msg"])} for item in found
    ]


def in_words(wrong: Sequence[Mapping[str, str]]) -> str:
    """All of it in one line."""
    return "; ".join(f"{item['where']}: {item['message']}" for item in wrong)[:500]


def problem(status: int, code: str, detail: str, *, retry_after_s: float | None = None, **more: Any) -> JSONResponse:
    """One problem+json answer."""
    body: dict[str, Any] = {"type": f"urn:transcoder:error:{code}", "title": TITLES.get(status, "Error")}
    body |= {"status": status, "detail": detail, "code": code}
    more |= {"request_id": requests.current()}
    body |= {key: value for key, value in more.items() if value is not None}
    headers = {"WWW-Authenticate": 'Bearer realm="transcoder"'} if status == 401 else {}
    if status in (408, 429, 503, 507):
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_s if retry_after_s is not None else 5.0)))
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def install(app: FastAPI) -> None:
    """Have every error of the application answered in this form."""

    @app.exception_handler(errors.TranscodeError)
    async def _known(request: Request, error: errors.TranscodeError) -> JSONResponse:
        status = status_of(error)
        request.state.code = error.code
        if status >= 500:
            log.error("%s", error)
        later = error.retry_after_s if isinstance(error, Refused) else None
        return problem(status, error.code, error.message, where=error.where, hint=error.hint, retry_after_s=later)

    @app.exception_handler(SQLAlchemyError)
    async def _database(_: Request, error: SQLAlchemyError) -> JSONResponse:
        log.error("the database does not answer: %s", str(error).splitlines()[0])
        return problem(503, "database-unreachable", "the database does not answer", hint="try again; nothing was lost")

    @app.exception_handler(ClientDisconnect)
    async def _gone(request: Request, _: ClientDisconnect) -> JSONResponse:
        # Nobody reads this answer; without it the log would tell of a fault of ours.
        log.info("the client went away during %s %s", request.method, request.url.path)
        return problem(400, "client-gone", "the request ended too soon")

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        wrong = wrong_fields(error.errors())
        return problem(422, "invalid-request", in_words(wrong), hint=FIELDS_HINT, errors=wrong)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        codes = {404: "not-found", 405: "method-not-allowed", 408: "request-timeout", 413: "upload-too-large"}
        answer = problem(error.status_code, codes.get(error.status_code, "bad-request"), str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> JSONResponse:
        log.exception("internal fault at %s %s", request.method, request.url.path, exc_info=error)
        answer = problem(500, "internal", f"internal fault ({type(error).__name__})", hint="the log says more")
        answer.headers[requests.HEADER] = requests.current() or ""  # this one is made around all middleware
        return answer


__all__ = ["TITLES", "Refused", "install", "problem", "status_of"]

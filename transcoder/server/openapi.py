"""The contract as a document: what FastAPI derives from the routes, completed with what it cannot know.

That is: bodies that routes read themselves, who must show a token, headers of every answer, the codes of errors, and
an example for each operation and each error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from transcoder.server import requests
from transcoder.server.examples import ERRORS, OPERATIONS
from transcoder.server.problem import TITLES
from transcoder.server.shapes import JobToVerify, ProblemShape, Submission, Wishes

_REF = "#/components/schemas/{model}"
_OWN_BODIES = (ProblemShape, Submission, JobToVerify, Wishes)
_OPEN = frozenset((("get", "/healthz"), ("get", "/readyz"), ("options", "/v1/uploads")))
"""Operations that ask nobody for a token."""
_WAIT = ("408", "429", "503", "507")
_PROBLEM = "application/problem+json"


def install(app: FastAPI) -> None:
    """Have the application tell its contract in this form."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    parts = document["components"]
    _, own = models_json_schema([(model, "validation") for model in _OWN_BODIES], ref_template=_REF)
    for name, schema in own["$defs"].items():
        parts["schemas"].setdefault(name, schema)
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)  # the framework's own form, which is never sent
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "`transcoder token create` makes one."}
    }
    parts["headers"] = {
        "RequestId": {
            "description": "The request's number; the caller's own where it sent one that is fit.",
            "schema": {"type": "string", "maxLength": 64}, "example": "req_5f1c09a2b3d4e5f6",
        },
        "RetryAfter": {
            "description": "Seconds after which it may be tried again.",
            "schema": {"type": "integer", "minimum": 1}, "example": 5,
        },
    }  # fmt: skip
    for method, path, operation in operations(document):
        if (method, path) not in _OPEN:
            operation["security"] = [{"token": []}]
        for status, answer in operation["responses"].items():
            _answer(status, answer)
        _examples(operation, OPERATIONS.get((method, path), {}))
    return document


def _answer(status: str, answer: dict[str, Any]) -> None:
    headers = answer.setdefault("headers", {})
    headers[requests.HEADER] = {"$ref": "#/components/headers/RequestId"}
    if status in _WAIT:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    problem = answer.get("content", {}).get(_PROBLEM)
    if problem is None:
        return
    codes = ERRORS[int(status)]
    answer["description"] = f"{TITLES[int(status)]}: {', '.join(f'`{code}`' for code in codes)}"
    problem["examples"] = {
        code: {
            "value": {
                "type": f"urn:transcoder:error:{code}", "title": TITLES[int(status)], "status": int(status),
                "detail": detail, "code": code, "request_id": "req_5f1c09a2b3d4e5f6",
            }
        }
        for code, detail in codes.items()
    }  # fmt: skip


def _examples(operation: dict[str, Any], known: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in known.get("parameters", {}):
            parameter["example"] = known["parameters"][parameter["name"]]
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        if kind in known.get("body", {}):
            body["example"] = known["body"][kind]
    for status, value in known.get("answers", {}).items():
        for body in operation["responses"][status].get("content", {}).values():
            body["example"] = value


__all__ = ["install", "operations"]

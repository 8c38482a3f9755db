"""Requests that the contract allows, and some that it does not, made by schemathesis against the application itself."""

from __future__ import annotations

import logging
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)  # fmt: skip

from tests.helpers.service import Bench
from transcoder.server.access import Role
from transcoder.server.application import create

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance,
]  # fmt: skip


@schemathesis.serializer("application/offset+octet-stream")
def _block(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def operations(served: Bench) -> tuple[list[Any], dict[str, str]]:
    """Every operation, and the headers of one who may do everything."""
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", create(served.service))
    found = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result.err()
        found.append(result.ok())
    return found, {"Authorization": f"Bearer {served.token(Role.ADMIN)}"}


def ask(operation: Any, headers: dict[str, str], job: str, examples: int) -> None:
    """Make this many requests of one operation; every answer holds against the contract.

    :param job: one that exists: half of the requests are about it.
    """
    logging.getLogger("transcoder").setLevel(logging.CRITICAL)
    count = [0]

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def asked(case: Any) -> None:
        count[0] += 1
        if count[0] % 2 and "job_id" in (case.path_parameters or {}):
            case.path_parameters["job_id"] = job
        case.call_and_validate(headers=headers, checks=CHECKS)

    asked()


__all__ = ["ask", "operations"]

"""The errors of a route, as OpenAPI describes them."""

from __future__ import annotations

from typing import Any

from transcoder.server.problem import TITLES
from transcoder.server.shapes import ProblemShape

_ALWAYS = (400, 401, 403, 408, 422, 429, 500, 503)
_SCHEMA = {"$ref": f"#/components/schemas/{ProblemShape.__name__}"}


def problems(*more: int, signed_in: bool = True) -> dict[int | str, dict[str, Any]]:
    """What a route may answer beside its own answer.

    :param more: statuses beside those of every route.
    :param signed_in: False for a route that asks nobody for a token.
    """
    statuses = sorted({*_ALWAYS, *more} - (set() if signed_in else {401, 403, 429}))
    return {
        status: {
            "description": TITLES.get(status, "Error"),
            "content": {"application/problem+json": {"schema": _SCHEMA}},
        }
        for status in statuses
    }


__all__ = ["problems"]

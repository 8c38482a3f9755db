"""Reading what a request says, where a route takes more than one kind of body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from transcoder.server.problem import FIELDS_HINT, Refused, in_words, wrong_fields

T = TypeVar("T", bound=BaseModel)


def parsed(kind: type[T], text: bytes) -> T:
    """JSON as a body.

    :raises Refused: naming each field that is wrong.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        wrong = wrong_fields(cast("Sequence[Mapping[str, Any]]", error.errors()))
        raise Refused("invalid-request", in_words(wrong), hint=FIELDS_HINT) from None


__all__ = ["parsed"]

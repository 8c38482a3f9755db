"""Reading what a request says, where a route takes more than one kind of body."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from transcoder.server.problem import Refused

T = TypeVar("T", bound=BaseModel)


def parsed(kind: type[T], text: bytes) -> T:
    """JSON as a body.

    :raises Refused: naming each field that is wrong.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise Refused("invalid-request", wrong[:500]) from None


__all__ = ["parsed"]

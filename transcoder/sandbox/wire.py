"""What crosses the border: messages of a known length, and values that are read by the type that is expected.

From parent to child a plain pickle goes: the parent is trusted. The way back is JSON alone. A restricted unpickler
would also do, but it still lets the other side choose which constructors run, in which order and with what; here the
parent's own type annotations decide what is built, and a value that does not fit them is refused.
"""

from __future__ import annotations

import dataclasses
import json
import numbers
import re
import struct
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from transcoder import errors
from transcoder.errors import TranscodeError

MAX_MESSAGE_BYTES = 256 << 20
"""A day of per-frame scores; more is no answer."""
_LENGTH = struct.Struct(">I")
_FRACTION = re.compile(r"-?[0-9]{1,400}(/[0-9]{1,400})?")
_ERRORS = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TranscodeError)
}


class WireError(ValueError):
    """What arrived is not what was expected."""


def frame(message: object) -> bytes:
    """A message with its length before it."""
    return framed(json.dumps(message, separators=(",", ":")).encode("ascii"))


def framed(body: bytes) -> bytes:
    """Any bytes with their length before them."""
    return _LENGTH.pack(len(body)) + body


class Unframer:
    """Cuts what arrives in pieces into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The messages that are complete now.

        :raises WireError: where they are no JSON objects, or too long.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_MESSAGE_BYTES:
                raise WireError(f"a message of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            try:
                message = json.loads(body)
            except (ValueError, RecursionError):
                raise WireError("a message that is not JSON") from None
            if not isinstance(message, dict):
                raise WireError("a message that is no object")
            yield message


def encode(value: Any) -> Any:
    """A value as JSON types.

    :raises TypeError: for a kind of value that has no place in an answer.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: encode(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(encode(key)): encode(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # arrays
        return value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [encode(item) for item in value]
    raise TypeError(f"{type(value).__name__} does not cross the border")


def decode(kind: Any, data: Any) -> Any:
    """The value of a type, out of JSON.

    :param kind: a frozen dataclass, an enumeration, a plain type, or a sequence, mapping or union of these.
    :raises WireError: where the data do not fit it.
    """
    if kind is Any or kind is object:
        return data
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _one_of(typing.get_args(kind), data)
    if origin is not None:
        return _container(origin, typing.get_args(kind), data)
    if kind is None or kind is type(None):
        return _plain(data is None, None, kind, data)
    if kind in (bool, int, str):
        return _plain(type(data) is kind, data, kind, data)
    if kind is float:
        return _plain(type(data) in (float, int), data, kind, data)
    if kind is Fraction:
        if not isinstance(data, str) or not _FRACTION.fullmatch(data):
            raise _misfit(kind, data)
        try:
            return Fraction(data)
        except ZeroDivisionError:
            raise _misfit(kind, data) from None
    if kind is Path:
        if not isinstance(data, str) or "\0" in data:
            raise _misfit(kind, data)
        return Path(data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError:
            raise _misfit(kind, data) from None
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, data)
    raise TypeError(f"{kind!r} is no type of an answer")


def _plain(fits: bool, value: Any, kind: Any, data: Any) -> Any:
    if not fits:
        raise _misfit(kind, data)
    return value


def _one_of(kinds: Sequence[Any], data: Any) -> Any:
    for kind in kinds:
        try:
            return decode(kind, data)
        except WireError:
            continue
    raise _misfit(kinds, data)


def _container(origin: Any, kinds: tuple[Any, ...], data: Any) -> Any:
    if origin is tuple and not (len(kinds) == 2 and kinds[1] is Ellipsis):
        if not isinstance(data, list) or len(data) != len(kinds):
            raise _misfit(kinds, data)
        return tuple(decode(kind, item) for kind, item in zip(kinds, data, strict=True))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(data, dict):
            raise _misfit(origin, data)
        return {decode(kinds[0], key): decode(kinds[1], item) for key, item in data.items()}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        if not isinstance(data, list):
            raise _misfit(origin, data)
        items = [decode(kinds[0], item) for item in data]
        return items if origin is list else tuple(items)
    raise TypeError(f"{origin!r} is no type of an answer")


@lru_cache(maxsize=256)
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _dataclass(kind: type, data: Any) -> Any:
    names = {item.name for item in dataclasses.fields(kind)}
    if not isinstance(data, dict) or set(data) != names:
        raise _misfit(kind, data)
    hints = _hints(kind)
    try:
        return kind(**{name: decode(hints[name], data[name]) for name in names})
    except TranscodeError as error:  # what a class refuses of itself
        raise WireError(str(error)) from None


def _misfit(kind: Any, data: Any) -> WireError:
    return WireError(f"{type(data).__name__} where {getattr(kind, '__name__', kind)} belongs")


def describe_error(error: TranscodeError) -> dict[str, object]:
    """One of our errors as JSON types."""
    return {"class": type(error).__name__, **error.diagnostics()}


def rebuild_error(data: Any) -> TranscodeError:
    """The error again, of the same class and with everything it said.

    :raises WireError: where it is none of ours.
    """
    if not isinstance(data, dict):
        raise WireError("an error that is no object")
    name = data.get("class")
    kind = _ERRORS.get(name) if isinstance(name, str) else None
    texts = {name: data.get(name) for name in ("message", "where", "hint", "code")}
    details = data.get("details")
    fits = all(isinstance(text, str) or (text is None and name != "message") for name, text in texts.items())
    if kind is None or not fits or not isinstance(details, dict):
        raise WireError("an error of an unknown kind")
    return kind(str(texts["message"]), where=texts["where"], hint=texts["hint"], code=texts["code"], details=details)

"""Per-frame values in few bytes: scores in 1/10000 steps, delta-coded, deflated, in base64."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENCODING = "base64(zlib(int16 little-endian deltas of round(10000*value)))"
_STEP = 10_000


@dataclass(frozen=True, slots=True)
class PackedSeries:
    """A packed series; ``group`` frames share one value (their minimum) where all would not fit."""

    data: str
    count: int
    group: int


def pack(values: Sequence[float], *, max_bytes: int) -> PackedSeries:
    """Pack values into at most ``max_bytes`` characters, keeping the minimum of groups where needed.

    :param values: numbers between -1 and 1.
    """
    array = np.asarray(values, dtype=np.float64)
    group = 1
    while True:
        data = _pack(_minima(array, group))
        if len(data) <= max_bytes or group >= array.size:
            return PackedSeries(data, int(array.size), group)
        group *= 2


def unpack(packed: str) -> list[float]:
    """The values of a packed series, to four decimals.

    :raises ValueError: where the text is not one.
    """
    try:
        raw = zlib.decompress(base64.b64decode(packed, validate=True))
    except zlib.error as error:
        raise ValueError(f"not a packed series: {error}") from None
    return [round(float(value) / _STEP, 4) for value in np.cumsum(np.frombuffer(raw, dtype="<i2").astype(np.int64))]


NUMBERS_ENCODING = "base64(zlib(uint32 little-endian deltas))"


def pack_numbers(numbers: Sequence[int]) -> str:
    """Rising numbers, such as those of frames, in ``NUMBERS_ENCODING``."""
    deltas = np.diff(np.asarray(numbers, dtype=np.int64), prepend=0)
    return base64.b64encode(zlib.compress(deltas.astype("<u4").tobytes(), 9)).decode("ascii")


def unpack_numbers(packed: str) -> list[int]:
    """The numbers again.

    :raises ValueError: where the text holds none.
    """
    try:
        raw = zlib.decompress(base64.b64decode(packed, validate=True))
    except zlib.error as error:
        raise ValueError(f"not packed numbers: {error}") from None
    return [int(value) for value in np.cumsum(np.frombuffer(raw, dtype="<u4").astype(np.int64))]


def _pack(values: NDArray[np.float64]) -> str:
    steps = np.round(values * _STEP).astype(np.int64)
    deltas = np.diff(steps, prepend=0)
    return base64.b64encode(zlib.compress(deltas.astype("<i2").tobytes(), 9)).decode("ascii")


def _minima(values: NDArray[np.float64], group: int) -> NDArray[np.float64]:
    if group == 1:
        return values
    padded = np.pad(values, (0, -values.size % group), mode="edge")
    minima: NDArray[np.float64] = padded.reshape(-1, group).min(axis=1)
    return minima

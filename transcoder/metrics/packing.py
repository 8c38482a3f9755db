"""Per-frame values in few bytes: scores in 1/10000 steps, delta-coded, deflated, in base64."""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # reading is done where nothing is measured, and needs no numpy
    import numpy as np
    from numpy.typing import NDArray

ENCODING = "base64(zlib(int16 little-endian deltas of round(10000*value)))"
_STEP = 10_000
_MAX_UNPACKED = 64_000_000


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
    import numpy as np

    numbers = np.asarray(values, dtype=np.float64)
    group = 1
    while True:
        data = _pack(_minima(numbers, group))
        if len(data) <= max_bytes or group >= numbers.size:
            return PackedSeries(data, int(numbers.size), group)
        group *= 2


def unpack(packed: str) -> list[float]:
    """The values of a packed series, to four decimals.

    :raises ValueError: where the text is not one.
    """
    return [round(value / _STEP, 4) for value in accumulate(_inflated(packed, "h"))]


NUMBERS_ENCODING = "base64(zlib(uint32 little-endian deltas))"


def pack_numbers(numbers: Sequence[int]) -> str:
    """Rising numbers, such as those of frames, in ``NUMBERS_ENCODING``."""
    deltas = array("I", (after - before for before, after in pairwise((0, *numbers))))
    if sys.byteorder == "big":
        deltas.byteswap()
    return base64.b64encode(zlib.compress(deltas.tobytes(), 9)).decode("ascii")


def unpack_numbers(packed: str) -> list[int]:
    """The numbers again.

    :raises ValueError: where the text holds none.
    """
    return list(accumulate(_inflated(packed, "I")))


def _inflated(packed: str, kind: str) -> array[int]:
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(base64.b64decode(packed, validate=True), _MAX_UNPACKED)
    except zlib.error as error:
        raise ValueError(f"not a packed series: {error}") from None
    if not inflater.eof:
        raise ValueError("not a packed series: cut short, or larger than any")
    numbers = array(kind)
    numbers.frombytes(raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _pack(values: NDArray[np.float64]) -> str:
    import numpy as np

    steps = np.round(values * _STEP).astype(np.int64)
    deltas = np.diff(steps, prepend=0)
    return base64.b64encode(zlib.compress(deltas.astype("<i2").tobytes(), 9)).decode("ascii")


def _minima(values: NDArray[np.float64], group: int) -> NDArray[np.float64]:
    if group == 1:
        return values
    import numpy as np

    padded = np.pad(values, (0, -values.size % group), mode="edge")
    minima: NDArray[np.float64] = padded.reshape(-1, group).min(axis=1)
    return minima

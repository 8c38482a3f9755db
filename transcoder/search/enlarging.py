"""Enlarging: the smallest cap at which a rejected rung would meet the floors, for a refusal with numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transcoder.errors import EncodeError
from transcoder.model import Attempt, EncodeSpec
from transcoder.search.choice import errors_of
from transcoder.search.filling import Probe
from transcoder.search.proposing import QUALITY_SLOPE


@dataclass(frozen=True, slots=True)
class SmallestCap:
    """What a refusal can say about the cap that would do."""

    bytes: int
    measured: bool
    """True where a file of that size was made and met every floor; False for an extrapolation."""


def smallest_cap(
    attempt: Attempt, floors: Mapping[str, float], probe: Probe, *, max_encodes: int = 3
) -> SmallestCap | None:
    """The size at which a rejected rung meets the floors, found by encoding larger.

    The error 1 - SSIM falls about as a power of the size; the exponent is learned from the attempts. Once a
    size does, one between it and the largest that did not is tried, so that the answer is not too large.

    :param attempt: the best attempt that fitted the cap but missed floors; its knob must be open.
    :returns: the smallest size that was measured to do, an extrapolation where none was reached, or None where
        the rung has no knob or no size can do.
    """
    knob, value = attempt.spec.rung.knob, attempt.spec.knob_value
    if knob is None or value is None or attempt.fidelity is None or attempt.bytes is None or not attempt.missed:
        return None
    trail = [_Tried(value, attempt.bytes, max(errors_of(attempt.fidelity, floors).values(), default=0.0))]
    for _ in range(max_encodes):
        wanted = _next_size(trail)
        if wanted is None:
            break
        nearest = min(trail, key=lambda item: abs(math.log(item.size / wanted)))
        growth = wanted / nearest.size
        value = nearest.value * growth if knob.proportional else nearest.value + math.log(growth) / QUALITY_SLOPE
        if not knob.proportional:
            value = float(min(knob.high, max(round(value), knob.low)))
        if any(abs(value - item.value) <= 1e-3 * abs(item.value) for item in trail):
            break
        try:
            encoded = probe.encode(EncodeSpec(rung=attempt.spec.rung, knob_value=value))
            fidelity = probe.measure(encoded)
        except EncodeError:
            break
        trail.append(_Tried(value, encoded.bytes, max(errors_of(fidelity, floors).values(), default=0.0)))
        if trail[-1].ratio > 1 and (encoded.saturated or (not knob.proportional and value >= knob.high)):
            return None
    enough = [item.size for item in trail if item.ratio <= 1]
    if enough:
        return SmallestCap(min(enough), measured=True)
    guess = _next_size(trail)
    return None if guess is None else SmallestCap(round(guess), measured=False)


@dataclass(frozen=True, slots=True)
class _Tried:
    """One size tried: knob value, bytes, and how large the worst error is against what its floor allows."""

    value: float
    size: int
    ratio: float


_RATIO_AIM = 0.97
_TYPICAL_EXPONENT = 0.8


def _next_size(trail: Sequence[_Tried]) -> float | None:
    """The size to try next, or None where the answer is already within a tenth."""
    short = max((item for item in trail if item.ratio > 1), key=lambda item: item.size)
    enough = min((item for item in trail if item.ratio <= 1), key=lambda item: item.size, default=None)
    if enough is not None:
        run = math.log(enough.size / short.size)
        if run < 0.1:
            return None
        fall = math.log(short.ratio / max(enough.ratio, 1e-3))
        share = math.log(short.ratio / _RATIO_AIM) / fall if fall > 0 else 0.5
        return None if share > 0.95 else float(short.size * math.exp(run * max(share, 0.1)))
    exponent = _TYPICAL_EXPONENT
    others = [item for item in trail if item.size < short.size and item.ratio > short.ratio]
    if others:
        before = max(others, key=lambda item: item.size)
        exponent = math.log(before.ratio / short.ratio) / math.log(short.size / before.size)
        exponent = min(3.0, max(0.25, exponent))
    return float(short.size * min(16.0, max(1.05, (short.ratio / _RATIO_AIM) ** (1 / exponent))))

"""Filling: the knob value whose file is largest but not over the cap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from transcoder.errors import EncodeError
from transcoder.model import Encoded, EncodeSpec, Fidelity, Rung
from transcoder.search.outlook import Outlook
from transcoder.search.proposing import Point, propose

FILL_GOAL = 0.99
"""A file at or above this share of the cap is full; another encode would cost more than it brings."""
NEARLY_FULL = 0.97
"""At or above this share it is the caller's to say whether the rest is worth another encode: on a street at 720p, 1.4 %
more bytes took a third of the whole time and brought 0.0004 of SSIM."""
MAX_ENCODES = {"target_bytes": 5, "quality": 6}


class OverCap(EncodeError):
    """What a sample says so plainly that nothing was encoded."""


class Probe(Protocol):
    """What the search needs from the world."""

    def encode(self, spec: EncodeSpec) -> Encoded:
        """Make the file. :raises EncodeError: where it cannot be made."""
        ...

    def forecast(self, spec: EncodeSpec) -> float | None:
        """About how many bytes ``encode`` would give, at a fraction of its cost; None where nobody can tell."""
        ...

    def measure(self, encoded: Encoded) -> Fidelity:
        """Judge the file against the source, every frame."""
        ...


@dataclass(frozen=True, slots=True)
class Filled:
    """The outcome of filling one rung: the best file under the cap, or the smallest one seen."""

    spec: EncodeSpec
    encoded: Encoded
    encodes: int
    fits: bool


def never(_: Encoded) -> bool:
    """What is nearly full is not full."""
    return False


def fill(
    rung: Rung,
    cap_bytes: int,
    probe: Probe,
    *,
    max_encodes: int | None = None,
    enough: Callable[[Encoded], bool] = never,
) -> Filled:
    """Find the knob value whose file is largest but not over the cap.

    Sizes are assumed to rise with the knob but not to follow any exact law; the search keeps a bracket, so a
    bad guess costs an encode and never the result. Where sizes can be foretold from a sample, that is where it looks.

    :param max_encodes: how often to try; None means what the knob is worth.
    :param enough: whether a file that is nearly full is good as it is; asked of those only.
    :raises OverCap: where a sample says that nothing can fit.
    :raises EncodeError: where no attempt can be encoded.
    """
    if rung.knob is None:
        spec = EncodeSpec(rung=rung)
        encoded = probe.encode(spec)
        return Filled(spec, encoded, 1, encoded.bytes <= cap_bytes)
    knob = rung.knob
    outlook = Outlook.over(rung, knob, probe)
    if outlook is not None and (least := outlook.over_cap(cap_bytes)) is not None:
        raise OverCap(f"at its lowest quality it would take about {least} bytes, over the cap of {cap_bytes}")
    first = outlook.best((), cap_bytes) if outlook is not None else None
    value = knob.start if first is None else first
    under: Filled | None = None
    smallest: Filled | None = None
    points: list[Point] = []
    limit = max_encodes or MAX_ENCODES[knob.name]
    for number in range(1, limit + 1):
        spec = EncodeSpec(rung=rung, knob_value=value)
        try:
            encoded = probe.encode(spec)
        except EncodeError:
            if under is None:
                raise
            break  # what fits already is not lost with a later attempt
        points.append((value, encoded.bytes))
        tried = Filled(spec, encoded, number, encoded.bytes <= cap_bytes)
        if smallest is None or encoded.bytes < smallest.encoded.bytes:
            smallest = tried
        if tried.fits and (under is None or encoded.bytes > under.encoded.bytes):
            under = tried
        if tried.fits and (encoded.bytes >= FILL_GOAL * cap_bytes or encoded.saturated):
            break
        if tried is under and encoded.bytes >= NEARLY_FULL * cap_bytes and enough(encoded):
            break
        proposal = outlook.best(points, cap_bytes) if outlook is not None else propose(knob, points, cap_bytes)
        if proposal is None:
            break
        # The last encodes must not be a gamble while nothing fits yet.
        if under is None and number == limit - 1:
            proposal = knob.low
        elif under is None and number == limit - 2 and not knob.integer:
            proposal = max(knob.low, 0.9 * proposal)
        value = proposal
    best = under or smallest
    assert best is not None
    return Filled(best.spec, best.encoded, len(points), best.fits)

"""In time: a custody clock is running, so the encoder's effort is chosen to be ready before it stops.

What is given up is effort, and with it some fidelity at the same size; never the measurement of every frame, a floor,
or the certificate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from transcoder.forecast import forecast
from transcoder.model import SourceInfo
from transcoder.profile import Profile

Tick = Callable[[str, int, int | None], None]
EFFORT = {"veryslow": 2.4, "slower": 1.7, "slow": 1.0, "medium": 0.62, "fast": 0.52, "faster": 0.4, "veryfast": 0.27}
"""Time of x264's two passes as a multiple of preset ``slow``, measured on the corpus; most effort first."""
_ENCODING_SHARE = 0.7
"""Of a job's time; finding, measuring and certifying take the rest whatever the preset."""
_SAFETY = 0.8
"""The share of the time that is planned with: forecasts are off by a third."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Haste:
    """What was decided."""

    within_s: Fraction
    expected_s: float
    """With the preset that was chosen."""
    preset: str
    usual_preset: str
    in_time: bool
    """Whether it is expected to be."""

    def to_dict(self) -> dict[str, object]:
        """The certificate's ``haste`` object."""
        return {
            "within_s": str(self.within_s),
            "expected_s": round(self.expected_s, 3),
            "preset": self.preset,
            "usual_preset": self.usual_preset,
            "in_time": self.in_time,
        }


def hurry(
    source: SourceInfo, profile: Profile, within_s: Fraction, began: float, workdir: Path, tick: Tick
) -> tuple[Profile, Haste]:
    """The profile with the most effort that is expected to be ready in time, at most its own.

    :param within_s: seconds the whole job may take.
    :param began: when it began, on the monotonic clock.
    :param workdir: an empty folder for the forecast's samples.
    """
    usual = profile.video.preset
    expected = forecast(source, profile, workdir, tick).seconds
    left = max(0.0, float(within_s) * _SAFETY - (time.monotonic() - began))
    order = list(EFFORT)[list(EFFORT).index(usual) :]
    if source.video is None:
        order = [usual]  # pictures have no effort to give up
    times = {name: expected * (1 - _ENCODING_SHARE + _ENCODING_SHARE * EFFORT[name] / EFFORT[usual]) for name in order}
    preset = next((name for name in order if times[name] <= left), order[-1])
    haste = Haste(within_s=within_s, expected_s=times[preset], preset=preset, usual_preset=usual,
                  in_time=times[preset] <= left)  # fmt: skip
    return replace(profile, video=replace(profile.video, preset=preset)), haste

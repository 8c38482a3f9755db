"""A forecast as it is told; ``forecast`` makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from transcoder.model import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is to be expected."""

    verdict: Verdict
    rung: str
    parts: int
    bytes: int
    """Of all media files together."""
    p1: Mapping[str, float] = field(default_factory=dict)
    """Worst 1 % of SSIM by region class; empty where no sample changes."""
    seconds: float
    """Of the whole job, on this machine."""
    taken_s: float
    """By the forecast itself."""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The object that ``transcoder plan --json`` prints."""
        return {
            "verdict": str(self.verdict),
            "rung": self.rung,
            "parts": self.parts,
            "bytes": self.bytes,
            "p1": {name: round(value, 4) for name, value in self.p1.items()},
            "seconds": round(self.seconds, 1),
            "taken_s": round(self.taken_s, 1),
            "notes": list(self.notes),
        }


def describe(result: Forecast, floors: Mapping[str, float]) -> Sequence[str]:
    """The forecast in lines for people."""
    minutes, seconds = divmod(round(result.seconds), 60)
    lines = []
    if result.verdict is Verdict.REFUSED:
        lines.append("would be refused" + (f": {result.notes[0]}" if result.notes else ""))
    else:
        files = f"{result.parts} parts" if result.parts > 1 else "one file"
        lines.append(f"would be delivered as {result.rung}, {files}, about {result.bytes:,} bytes")
    for name, value in result.p1.items():
        if name in floors:
            lines.append(f"  {name}: worst 1 % about {value:.3f}, floor {floors[name]:.2f}")
    lines.append(f"  it would take about {minutes} min {seconds} s; this forecast took {result.taken_s:.1f} s")
    return lines

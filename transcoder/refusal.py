"""A refusal with numbers: what was reached, which cap would do, how many parts that makes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from transcoder import search
from transcoder.encode.ladder import Plan
from transcoder.model import Attempt, Choice, RungName, SourceInfo
from transcoder.profile import Profile


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was delivered, for people and for programs."""

    message: str
    hint: str
    best: Attempt | None
    """The best file under the cap, which misses a floor; it is described, never delivered."""
    smallest: search.SmallestCap | None
    parts: int | None

    def to_dict(self) -> dict[str, object]:
        """The ``refusal`` object of certificate and JSON output."""
        best = self.best
        return {
            "code": "floor-unreachable" if best else "cap-unreachable",
            "message": self.message,
            "best_achieved": None
            if best is None
            else {
                "rung": best.spec.rung.label,
                "bytes": best.bytes,
                "missed": {name: {"p1": round(got, 6), "floor": floor} for name, (got, floor) in best.missed.items()},
            },
            "smallest_cap": None
            if self.smallest is None
            else {"bytes": self.smallest.bytes, "measured": self.smallest.measured},
            "parts_estimate": self.parts,
        }


def build_refusal(choice: Choice, plan: Plan, profile: Profile, source: SourceInfo, probe: search.Probe) -> Refusal:
    """Turn a search without a winner into a refusal.

    The cap that would do is found by encoding larger, with a few more encodes (see ``search.smallest_cap``).
    """
    cap = profile.payload_cap_bytes
    if choice.nearest is None:
        reasons = [a.rejected_for for a in choice.attempts if a.rejected_for]
        reasons = reasons or [reason for name, reason in plan.skipped if name is not RungName.UNCHANGED]
        last = reasons[-1] if reasons else "no rung applies"
        message = f"nothing the profile {profile.name} allows fits {cap} bytes: {last}"
        return Refusal(
            message, "choose a profile with a larger cap, or send the original another way", None, None, None
        )
    attempt, _ = choice.nearest
    smallest = search.smallest_cap(attempt, profile.floors, probe)
    parts = None
    if smallest is not None and source.video is not None:
        parts = math.ceil(smallest.bytes / cap)
    message = f"under {cap} bytes {search.describe_missed(attempt.missed)}"
    hint = "choose a profile with a larger cap"
    if smallest is not None:
        how = "was measured to do" if smallest.measured else "should do (estimated)"
        hint = f"a cap of {smallest.bytes} bytes {how}"
        if parts is not None:
            hint += f", about {parts} parts of this size"
    hint += "; or decide with --accept-degraded --operator NAME --reason TEXT"
    return Refusal(message, hint, attempt, smallest, parts)

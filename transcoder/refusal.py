"""A refusal with numbers: what was reached and where it failed, which cap or how many parts would do, and how."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, replace

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
    commands: tuple[str, ...] = ()
    """What would get there, as it can be typed."""

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
            "limited_by": _limit(best),
            "smallest_cap": None
            if self.smallest is None
            else {"bytes": self.smallest.bytes, "measured": self.smallest.measured},
            "parts_estimate": self.parts,
            "commands": list(self.commands),
        }


def _limit(best: Attempt | None) -> dict[str, object] | None:
    """The class that misses its floor most, and its worst moment."""
    if best is None or best.fidelity is None or not best.missed:
        return None
    worst = max(best.missed, key=lambda name: (1 - best.missed[name][0]) / max(1e-6, 1 - best.missed[name][1]))
    return {"class": worst, "at_s": round(best.fidelity.score(worst).minimum_at_s, 6)}


def build_refusal(
    choice: Choice, plan: Plan, profile: Profile, source: SourceInfo, probe: search.Probe, *, room_bytes: int = 0
) -> Refusal:
    """Turn a search without a winner into a refusal.

    Where splitting was tried, it knows how many parts are needed; else the cap that would do is found by encoding
    larger, with a few more encodes (see ``search.smallest_cap``).

    :param room_bytes: what a file keeps free for its manifest, which the cap that would do must hold as well.
    """
    cap = profile.payload_cap_bytes
    parts = next((attempt.needs_parts for attempt in choice.attempts if attempt.needs_parts), None)
    several = source.still is not None and parts is not None  # each page is a file of its own under any cap
    smallest = search.SmallestCap(parts * cap, measured=False) if parts and not several else None
    if choice.nearest is None:
        reasons = [a.rejected_for for a in choice.attempts if a.rejected_for]
        reasons = reasons or [reason for name, reason in plan.skipped if name is not RungName.UNCHANGED]
        last = reasons[-1] if reasons else "no rung applies"
        if source.video is not None and not profile.video.containers:
            commands = _commands(source, profile, None, None)
            hint = "choose a profile that takes video, or send stills of it (--stills N)"
            return Refusal(f"the profile {profile.name} takes no video", hint, None, None, None, commands)
        message = f"nothing the profile {profile.name} allows fits {cap} bytes: {last}"
        commands = _commands(source, profile, smallest, parts)
        hint = _hint(smallest, parts) or "choose a profile with a larger cap"
        return Refusal(message, f"{hint}; or send the original in volumes with --with-original", None, smallest, parts,
                       commands)  # fmt: skip
    attempt, _ = choice.nearest
    if smallest is None:
        smallest = search.smallest_cap(attempt, profile.floors, probe)
        if smallest is not None:
            smallest = replace(smallest, bytes=smallest.bytes + room_bytes)
        parts = math.ceil(smallest.bytes / cap) if smallest is not None and source.video is not None else None
    message = f"under {cap} bytes {search.describe_missed(attempt.missed)}"
    limit = _limit(attempt)
    if limit is not None and source.video is not None:
        message += f" ({limit['class']} is worst at {limit['at_s']:.1f} s)"
    hint = _hint(smallest, parts) or "choose a profile with a larger cap"
    hint += "; or decide with --accept-degraded --operator NAME --reason TEXT"
    return Refusal(message, hint, attempt, smallest, parts, _commands(source, profile, smallest, parts, degraded=True))


def _hint(smallest: search.SmallestCap | None, parts: int | None) -> str:
    if smallest is None:
        return f"allow as many files with --max-parts {parts}" if parts else ""
    how = "was measured to do" if smallest.measured else "should do (estimated)"
    return f"a cap of {smallest.bytes} bytes {how}" + (f", or about {parts} parts of this size" if parts else "")


def _commands(
    source: SourceInfo, profile: Profile, smallest: search.SmallestCap | None, parts: int | None, *,
    degraded: bool = False,
) -> tuple[str, ...]:  # fmt: skip
    """Commands that would deliver; names as the shell takes them."""
    shipped = profile.name.split("-cap")[0].split("-parts")[0]
    start = f"transcoder apply {shlex.quote(source.name)} --profile {shipped}"
    if source.clip is not None:
        # Rounded so that the very same frames are taken: what is on display at the first, what begins before the last.
        from_us, to_us = math.ceil(source.clip.from_s * 1_000_000), math.floor(source.clip.to_s * 1_000_000)
        start += f" --from {from_us / 1e6:.6f} --to {to_us / 1e6:.6f}"
    capped = f"{start} --cap {profile.cap_bytes}" if "-cap" in profile.name else start
    commands = []
    if parts is not None and parts > 1:
        # A little more than estimated: the estimate is one, and what is not needed is not made. Pages are counted.
        commands.append(f"{capped} --max-parts {math.ceil(parts * 1.25) if source.video is not None else parts}")
    if smallest is not None:
        needed = math.ceil(smallest.bytes / 3) * 4 if profile.transfer_encoding == "base64" else smallest.bytes
        commands.append(f"{start} --cap {needed}")
    commands.append(f"{capped} --with-original")
    if degraded:
        commands.append(f"{capped} --accept-degraded --operator NAME --reason TEXT")
    return tuple(commands)

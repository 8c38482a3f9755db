"""What a part says of itself, and what is said of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from transcoder.model import Encoded, Part, exact_clock


def describe_part(number: int, count: int, sha256: str, start_s: Fraction, end_s: Fraction) -> str:
    """What a part says of itself where it arrives alone."""
    span = f"from {exact_clock(start_s)} to {exact_clock(end_s)} of its own time"
    return f"Part {number} of {count} of master sha256 {sha256}, {span}."


def whole_of(parts: Sequence[Part]) -> Encoded:
    """All parts as one result."""
    first = parts[0].encoded
    settings = {key: value for key, value in first.settings.items() if key not in _OF_ONE_PART}
    settings |= {"parts": len(parts), "frames": sum(part.frames for part in parts)}
    return replace(first, bytes=sum(part.encoded.bytes for part in parts), settings=settings, saturated=False)


_OF_ONE_PART = frozenset(("bitrate_bps", "video_bytes", "audio_bytes", "frames"))

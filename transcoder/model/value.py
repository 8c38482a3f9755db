"""What a setting or parameter may be, wherever one is recorded."""

from __future__ import annotations

import re
from fractions import Fraction

from transcoder.errors import UsageError

Value = str | int | float | bool | None
_CLOCK = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,5}):)?(\d{1,7}(?:\.\d{1,9})?)")


def parse_clock(text: str) -> Fraction:
    """Seconds out of ``130.4``, ``2:10.4`` or ``00:02:10.400``.

    :raises UsageError: for anything else.
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            "not a time",
            where=text[:60],
            hint="write seconds (130.4) or hours:minutes:seconds (00:02:10.400)",
            code="time",
        )
    hours, minutes, seconds = int(match[1] or 0), int(match[2] or 0), Fraction(match[3])
    return hours * 3600 + minutes * 60 + seconds


def exact_clock(seconds: Fraction) -> str:
    """Seconds as hours, minutes, seconds and milliseconds: ``00:02:10.400``."""
    milliseconds = round(seconds * 1000)
    sign, milliseconds = ("-", -milliseconds) if milliseconds < 0 else ("", milliseconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"

"""What a setting or parameter may be, wherever one is recorded."""

from __future__ import annotations

from fractions import Fraction

Value = str | int | float | bool | None


def exact_clock(seconds: Fraction) -> str:
    """Seconds as hours, minutes, seconds and milliseconds: ``00:02:10.400``."""
    milliseconds = round(seconds * 1000)
    sign, milliseconds = ("-", -milliseconds) if milliseconds < 0 else ("", milliseconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"

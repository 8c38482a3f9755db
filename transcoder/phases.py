"""What a job is doing, in words, and about how far it is."""

from __future__ import annotations

WORDS = {
    "hash": "reading the source",
    "find": "looking for faces, text, motion",
    "sample": "trying short samples",
    "analyse": "first pass",
    "encode": "encoding",
    "audio": "audio",
    "rewrap": "rewrapping",
    "parts": "making parts",
    "stills": "choosing stills",
    "tiles": "cutting tiles",
    "volumes": "cutting the original into volumes",
    "measure": "measuring every frame",
    "credentials": "Content Credentials",
    "confirm": "confirming the source",
}
"""Of each phase that progress names."""

_SPANS = {
    "hash": (0, 3), "find": (3, 25), "sample": (25, 28), "rewrap": (25, 30), "audio": (25, 28), "analyse": (28, 42),
    "encode": (42, 64), "measure": (64, 76), "parts": (76, 94), "stills": (92, 95), "tiles": (40, 94),
    "volumes": (94, 96), "credentials": (95, 97), "confirm": (97, 99),
}  # fmt: skip
"""Where a phase begins and ends, in percent of an ordinary job; several attempts pass through some of them again."""


class Gauge:
    """One number out of phases that come again: it only rises, and is 100 only when the job says so."""

    def __init__(self) -> None:
        self.percent = 0.0

    def seen(self, phase: str, done: int, total: int | None) -> float:
        """How far it is after this event, 0 to 99."""
        first, last = _SPANS.get(phase, (0, 0))
        share = min(1.0, done / total) if total else 0.0
        self.percent = max(self.percent, round(first + (last - first) * share, 1))
        return self.percent


__all__ = ["WORDS", "Gauge"]

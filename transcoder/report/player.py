"""What the page's players need: which file shows which time of the source, and how far one picture is from the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class Track:
    """One delivered file; times are seconds on the source's clock."""

    name: str
    start_s: float
    end_s: float
    offset_s: float
    """Subtracted from the source's time in this file."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """Everything that plays together."""

    tracks: tuple[Track, ...]
    first_s: float
    last_s: float
    step_s: float
    """From one picture to the next, on the mean."""
    master: str
    worst_s: float | None


def playlist(predicate: Mapping[str, Any]) -> Playlist | None:
    """None where nothing plays, or both files are the same."""
    video, timing = predicate["source"].get("video"), predicate["timing"]
    media = [file for file in predicate["files"] if file["role"] == "media"]
    if video is None or not timing or predicate["verdict"] == "identical":
        return None
    if predicate["parts"]:
        tracks = tuple(
            Track(part["name"], *(float(Fraction(part[key])) for key in ("start_s", "end_s", "offset_s")))
            for part in predicate["parts"]
        )
        first, last = tracks[0].start_s, tracks[-1].end_s
    elif media:
        first, last = _span(video, timing)
        tracks = (Track(media[0]["name"], first, last, float(Fraction(timing["offset_s"]))),)
    else:
        return None
    # The last time that a certificate holds is when the last picture begins; it stays for a moment.
    count = timing["frames"] or video["packets"]
    step = (last - first) / max(1, count if predicate["parts"] or timing["last_s"] is None else count - 1)
    fidelity = predicate["fidelity"]
    return Playlist(
        tracks=tracks,
        first_s=first,
        last_s=last,
        step_s=step if step > 0 else 0.04,
        master=predicate["source"]["name"],
        worst_s=fidelity["worst_tile"]["at_s"] if fidelity else None,
    )


def _span(video: Mapping[str, Any], timing: Mapping[str, Any]) -> tuple[float, float]:
    if timing.get("last_s") is not None:
        return timing["first_s"], timing["last_s"]
    return video["start_s"], video["start_s"] + video["duration_s"]

"""What is broken in a source, as far as its decoder noticed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction


class DamageKind(StrEnum):
    """What happened, by what the decoder and the reader can tell apart."""

    UNDECODED = "undecoded"
    """A packet that the decoder rejected."""
    CONCEALED = "concealed"
    """A picture that the decoder marked as damaged: it filled in what was missing."""
    NO_PICTURE = "no-picture"
    """A packet that decoded, and no picture came of it: mostly what it refers to is missing."""
    HIDDEN = "hidden"
    """A packet that the container's edit list keeps from being shown."""
    UNDATED = "undated"
    """A frame without a timestamp: a nominal step from its neighbour was assumed."""
    MOVED = "moved"
    """A timestamp that did not come after the one before, and was moved by a tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedSpan:
    """A stretch in which the same thing happened again and again, less than a second apart."""

    kind: DamageKind
    from_s: Fraction
    to_s: Fraction
    first_frame: int
    """Number of the first frame that is shown at or after the beginning."""
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """All that was noticed; nothing is claimed of a source that was not decoded."""

    decoded: bool
    """Whether every frame was decoded; a copy of packets or bytes needs no decoding."""
    ends_early: str = ""
    """Why the file is taken to be cut short."""
    counts: Mapping[DamageKind, int] = field(default_factory=dict)
    spans: tuple[DamagedSpan, ...] = ()
    omitted: int = 0
    """Further stretches that are counted and not listed."""

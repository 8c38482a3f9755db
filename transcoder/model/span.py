"""A run of frames of a source: what a part, a clip or a sample of it is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Consecutive frames, and how to know them again wherever reading begins."""

    first: int
    """Number of its first frame in the source, from 0."""
    moments: Sequence[int]
    """Presentation timestamp of each of its frames, in ticks of the source's time base."""
    sums: Sequence[int]
    """Checksum of each of its decoded frames (``media.index.checksum``)."""

    def __len__(self) -> int:
        return len(self.moments)

    @property
    def end(self) -> int:
        """Number of the first frame behind it."""
        return self.first + len(self.moments)

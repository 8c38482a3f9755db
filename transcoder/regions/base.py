"""What every detector is: it looks at one picture and says what it found where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from transcoder.model import Box, DetectorUse, RegionKind

Picture = NDArray[np.uint8]
"""Blue, green, red, of shape (height, width, 3), in source pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One detection in one picture."""

    kind: RegionKind
    box: Box
    confidence: float
    text: str = ""
    """What was read there, for text and plates."""


class RegionDetector(Protocol):
    """Finds one family of things in a single picture.

    Making one may raise ``vision.weights.ModelUnavailable``; the caller goes on without it and warns.
    """

    @property
    def use(self) -> DetectorUse:
        """Name, package, version and hash of the weights."""
        ...

    def detect(self, picture: Picture) -> list[Found]:
        """Everything found, best first; boxes lie inside the picture."""
        ...

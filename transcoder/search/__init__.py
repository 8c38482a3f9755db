"""The choice under a cap and floors: pure, with the encoder and the metrics handed in as a probe.

Two questions are kept apart. *Filling*: which knob value gives the largest file at or under the cap? That
needs sizes only; a video that is nearly full is measured on the way, and left as it is where it has room to
spare. *Accepting*: does that file meet every floor? The first rung, least harm first, whose filled file does
is the winner.
"""

from __future__ import annotations

from transcoder.search.choice import accept_nearest, choose, describe_missed, errors_of, missed_floors, nearer
from transcoder.search.enlarging import SmallestCap, smallest_cap
from transcoder.search.filling import FILL_GOAL, MAX_ENCODES, NEARLY_FULL, Filled, Probe, fill
from transcoder.search.proposing import FILL_AIM, propose

__all__ = [
    "FILL_AIM",
    "FILL_GOAL",
    "MAX_ENCODES",
    "NEARLY_FULL",
    "Filled",
    "Probe",
    "SmallestCap",
    "accept_nearest",
    "choose",
    "describe_missed",
    "errors_of",
    "fill",
    "missed_floors",
    "nearer",
    "propose",
    "smallest_cap",
]

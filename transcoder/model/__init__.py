"""Core types: frozen values without I/O. Everything the stages hand to each other is defined here.

Times are exact ``Fraction`` seconds; sizes are integer bytes; scores are floats between -1 and 1.
"""

from __future__ import annotations

from transcoder.model.attempt import (
    Attempt,
    Choice,
    Encoded,
    EncodeSpec,
    Fate,
    Fidelity,
    ItemFate,
    Knob,
    Part,
    PieceFile,
    Pieces,
    RegionScore,
    Rung,
    RungName,
    Score,
)
from transcoder.model.delivery import (
    MAX_FIELD_CHARACTERS,
    CaseFields,
    DeliveredFile,
    Delivery,
    Override,
    Progress,
    ProgressCallback,
    Verdict,
    ignore_progress,
    require_aware,
)
from transcoder.model.region import (
    NO_REGIONS,
    Box,
    DetectorUse,
    Region,
    RegionKind,
    RegionSet,
    Sighting,
)
from transcoder.model.source import (
    AudioTrack,
    Clip,
    OtherTrack,
    SourceInfo,
    StillInfo,
    StillItem,
    VideoTrack,
)
from transcoder.model.span import Span
from transcoder.model.value import Value, exact_clock, parse_clock

__all__ = [
    "MAX_FIELD_CHARACTERS",
    "NO_REGIONS",
    "Attempt",
    "AudioTrack",
    "Box",
    "CaseFields",
    "Choice",
    "Clip",
    "DeliveredFile",
    "Delivery",
    "DetectorUse",
    "EncodeSpec",
    "Encoded",
    "Fate",
    "Fidelity",
    "ItemFate",
    "Knob",
    "OtherTrack",
    "Override",
    "Part",
    "PieceFile",
    "Pieces",
    "Progress",
    "ProgressCallback",
    "Region",
    "RegionKind",
    "RegionScore",
    "RegionSet",
    "Rung",
    "RungName",
    "Score",
    "Sighting",
    "SourceInfo",
    "Span",
    "StillInfo",
    "StillItem",
    "Value",
    "Verdict",
    "VideoTrack",
    "exact_clock",
    "ignore_progress",
    "parse_clock",
    "require_aware",
]

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
    Rung,
    RungName,
    Score,
    Value,
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
from transcoder.model.source import (
    AudioTrack,
    OtherTrack,
    SourceInfo,
    StillInfo,
    VideoTrack,
)

__all__ = [
    "MAX_FIELD_CHARACTERS",
    "Attempt",
    "AudioTrack",
    "CaseFields",
    "Choice",
    "DeliveredFile",
    "Delivery",
    "EncodeSpec",
    "Encoded",
    "Fate",
    "Fidelity",
    "ItemFate",
    "Knob",
    "OtherTrack",
    "Override",
    "Progress",
    "ProgressCallback",
    "Rung",
    "RungName",
    "Score",
    "SourceInfo",
    "StillInfo",
    "Value",
    "Verdict",
    "VideoTrack",
    "ignore_progress",
    "require_aware",
]

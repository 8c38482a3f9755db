"""H.264 with x264 in two passes.

Psychovisual optimisation is off: it adds energy that was never recorded. Long groups of pictures pay on
static cameras. Adaptive quantisation by local variance (mode 2) won in the whole frame and in the worst
place on every clip tried. A quantiser floor keeps tiny clips from growing to fill a large cap with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from transcoder.encode import roi
from transcoder.encode.base import EncodeJob
from transcoder.encode.video import Codec, VideoReEncode
from transcoder.model import RegionKind, Value

OFFSETS: roi.Offsets = {
    RegionKind.FACE: -0.2,
    RegionKind.PLATE: -0.2,
    RegionKind.TEXT: -0.1,
    RegionKind.PERSON: -0.1,
    RegionKind.VEHICLE: -0.1,
    RegionKind.MOTION: -0.1,
}
X264_PARAMETERS = "psy=0:aq-mode=2:qcomp=0.7:no-dct-decimate=1:trellis=2:keyint=600:qpmin=10"


def options(settings: Mapping[str, Value], number: int, statistics: Path) -> dict[str, str]:
    """x264's options for one pass."""
    return {"preset": str(settings["preset"]), "stats": str(statistics), "x264-params": X264_PARAMETERS}


class H264(VideoReEncode):
    """libx264, High profile by what is used."""

    def __init__(self, job: EncodeJob) -> None:
        super().__init__(
            job,
            Codec(encoder="libx264", two_pass=True, options=options, uses_pass_flags=True, keeps_j_formats=True),
        )

"""HEVC with x265 in two passes, for profiles whose receiver can play it (browsers mostly cannot)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from transcoder.encode import hdr, roi
from transcoder.encode.base import EncodeJob
from transcoder.encode.video import THREADS, Codec, VideoReEncode
from transcoder.model import RegionKind, Value

OFFSETS: roi.Offsets = {
    RegionKind.FACE: -0.15,
    RegionKind.PLATE: -0.15,
    RegionKind.TEXT: -0.1,
    RegionKind.PERSON: -0.08,
    RegionKind.VEHICLE: -0.08,
    RegionKind.MOTION: -0.08,
}
X265_PARAMETERS = "psy-rd=0:psy-rdoq=0:aq-mode=1:keyint=600:qpmin=10"

PRESETS = {"slow": "medium", "slower": "medium", "veryslow": "slow"}
"""A profile's effort is meant in x264's terms: under the same name x265 takes four times as long and more."""


def options(settings: Mapping[str, Value], number: int, statistics: Path) -> dict[str, str]:
    """x265's options for one pass; it takes its statistics file as a parameter, where a colon is a separator."""
    name = str(statistics).replace("\\", "/").replace(":", "\\:")
    parameters = f"{X265_PARAMETERS}:pass={number}:stats={name}:log-level=none:pools={THREADS}:frame-threads=2"
    parameters += hdr.parameters(settings, mastering="master-display", light="max-cll")
    preset = str(settings["preset"])
    return {"preset": PRESETS.get(preset, preset), "x265-params": parameters}


class Hevc(VideoReEncode):
    """libx265."""

    def __init__(self, job: EncodeJob) -> None:
        super().__init__(job, Codec(encoder="libx265", two_pass=True, options=options, followed=True))

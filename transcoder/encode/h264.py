"""H.264 with x264 in two passes, weighed by region.

Every parameter was chosen in benchmarks/results/study_encoder.md, for what moves on static cameras at equal bytes.
Psychovisual optimisation is off: it adds energy that was never recorded. Long groups of pictures pay. Quantisation
adapts to local variance (mode 2), a fifth stronger than usual, which protects the worst tile. A flatter rate (qcomp
0.75) tames macroblock-tree, which starves what moves. Decimated coefficients cost chroma and gain nothing. A quantiser
floor keeps tiny clips from growing to fill a large cap with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from transcoder.encode import hdr, roi
from transcoder.encode.base import EncodeJob
from transcoder.encode.video import Codec, VideoReEncode
from transcoder.media.fields import TOP_FIRST
from transcoder.model import RegionKind, Value

OFFSETS: roi.Offsets = {
    RegionKind.FACE: -0.2,
    RegionKind.PLATE: -0.2,
    RegionKind.TEXT: -0.2,
    RegionKind.PERSON: -0.10,
    RegionKind.VEHICLE: -0.10,
    RegionKind.MOTION: -0.10,
}
"""On what moves: -0.12 leaves 0.55 of a plain encode's loss there, -0.10 leaves 0.58 and falls less below its worst
tile in a busy scene (0.009 instead of 0.019, the one case of nine)."""
X264_PARAMETERS = ":".join(
    (
        "psy=0:aq-mode=2:aq-strength=1.2:qcomp=0.75:no-dct-decimate=1:trellis=2:keyint=600:qpmin=10:ratetol=0.1",
        "stitchable=1",  # the same headers whatever is in the picture, so that parts join by copying
    )
)
"""The rate tolerance is counted on the scaled clock: a tenth there is x264's own default. Smaller ones hit the target
better and cost the worst tile up to 0.06."""
_CLOCK_SCALE = 10
_AVX_512F = 13
"""OpenCV's ``CPU_AVX_512F``, which its Python names leave out."""
_WITHOUT_AVX512 = "asm=MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI2,AVX2"


@lru_cache(maxsize=1)
def _repeatable() -> str:
    """What makes x264 give the same again on processors with AVX-512.

    There macroblock-tree with B-frames takes in what memory happens to hold, where the width is no multiple of 128
    pixels (x264 of PyAV 18.1; a clip of 320x240 gave five files in seven runs). Without AVX-512 it takes as long and
    gives the same each time, which is also what a processor gives that lacks it.
    """
    import cv2

    return f":{_WITHOUT_AVX512}" if cv2.checkHardwareSupport(_AVX_512F) else ""


def options(settings: Mapping[str, Value], number: int, statistics: Path) -> dict[str, str]:
    """x264's options for one pass."""
    level = {"level": str(settings["level"])} if "level" in settings else {}
    parameters = X264_PARAMETERS + _repeatable() + hdr.parameters(settings, mastering="mastering-display", light="cll")
    if "fields" in settings:  # for the headers; each frame's own mark must agree
        parameters += ":tff=1" if settings["fields"] == TOP_FIRST else ":bff=1"
    return {"preset": str(settings["preset"]), **level, "stats": str(statistics), "x264-params": parameters}


class H264(VideoReEncode):
    """libx264, High profile by what is used."""

    def __init__(self, job: EncodeJob) -> None:
        super().__init__(
            job,
            Codec(
                encoder="libx264",
                two_pass=True,
                options=options,
                uses_pass_flags=True,
                followed=True,
                keeps_j_formats=True,
                clock_scale=_CLOCK_SCALE,
            ),
        )

"""What lies beside the pictures in a video stream: orientation, HDR figures, captions, time codes.

PyAV hands most of it out as bytes of FFmpeg's structures; only those with a fixed layout are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from fractions import Fraction

import av.video.frame
from av.sidedata.sidedata import SideData

from transcoder.model import LightLevel, Mastering

MASTERING, LIGHT = "mastering display (HDR)", "content light level (HDR)"
_NAMES = {
    "A53_CC": "closed captions (A53)",
    "STEREO3D": "stereo 3D layout",
    "SPHERICAL": "spherical projection",
    "ICC_PROFILE": "ICC profile",
    "AMBIENT_VIEWING_ENVIRONMENT": "ambient viewing environment",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "GOP_TIMECODE": "time code of groups of pictures",
    "S12M_TIMECODE": "time code of frames (SMPTE 12-1)",
    "AFD": "active format description",
    "PANSCAN": "pan and scan",
    "SEI_UNREGISTERED": "user data (SEI)",
    "FILM_GRAIN_PARAMS": "film grain parameters",
    "DETECTION_BBOXES": "boxes of a detector",
    "MASTERING_DISPLAY_METADATA": MASTERING,
    "CONTENT_LIGHT_LEVEL": LIGHT,
}
_SHOWN_ELSEWHERE = frozenset(("DISPLAYMATRIX", "MOTION_VECTORS", "VIDEO_ENC_PARAMS", "REGIONS_OF_INTEREST"))
UNNAMED = "side data that the library cannot name"
_ENCODER_NOTES = (b"x264 - core", b"x265 (build", b"Lavc")


def _of(frame: av.video.frame.VideoFrame) -> list[SideData] | None:
    try:
        return [data for data in frame.side_data if isinstance(data, SideData)]
    except ValueError:
        # PyAV 18 cannot list side data that holds a type it has no name for.
        return None


def orientation(frame: av.video.frame.VideoFrame) -> tuple[int, bool, tuple[int, ...] | None]:
    """Rotation in degrees counter-clockwise, mirroring, and the nine raw integers of the display matrix."""
    side_data = _of(frame)
    if side_data is None:
        return int(frame.rotation), False, None
    for data in side_data:
        if data.type.name == "DISPLAYMATRIX":
            matrix = tuple(memoryview(bytes(data)).cast("i"))
            mirrored = matrix[0] * matrix[4] - matrix[1] * matrix[3] < 0
            return int(frame.rotation), mirrored, matrix
    return 0, False, None


def names_of(frames: Iterable[av.video.frame.VideoFrame]) -> tuple[str, ...]:
    """What lies beside some frames, each kind once; what an encoder notes about itself is not counted."""
    found: dict[str, None] = {}
    for frame in frames:
        side_data = _of(frame)
        if side_data is None:
            found[UNNAMED] = None
            continue
        for data in side_data:
            own_note = data.type.name == "SEI_UNREGISTERED" and any(mark in bytes(data) for mark in _ENCODER_NOTES)
            if data.type.name not in _SHOWN_ELSEWHERE and not own_note:
                found[_NAMES.get(data.type.name, data.type.name.lower().replace("_", " "))] = None
    return tuple(found)


def hdr_of(frames: Iterable[av.video.frame.VideoFrame]) -> tuple[Mastering | None, LightLevel | None]:
    """The HDR figures of the first frames that carry them."""
    mastering: Mastering | None = None
    light: LightLevel | None = None
    for frame in frames:
        for data in _of(frame) or ():
            if data.type.name == "MASTERING_DISPLAY_METADATA":
                mastering = mastering or _mastering(bytes(data))
            elif data.type.name == "CONTENT_LIGHT_LEVEL" and len(bytes(data)) >= 8:
                content, frame_average = struct.unpack("=II", bytes(data)[:8])
                light = light or LightLevel(content=content, frame_average=frame_average)
    return mastering, light


def _mastering(data: bytes) -> Mastering | None:
    """``AVMasteringDisplayMetadata``: ten rational numbers and two flags, each a native int."""
    if len(data) < 88:
        return None
    numbers = struct.unpack("=22i", data[:88])
    if not (numbers[20] and numbers[21]) or 0 in numbers[1:20:2]:
        return None
    values = [Fraction(numbers[place], numbers[place + 1]) for place in range(0, 20, 2)]
    (red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y, least, most) = values
    if not all(0 <= value <= 1 for value in values[:8]) or not 0 <= least < most <= 10_000:
        return None
    return Mastering(
        red=(red_x, red_y), green=(green_x, green_y), blue=(blue_x, blue_y), white=(white_x, white_y),
        least=least, most=most,
    )  # fmt: skip

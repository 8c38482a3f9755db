"""HDR figures on their way through an encoder: which display material was graded on, and how bright it gets.

FFmpeg's wrappers take them from side data that PyAV cannot set, so each encoder gets them as a parameter of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from transcoder.model import Value, VideoTrack

_CHROMATICITY_STEP, _LUMINANCE_STEP = 50_000, 10_000
"""SMPTE ST 2086 counts chromaticities in steps of 0.00002 and luminances in steps of 0.0001 cd/m2."""
TRANSFERS = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)"}
"""``AVColorTransferCharacteristic`` of high dynamic range."""


def settings_of(track: VideoTrack) -> dict[str, Value]:
    """The figures as settings of a rung, in the steps of the standard; empty where the source has none."""
    settings: dict[str, Value] = {}
    if track.mastering is not None:
        found = track.mastering
        points = (("G", found.green), ("B", found.blue), ("R", found.red), ("WP", found.white))
        places = "".join(
            f"{name}({round(x * _CHROMATICITY_STEP)},{round(y * _CHROMATICITY_STEP)})" for name, (x, y) in points
        )
        most, least = round(found.most * _LUMINANCE_STEP), round(found.least * _LUMINANCE_STEP)
        settings["mastering_display"] = f"{places}L({most},{least})"
    if track.light is not None:
        settings["content_light"] = f"{min(track.light.content, 65535)},{min(track.light.frame_average, 65535)}"
    return settings


def parameters(settings: Mapping[str, Value], *, mastering: str, light: str, in_steps: bool = True) -> str:
    """The figures as an encoder's parameters, each after a colon.

    :param mastering: the encoder's name for the display.
    :param light: the encoder's name for the light levels.
    :param in_steps: False for an encoder that takes coordinates and cd/m2 instead of the standard's steps.
    """
    text = ""
    if "mastering_display" in settings:
        display = str(settings["mastering_display"])
        text += f":{mastering}={display if in_steps else _in_units(display)}"
    if "content_light" in settings:
        text += f":{light}={settings['content_light']}"
    return text


def _in_units(display: str) -> str:
    parts = []
    for item in display.rstrip(")").split(")"):
        name, numbers = item.split("(")
        step = _LUMINANCE_STEP if name == "L" else _CHROMATICITY_STEP
        shown = ",".join(f"{int(number) / step:.5f}" for number in numbers.split(","))
        parts.append(f"{name}({shown})")
    return "".join(parts)

"""One judge for everybody: the scores of any tool's file, measured by transcoder.metrics.measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transcoder.errors import OutputMismatch, TranscodeError
from transcoder.media.probe import probe
from transcoder.metrics import measure
from transcoder.metrics.pairing import Output
from transcoder.model import Fidelity, SourceInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """SSIM of luma over all frames, or why it cannot be stated."""

    mean: float | None = None
    worst_percent: float | None = None
    """What 99 % of the frames reach. A picture is one frame, so it equals the mean there."""
    worst_tile: float | None = None
    """What 99 % reach in their worst 64-pixel tile; for a picture, what 99 % of its tiles reach."""
    finding: str = ""


def quiet(_phase: str, _done: int, _total: int | None) -> None:
    """The tick of someone who does not watch."""


def score(source: SourceInfo, output: Path) -> Scored:
    """Judge ``output`` against its source.

    A constant shift of all timestamps is forgiven (each tool has its own way to start at zero); frames
    that are missing, repeated, or shown at another time relative to the first are not.
    """
    try:
        if source.video is None:
            return _scored(measure.measure_still(source.path, output).fidelity)
        produced = probe(output, sha256="").video
        if produced is None:
            return Scored(finding="no video in the output")
        if (produced.width, produced.height) != (source.video.width, source.video.height):
            return Scored(finding=f"frame size differs: {produced.width}x{produced.height}")
        shift_s = source.video.start_s - produced.start_s
        return _scored(measure.measure_video(source.path, source.video, [Output(output, shift_s)], quiet).fidelity)
    except OutputMismatch as mismatch:
        counts = ""
        if source.video is not None:
            produced = probe(output, sha256="").video
            counts = f"{source.video.frames} frames became {produced.frames}; " if produced else ""
        return Scored(finding=f"timestamps/frames differ: {counts}{mismatch.message}")
    except TranscodeError as error:
        return Scored(finding=f"cannot be measured: {error.message}")


def _scored(fidelity: Fidelity) -> Scored:
    frame, tile = fidelity.score("frame"), fidelity.score("tile")
    return Scored(mean=frame.mean, worst_percent=frame.p1, worst_tile=tile.p1)

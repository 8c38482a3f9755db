"""AV1 with SVT-AV1, for profiles whose receiver can play it.

The library offers one pass at a target rate, which misses by several per cent: the search corrects it. It works on one
picture at a time (``lp=1``): side by side, its rate control takes what happens to be ready first, and four runs over
one clip gave four different files (150,491 to 151,057 bytes). Processor time is the same; parts are made two at a time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from transcoder.encode import hdr
from transcoder.encode.base import EncodeJob
from transcoder.encode.video import Codec, VideoReEncode
from transcoder.model import Value

os.environ.setdefault("SVT_LOG", "1")  # errors only: the library writes to a user's terminal otherwise

THREADS = 1
PRESETS = {"veryfast": 10, "faster": 9, "fast": 8, "medium": 7, "slow": 6, "slower": 5, "veryslow": 4}


def options(settings: Mapping[str, Value], number: int, statistics: Path) -> dict[str, str]:
    """SVT-AV1's options; film grain synthesis stays off, because it paints noise that was never recorded."""
    return {
        "preset": str(PRESETS[str(settings["preset"])]),
        "svtav1-params": f"tune=1:film-grain=0:keyint=600:lp={THREADS}:rc=1"
        + hdr.parameters(settings, mastering="mastering-display", light="content-light", in_steps=False),
    }


def calm_threads() -> None:
    """Take real-time scheduling away from every thread of this process.

    Run as root (in containers, mostly), SVT-AV1 puts its own threads and the one that opens it under
    SCHED_FIFO at the highest priority. They starve everything else on the machine, and programs started
    later inherit it: two such processes were seen to lock a two-core machine up inside the kernel.
    """
    if not hasattr(os, "sched_setscheduler"):
        return
    for task in Path("/proc/self/task").glob("*"):
        with contextlib.suppress(OSError):
            if os.sched_getscheduler(int(task.name)) == os.SCHED_FIFO:
                os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))


class Av1(VideoReEncode):
    """libsvtav1."""

    def __init__(self, job: EncodeJob) -> None:
        super().__init__(
            job,
            Codec(encoder="libsvtav1", two_pass=False, options=options, after_open=calm_threads, threads=THREADS),
        )

"""The process of an attempt with an actor in it: everything is real but the pictures. The source says what to do."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from transcoder.jobs import process


def _act(order: dict[str, Any], stopped: threading.Event) -> dict[str, object]:
    """``{"act": "deliver" | "die" | "kill-worker", "for_s": seconds it takes}`` is the source."""
    play = json.loads(Path(order["source"]).read_bytes())
    for percent in range(0, 100, 10):
        process._say({"phase": "encode", "percent": float(percent)})
        time.sleep(play.get("for_s", 0.0) / 10)
    if play["act"] == "die":
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    if play["act"] == "kill-worker":
        os.kill(os.getppid(), signal.SIGKILL)
        threading.Event().wait()
    made = Path(order["out"]) / "made.txt"
    made.write_bytes(b"made")
    file = {"path": str(made), "role": "media", "bytes": 4, "sha256": "0" * 64}
    return {"verdict": "meets-floor", "files": [file]}


if __name__ == "__main__":
    process._deliver = _act
    process.main()

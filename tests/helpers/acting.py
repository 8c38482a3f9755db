"""The process of an attempt with an actor in it: everything is real but the pictures. The source says what to do."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from transcoder.jobs import process
from transcoder.parts.chunks import KIT, State, name_of

PART = name_of(range(0, 50))
HELP_S = 4.0
"""So long an actor waits for others before it makes its part itself."""


def _act(order: dict[str, Any], stopped: threading.Event) -> dict[str, object]:
    """``{"act": "deliver" | "die" | "kill-worker", "for_s": seconds it takes}`` is the source.

    ``part-kills-helper`` and ``part-kills-all`` offer a part to others, and make it where nobody else does.
    """
    play = json.loads(Path(order["source"]).read_bytes())
    if play["act"].startswith("part-kills"):
        _share(order, dies=play["act"] == "part-kills-all")
    for percent in range(0, 100, 10):
        process._say({"phase": "encode", "percent": float(percent)})
        time.sleep(play.get("for_s", 0.0) / 10)
    if play["act"] == "die":
        _die()
    if play["act"] == "kill-worker":
        os.kill(os.getppid(), signal.SIGKILL)
        threading.Event().wait()
    made = Path(order["out"]) / "made.txt"
    made.write_bytes(b"made")
    file = {"path": str(made), "role": "media", "bytes": 4, "sha256": "0" * 64}
    return {"verdict": "meets-floor", "files": [file]}


def _share(order: dict[str, Any], *, dies: bool) -> None:
    """One part, as the child asks for it through its parent: offered, and made here after a while."""
    store, rough = process._chunks(order), Path(order["out"]) / "part"
    assert store is not None
    store.begin()
    rough.write_bytes(b"part")
    store.keep(KIT, rough)
    end = time.monotonic() + HELP_S
    while time.monotonic() < end:
        if store.offer(PART) is State.DONE:
            return
        time.sleep(0.1)
    while not store.claim(PART):
        time.sleep(0.1)
    if dies:
        _die()
    store.keep(PART, rough)
    rough.unlink()


def _help(order: dict[str, Any], stopped: threading.Event) -> dict[str, object]:
    _die()


def _die() -> NoReturn:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("it lives")


if __name__ == "__main__":
    process._deliver, process._help = _act, _help
    process.main()

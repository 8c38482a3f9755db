"""``transcoder serve`` in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

PATIENCE_S = 120.0


@dataclass(frozen=True)
class Served:
    """A service that answers."""

    url: str
    home: Path
    process: subprocess.Popen[str]

    def token(self, role: str = "submit", *options: str) -> str:
        return new_token(self.home, role, *options)


def environment(home: Path) -> dict[str, str]:
    """For commands that use the service of a home."""
    return os.environ | {"TRANSCODER_HOME": str(home)}


def new_token(home: Path, role: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "transcoder", "token", "create", "--role", role, "--json", *options],
        env=environment(home), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return str(json.loads(done.stdout)["token"])


@contextlib.contextmanager
def served(home: Path, *options: str) -> Iterator[Served]:
    """Run the service on a free port until the block ends; it must end cleanly, unless the block ended it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "transcoder", "serve", "--port", "0", *options],
        env=environment(home), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said: list[str] = []
    assert process.stderr is not None
    threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True).start()
    try:
        yield Served(_ready(process, said), home, process)
    finally:
        if process.poll() is None:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0, "".join(said)


def _ready(process: subprocess.Popen[str], said: list[str]) -> str:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"listening at (http://\S+)", "".join(said))
        if found is not None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{found[1]}/readyz").status_code == 200:
                    return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the service did not become ready: {''.join(said)}")

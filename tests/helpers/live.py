"""A service at a real port, in a process of its own, which a test may end at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx


class Live:
    """``transcoder serve`` in a process; ``kill`` and ``start`` as often as is wanted."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.home, self._arguments = home, arguments
        self.environment = {
            **os.environ,
            "TRANSCODER_HOME": str(home),
            "TRANSCODER_KEEP_FREE_BYTES": "1",
            **environment,
        }
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "transcoder", "serve", "--port", str(self.port), *self._arguments],
                env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/healthz").status_code == 200:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError((self.home / "serve.log").read_text()[-3000:])

    def kill(self) -> None:
        """As a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=30)
            self._process = None

    def token(self, role: str = "submit") -> str:
        """Made with the command, as an operator does."""
        made = subprocess.run(
            [sys.executable, "-m", "transcoder", "token", "create", "--role", role, "--json"],
            env=self.environment, capture_output=True, check=True,
        )  # fmt: skip
        return str(json.loads(made.stdout)["token"])


@contextlib.contextmanager
def live(home: Path, *arguments: str, **environment: str) -> Iterator[Live]:
    """A service that is gone afterwards."""
    server = Live(home, *arguments, **environment)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

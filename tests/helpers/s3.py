"""An S3 server in a process of its own, behind a line that a test can cut."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx

BUCKET = "evidence"


class S3:
    """moto's server. The address that is given out is that of the line, which ``cut`` ends and ``mend`` restores."""

    def __init__(self) -> None:
        self._port = _free_port()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | self.credentials(),
        )  # fmt: skip
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._whole = threading.Event()
        self._whole.set()
        self._open: set[socket.socket] = set()
        self.refused = 0
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.place = f"s3://{BUCKET}/service"
        threading.Thread(target=self._accept, daemon=True).start()
        self._make_bucket()

    @staticmethod
    def credentials() -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-2",
        }  # fmt: skip

    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return {**self.credentials(), "AWS_ENDPOINT_URL_S3": self.url}

    def cut(self) -> None:
        """An outage begins: connections break, new ones are closed at once."""
        self._whole.clear()
        for line in list(self._open):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listening.close()

    def _make_bucket(self) -> None:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1.0):
                break
            assert self._process.poll() is None, "moto's server ended"
            time.sleep(0.05)
        httpx.put(f"http://127.0.0.1:{self._port}/{BUCKET}").raise_for_status()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            if not self._whole.is_set():
                self.refused += 1
                line.close()
                continue
            onward = socket.create_connection(("127.0.0.1", self._port))
            self._open |= {line, onward}
            for source, target in ((line, onward), (onward, line)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                target.sendall(block)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()
        self._open.discard(source)


@contextlib.contextmanager
def s3_server() -> Iterator[S3]:
    """A server with an empty bucket."""
    server = S3()
    try:
        yield server
    finally:
        server.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

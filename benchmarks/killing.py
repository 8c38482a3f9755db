"""A service whose processes are killed: started again at once, as systemd does."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

_PROGRAM = str(Path(sys.executable).with_name("transcoder"))
_AGAIN_AFTER_S = 0.2


class Fleet:
    """An API and its workers, each with a home of its own; what dies is started again.

    :param workers: processes beside the API; 0 has the API's own worker do the jobs.
    :param environment: settings of all of them.
    """

    def __init__(self, folder: Path, workers: int, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {
            **os.environ, "TRANSCODER_KEYS_DIR": str(folder / "keys"), "TRANSCODER_HOME": str(folder / "api"),
            "TRANSCODER_RATE_PER_MINUTE": "1000000", "TRANSCODER_KEEP_FREE_BYTES": "1", **environment,
        }  # fmt: skip
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        serve = ["serve", "--port", str(port), *(["--no-worker"] if workers else [])]
        self._commands = {"api": serve} | {f"worker{number}": ["worker"] for number in range(1, workers + 1)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock, self._over = threading.Lock(), threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    @property
    def names(self) -> list[str]:
        """Of its processes."""
        return list(self._commands)

    def token(self) -> str:
        """One that may submit and read everything, made with the command, as an operator does."""
        made = subprocess.run(
            [_PROGRAM, "token", "create", "--role", "admin", "--json"], env=self.environment, check=True,
            capture_output=True,
        )  # fmt: skip
        return str(json.loads(made.stdout)["token"])

    def start(self) -> None:
        """Start all, and wait until somebody works."""
        for name in self._commands:
            self._start(name)
        self._keeper.start()
        self.wait_until(lambda: httpx.get(f"{self.url}/readyz").status_code == 200, "ready")

    def wait_until(self, condition: Callable[[], bool], what: str, patience_s: float = 120.0) -> None:
        """:raises SystemExit: where it does not come true."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                if condition():
                    return
            time.sleep(0.1)
        raise SystemExit(f"waited in vain until {what}; see {self.folder / 'log'}")

    def kill(self, name: str) -> bool:
        """As a power cut does; False where it is not running at the moment."""
        with self._lock:
            process = self._processes[name]
            if process.poll() is not None:
                return False
            process.kill()
            process.wait()
            return True

    def close(self) -> list[int]:
        """End all gracefully; their exit codes."""
        self._over.set()
        self._keeper.join()
        with self._lock:
            for process in self._processes.values():
                process.terminate()
            return [process.wait(60) for process in self._processes.values()]

    def _start(self, name: str) -> None:
        home = self.folder / name
        with (self.folder / "log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [_PROGRAM, *self._commands[name]], env=self.environment | {"TRANSCODER_HOME": str(home)}, stdout=log,
                stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def _keep(self) -> None:
        while not self._over.wait(_AGAIN_AFTER_S):
            with self._lock:
                for name, process in self._processes.items():
                    if process.poll() is not None:
                        self._start(name)


class Killer:
    """Kills a process chosen by chance, again and again.

    :param every_s: mean time between two kills; they come as calls to a telephone exchange do.
    """

    def __init__(self, fleet: Fleet, kills: int, every_s: float, seed: int) -> None:
        self._fleet, self._kills, self._every_s = fleet, kills, every_s
        self._chance, self._over = random.Random(seed), threading.Event()
        self.done: dict[str, int] = dict.fromkeys(fleet.names, 0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def kills(self) -> int:
        """So many so far."""
        return sum(self.done.values())

    @property
    def busy(self) -> bool:
        """Whether there are kills to come."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """No more."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while self.kills < self._kills and not self._over.wait(self._chance.expovariate(1 / self._every_s)):
            name = self._chance.choice(self._fleet.names)
            self.done[name] += self._fleet.kill(name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

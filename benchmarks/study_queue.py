"""What the queue costs: the same small pictures by one ``transcoder apply`` each, and as jobs of the service.

Each job of the service is a process of its own as well, so the difference is what API, engine, list of jobs and
storage cost. Arms take turns, picture by picture, one at a time; processor time is that of all processes of an arm
(server, worker, attempt; Postgres apart), from ``/proc`` and ``getrusage``. How long a job waits until the work
begins comes from its own times, which are the database's.

    python -m benchmarks.study_queue [--jobs 20]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from tests.helpers.jobs import Postgres

RESULTS = Path(__file__).parent / "results"
PROFILE, CAP = "cps-twif-1mb", 50_000
_PROGRAM = str(Path(sys.executable).with_name("transcoder"))
_IDLE_S = 10.0
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass
class Arm:
    """Figures of one way."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    begin_s: list[float] = field(default_factory=list)
    """From being written down to the beginning of the work."""
    idle_share: float = 0.0
    """Of a processor, while nothing is asked: the engine looks for work."""


class Service:
    """``transcoder serve`` with its worker."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._environment = environment | {"TRANSCODER_HOME": str(home)}
        home.mkdir()
        made = subprocess.run(
            [_PROGRAM, "token", "create", "--json"], env=self._environment, check=True, capture_output=True
        )
        self._log = home / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([_PROGRAM, "serve", "--port", "0"], env=self._environment, stderr=log)
        head = {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}
        self._client = httpx.Client(base_url=self._address(), headers=head, timeout=60)

    def _address(self) -> str:
        for _ in range(1200):
            if (found := re.search(r"listening at (http://\S+)", self._log.read_text())) is not None:
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"{found[1]}/readyz").status_code == 200:
                        return found[1]
            time.sleep(0.05)
        raise SystemExit(f"the service did not start: {self._log.read_text()[-500:]}")

    def cpu_s(self) -> float:
        """Of the server and of all attempts that it has waited for."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) * _TICK_S

    def deliver(self, picture: Path) -> tuple[float, float]:
        """Seconds until it is delivered, as an event tells it; and from being written down to its beginning."""
        begun = time.perf_counter()
        given = {"options": json.dumps({"profile": PROFILE, "cap_bytes": CAP})}
        with picture.open("rb") as file:
            job = self._client.post("/v1/jobs", files={"file": (picture.name, file)}, data=given).json()
        last = job
        with self._client.stream("GET", f"/v1/jobs/{job['id']}/events") as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    last = json.loads(line.removeprefix("data: "))
        took_s = time.perf_counter() - begun
        if last["state"] != "delivered":
            raise SystemExit(f"{picture.name}: {last['state']} {last['error']}")
        created, started = (datetime.fromisoformat(last[name]) for name in ("created_at", "started_at"))
        return took_s, (started - created).total_seconds()

    def close(self) -> None:
        """End it."""
        self._client.close()
        self._process.terminate()
        self._process.wait(60)


def pictures(folder: Path, count: int) -> Iterator[Path]:
    """Small photographs, each another one; a first one warms each arm up."""
    chance = np.random.default_rng(7)
    x, y = np.meshgrid(np.linspace(0, 6, 320), np.linspace(0, 4, 240))
    for number in range(count + 1):
        base = 127 + 60 * np.sin(x + number) + 50 * np.cos(y * (1 + number / 50))
        noisy = np.clip(base[..., None] + chance.normal(0, 8, (240, 320, 3)), 0, 255).astype(np.uint8)
        path = folder / f"{number:03}.jpg"
        Image.fromarray(noisy).save(path, quality=97)
        yield path


def by_command(picture: Path, out: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Wall and processor seconds of one ``transcoder apply``."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    said = ["--profile", PROFILE, "--cap", str(CAP), "--out", str(out / picture.stem)]
    subprocess.run([_PROGRAM, "apply", str(picture), *said], env=environment, check=True, capture_output=True)
    took_s, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(folder: Path, count: int) -> dict[str, Arm]:
    """All arms, in turns."""
    arms = {name: Arm() for name in ("transcoder apply", "service, SQLite", "service, Postgres")}
    environment = os.environ | {
        "TRANSCODER_KEYS_DIR": str(folder / "keys"), "TRANSCODER_TRUST_DIR": str(folder / "trust"),
        "TRANSCODER_RATE_PER_MINUTE": "1000000",
    }  # fmt: skip
    with contextlib.ExitStack() as ends:
        server = Postgres(folder / "pg")
        ends.callback(server.close)
        services = {
            "service, SQLite": Service(folder / "sqlite", environment),
            "service, Postgres": Service(
                folder / "postgres", environment | {"TRANSCODER_DATABASE_URL": server.database()}
            ),
        }
        for service in services.values():
            ends.callback(service.close)
        (folder / "pictures").mkdir()
        for name, service in services.items():
            before = service.cpu_s()
            time.sleep(_IDLE_S)
            arms[name].idle_share = (service.cpu_s() - before) / _IDLE_S
        for number, picture in enumerate(pictures(folder / "pictures", count)):
            alone = by_command(picture, folder / "out", environment | {"TRANSCODER_HOME": str(folder / "home")})
            if number:
                arms["transcoder apply"].wall_s.append(alone[0])
                arms["transcoder apply"].cpu_s.append(alone[1])
            for name, service in services.items():
                before = service.cpu_s()
                took_s, begin_s = service.deliver(picture)
                time.sleep(0.5)  # what it does after it told is its cost as well
                if number:
                    arms[name].wall_s.append(took_s)
                    arms[name].cpu_s.append(service.cpu_s() - before)
                    arms[name].begin_s.append(begin_s)
    return arms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="q") as folder:
        arms = measure(Path(folder), given.jobs)
    base, rows, found = arms["transcoder apply"], [], {}
    for name, arm in arms.items():
        more = [[mine - theirs for mine, theirs in zip(getattr(arm, what), getattr(base, what), strict=True)]
                for what in ("wall_s", "cpu_s")]  # fmt: skip
        found[name] = {
            "jobs": len(arm.wall_s), "wall_s": statistics.median(arm.wall_s), "cpu_s": statistics.median(arm.cpu_s),
            "more_wall_ms": statistics.median(more[0]) * 1000, "more_cpu_ms": statistics.median(more[1]) * 1000,
            "begin_p50_ms": statistics.median(arm.begin_s) * 1000 if arm.begin_s else None,
            "begin_max_ms": max(arm.begin_s) * 1000 if arm.begin_s else None, "idle_share": round(arm.idle_share, 4),
        }  # fmt: skip
        it = found[name]
        begins = f"{it['begin_p50_ms']:.0f} / {it['begin_max_ms']:.0f} ms" if arm.begin_s else "-"
        rows.append(
            f"| {name} | {it['wall_s']:.2f} s | {it['cpu_s']:.2f} s | {it['more_wall_ms']:+.0f} ms "
            f"| {it['more_cpu_ms']:+.0f} ms | {begins} | {it['idle_share'] * 100:.1f} % |"
        )
    text = (
        f"# What the queue costs\n\n`python -m benchmarks.study_queue --jobs {given.jobs}`: pictures of 320x240 under "
        f"{CAP:,} bytes, one after the other, the arms in turns. Medians; differences are of pairs. "
        f"{os.cpu_count()} processors, load {os.getloadavg()[1]:.0f}.\n\n"
        "| way | wall | processor | wall, more | processor, more | from written down to begun, median / most "
        "| idle, of a processor |\n"
        "|---|---:|---:|---:|---:|---:|---:|\n" + "\n".join(rows) + "\n"
    )
    (RESULTS / "study_queue.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "study_queue.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

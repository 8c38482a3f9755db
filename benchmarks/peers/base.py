"""What a peer is, and how its commands run: as children whose wall, processor time and memory are measured."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One source under one cap, with an empty folder to work in."""

    source: Path
    cap_bytes: int
    duration_s: float
    """0 for a picture."""
    folder: Path
    keys_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the children of one peer cost together."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    """User and system time, of the command and of what it waited for."""
    peak_bytes: int = 0
    """Resident memory of the largest single process among them."""

    def plus(self, other: Cost) -> Cost:
        """One after the other: times add up, memory does not."""
        return Cost(
            wall_s=self.wall_s + other.wall_s,
            cpu_s=self.cpu_s + other.cpu_s,
            peak_bytes=max(self.peak_bytes, other.peak_bytes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a peer left: a file or none, what it cost, and what there is to say."""

    path: Path | None
    cost: Cost
    note: str = ""
    certificate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A tool. ``missing`` says how to install it where it is not there; empty where it is."""

    name: str
    make: Callable[[Task], Made]
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One finished command."""

    code: int
    out: str
    err: str
    cost: Cost

    @property
    def last_line(self) -> str:
        """Of what it said, for a note."""
        return ((self.err or self.out).strip().splitlines() or ["no message"])[-1]


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Ran:
    """Run one command to its end; a non-zero exit is for the caller to judge."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        child = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **(environment or {})}
        )
        # wait4 gives the usage of this child alone; RUSAGE_CHILDREN's memory is the largest child ever.
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode(errors="replace"))
    cost = Cost(wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime, peak_bytes=usage.ru_maxrss * 1024)
    return Ran(code=child.returncode, out=said[0], err=said[1], cost=cost)


def finish(commands: Sequence[Sequence[str]], target: Path) -> Made:
    """Run commands one after the other; the last leaves ``target``."""
    cost, last = Cost(), None
    for command in commands:
        last = run(command)
        cost = cost.plus(last.cost)
        if last.code:
            break
    assert last is not None
    if not target.exists() or not target.stat().st_size:
        return Made(path=None, cost=cost, note=f"failed: exit code {last.code}: {last.last_line}")
    return Made(path=target, cost=cost, note=f"exit code {last.code}" if last.code else "")

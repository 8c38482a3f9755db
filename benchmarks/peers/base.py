"""What a peer is, and how its commands run: as children whose wall, processor time and memory are measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One source under one cap, with an empty folder to work in."""

    source: Path
    cap_bytes: int
    duration_s: float
    """0 for a picture."""
    folder: Path
    environment: Mapping[str, str]
    """For our own tool: keys, and a home with compiled kernels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the children of one peer cost together."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    """User and system time, of the command and of all that it started."""
    peak_bytes: int = 0
    """Resident memory of all its processes together at the worst moment; what two of them share counts twice."""

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
    version: str
    """Of the program and of the recipe: a row of another version is made anew."""
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
    """Run one command to its end, measured by a small launcher; a non-zero exit is for the caller to judge.

    :raises FileNotFoundError: where there is no such program.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        report = Path(folder) / "cost.json"
        subprocess.run(
            [sys.executable, "-I", "-S", str(_LAUNCHER), str(report), *command],
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **(environment or {})}, check=False,
        )  # fmt: skip
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode(errors="replace"))
        if not report.exists():
            raise FileNotFoundError(f"{command[0]} did not start: {said[1].strip().splitlines()[-1:]}")
        used = json.loads(report.read_text(encoding="utf-8"))
    code = used.pop("code")
    return Ran(code=code, out=said[0], err=said[1], cost=Cost(**used))


def version_of(program: str, *arguments: str, recipe: int = 1) -> str:
    """The first line in which a program names a version, and which recipe of ours it is run by; empty where absent.

    :param recipe: raised where the command line changes.
    """
    if shutil.which(program) is None:
        return ""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if any(map(str.isdigit, line))]
    return f"{lines[0] if lines else '?'}, recipe {recipe}"


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

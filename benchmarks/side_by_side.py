"""Runs every tool on every source under every cap, judges what it left, and keeps each result as it comes.

A result is found again by what it depends on (source, tool with its version and recipe, judge), so that a run that was
broken off goes on where it stopped, and a run with one new tool does that one only. The version of ours is one of these
for every tool: a machine shared with others was up to a half slower from one hour to the next, and times are compared
only within one run. What a tool leaves is judged again only where its bytes differ. Cases and tools that are no longer
part of the study leave the results.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av

from benchmarks import judging, product, stock_ffmpeg
from benchmarks.footage import PICTURES, VIDEOS, Case
from benchmarks.peers import discord, handbrake, ours, stills
from benchmarks.peers import ffmpeg as ffmpegs
from benchmarks.peers.base import Peer, Task
from transcoder.media.probe import probe

RESULTS = product.ROOT / "benchmarks" / "results" / "side_by_side.json"
Row = dict[str, Any]


def peers(*, video: bool) -> list[Peer]:
    """Everybody, ours first; those that are not installed too."""
    if video:
        return [*ours.peers(), *ffmpegs.peers(), *handbrake.peers(), *discord.peers()]
    return [*ours.peers(), *stills.peers()]


def run(cases: Sequence[Case], store: Path = RESULTS) -> dict[str, Any]:
    """All of it; what is known already is not done again. Returns the store's content."""
    known: dict[str, Any] = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {"rows": {}}
    known["machine"] = {
        "processors": os.cpu_count(), "python": platform.python_version(), "transcoder": product.version(),
        "ffmpeg": stock_ffmpeg.version(),
    }  # fmt: skip
    tools = {video: peers(video=video) for video in (True, False)}
    _say_what_to_install([*tools[True], *tools[False]])
    belongs = {
        key(case.name, case.cap_bytes, peer.name)
        for video, part in ((True, VIDEOS), (False, PICTURES))
        for case in (*part, *cases)
        for peer in tools[video]
    }
    known["rows"] = {name: row for name, row in known["rows"].items() if name in belongs}
    _keep(known, store)
    with tempfile.TemporaryDirectory() as folder:
        run_ = _Run(Path(folder), known, store, tools)
        for case in cases:
            source = case.find()
            if source is None:
                print(f"skipped: {case.name} is not here (the corpus is a folder beside the repository)")
            else:
                run_.case(case, source)
    return known


def _keep(known: dict[str, Any], store: Path) -> None:
    store.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def key(source: str, cap_bytes: int, tool: str) -> str:
    """Of a row in the store."""
    return f"{source}/{cap_bytes}/{tool}"


def _say_what_to_install(tools: Sequence[Peer]) -> None:
    """One line for each kind of package, to be copied."""
    for start in ("apt-get install ", "pip install "):
        wanted = sorted({peer.missing.removeprefix(start) for peer in tools if peer.missing.startswith(start)})
        if wanted:
            print(f"not all tools are here; for the others: {start}{' '.join(wanted)}", flush=True)


class _Run:
    """One go through the cases."""

    def __init__(self, folder: Path, known: dict[str, Any], store: Path, tools: dict[bool, list[Peer]]) -> None:
        self._folder, self._known, self._store, self._tools = folder, known, store, tools
        self._judge = judging.Judge(known["rows"].values())
        self._environment: dict[str, str] | None = None

    def case(self, case: Case, source: Path) -> None:
        """Every tool on one source under one cap."""
        found = probe(source, sha256="")
        video = found.video is not None
        sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
        for peer in self._tools[video]:
            name = key(case.name, case.cap_bytes, peer.name)
            identity = [sha256, peer.version, product.version(), judging.VERSION]
            if self._known["rows"].get(name, {}).get("identity") == identity:
                continue
            row: Row = {
                "source": case.name, "source_bytes": source.stat().st_size, "cap_bytes": case.cap_bytes,
                "video": video, "tool": peer.name, "version": peer.version, "identity": identity,
                "missing": peer.missing,
            }  # fmt: skip
            plain = self._known["rows"].get(key(case.name, case.cap_bytes, ours.NAME), {})
            if peer.name == ours.NAME_FLOOR and "bytes" in plain and plain["identity"] == identity:
                # Where nothing was refused the permission to go below a floor changes nothing.
                row = {**plain, "tool": peer.name, "same_as": ours.NAME}
            elif not peer.missing:
                duration_s = float(found.video.duration_s) if found.video is not None else 0.0
                row |= self._made(peer, source, sha256, case.cap_bytes, duration_s)
            self._known["rows"][name] = row
            _keep(self._known, self._store)
            outcome = row.get("bytes", row.get("note") or row["missing"])
            print(f"{name}: {outcome} {row.get('wall_s', 0):.1f} s", flush=True)

    def _made(self, peer: Peer, source: Path, source_sha256: str, cap_bytes: int, duration_s: float) -> Row:
        if self._environment is None:
            self._environment = product.environment(self._folder)
        work = self._folder / "work"
        work.mkdir()
        task = Task(
            source=source, cap_bytes=cap_bytes, duration_s=duration_s, folder=work, environment=self._environment
        )
        made = peer.make(task)
        row: Row = {"note": made.note, "certificate": made.certificate, **asdict(made.cost)}
        if made.path is not None:
            data = made.path.read_bytes()
            copy_sha256 = hashlib.sha256(data).hexdigest()
            try:
                row |= self._judge.says(source, source_sha256, made.path, copy_sha256, video=duration_s > 0)
                row |= {"bytes": len(data), "over": len(data) > cap_bytes, "fill": len(data) / cap_bytes}
            except (av.error.FFmpegError, OSError, ValueError, RuntimeError) as error:
                row["note"] = f"{len(data):,} bytes that could not be judged: {error}"
        shutil.rmtree(work)
        return row

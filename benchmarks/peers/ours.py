"""This tool as its users start it: one process that encodes, measures every frame, signs and reports."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import product
from benchmarks.peers.base import Made, Peer, Task, run

NAME = "transcoder"
NAME_FLOOR = "transcoder --accept-degraded"


def peers() -> list[Peer]:
    """The plain run, which may refuse or split, and the one that delivers one file, below a floor if need be."""
    return [
        Peer(name=NAME, make=lambda task: _apply(task, accept_degraded=False), version=product.version()),
        Peer(name=NAME_FLOOR, make=lambda task: _apply(task, accept_degraded=True), version=product.version()),
    ]


def _apply(task: Task, *, accept_degraded: bool) -> Made:
    command = [sys.executable, "-m", "transcoder", "apply", str(task.source), "--cap", str(task.cap_bytes)]
    command += ["--out", str(task.folder / "delivery"), "--json", "--progress", "none"]
    if accept_degraded:
        command += ["--accept-degraded", "--operator", "benchmark", "--reason", "to be scored beside its peers"]
        command += ["--max-parts", "1"]
    ran = run(command, environment=task.environment)
    try:
        result: Mapping[str, Any] = json.loads(ran.out.splitlines()[-1])
    except (IndexError, ValueError):
        result = {}
    if not result.get("verdict"):
        return Made(path=None, cost=ran.cost, note=f"failed: exit code {ran.code}: {ran.last_line}")
    signed = any(item["role"] == "certificate" for item in result["files"])
    media = [Path(item["path"]) for item in result["files"] if item["role"] in ("media", "still", "part")]
    if not media:
        reason = (result.get("refusal") or {}).get("message", "")
        return Made(path=None, cost=ran.cost, note=f"refused: {reason}", certificate=signed)
    if len(media) > 1:  # the judge holds one file against the source
        largest = max(path.stat().st_size for path in media)
        note = f"{result['verdict']}, {result['rung']}: {len(media)} files of at most {largest:,} bytes, no single one"
        return Made(path=None, cost=ran.cost, note=note, certificate=signed)
    return Made(path=media[0], cost=ran.cost, note=f"{result['verdict']}, {result['rung']}", certificate=signed)

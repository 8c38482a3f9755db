"""What the side by side takes from a run of our own: one file to be judged, or why there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import ours
from benchmarks.peers.base import Cost, Made, Ran, Task


def made(monkeypatch: pytest.MonkeyPatch, folder: Path, result: dict[str, Any] | None, *, code: int = 0) -> Made:
    out = "" if result is None else json.dumps(result)
    monkeypatch.setattr(ours, "run", lambda *_, **__: Ran(code=code, out=out, err="said last", cost=Cost(wall_s=2.0)))
    task = Task(source=folder / "a.mp4", cap_bytes=100, duration_s=1.0, folder=folder, environment={})
    return ours.peers()[0].make(task)


def files(folder: Path, **sizes: int) -> list[dict[str, str]]:
    for name, size in sizes.items():
        (folder / name).write_bytes(bytes(size))
    media = [{"role": name.rstrip("0123456789"), "path": str(folder / name)} for name in sizes]
    return [*media, {"role": "certificate", "path": str(folder / "a.certificate.json")}]


def test_one_file_is_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = {"verdict": "meets-floor", "rung": "re-encode", "files": files(tmp_path, media=90)}
    found = made(monkeypatch, tmp_path, result)
    assert found == Made(
        path=tmp_path / "media", cost=Cost(wall_s=2.0), note="meets-floor, re-encode", certificate=True
    )


def test_parts_are_no_single_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = {"verdict": "meets-floor", "rung": "split", "files": files(tmp_path, part1=90, part2=97, part3=20)}
    found = made(monkeypatch, tmp_path, result)
    assert found.path is None
    assert found.certificate
    assert found.note == "meets-floor, split: 3 files of at most 97 bytes, no single one"


def test_a_refusal_and_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = {"verdict": "refused", "rung": "refuse", "files": files(tmp_path), "refusal": {"message": "too small"}}
    found = made(monkeypatch, tmp_path, result, code=3)
    assert (found.path, found.note, found.certificate) == (None, "refused: too small", True)


def test_a_failure_is_no_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = made(monkeypatch, tmp_path, None, code=1)
    assert (found.path, found.note, found.certificate) == (None, "failed: exit code 1: said last", False)

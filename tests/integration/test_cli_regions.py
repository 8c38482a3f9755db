"""Regions from the command line: what ``inspect --regions`` writes, and what ``apply --regions`` takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.helpers import regions as made


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line and capture what it prints."""
    command = [sys.executable, "-m", "transcoder", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ})


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The only line on standard error."""
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.strip().splitlines()
    return line


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of a square that walks through a noisy place."""
    return made.write(tmp_path_factory.mktemp("clip") / "walk.mkv", made.walk((320, 240), 20, side=40, step=10))


def marked(folder: Path, *items: dict[str, Any]) -> Path:
    path = folder / "marked.json"
    path.write_text(json.dumps({"version": 1, "regions": list(items)}), encoding="utf-8")
    return path


DOOR = {"kind": "face", "box": [200, 40, 60, 60], "from_s": 1, "to_s": 3, "note": "the door"}


def test_inspect_writes_both_files_and_overwrites_nothing(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("inspect", clip, "--regions", "--out", out, "--marked", marked(tmp_path, DOOR))
    assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in out.iterdir())
    assert [name.rpartition(".regions.")[2] for name in files] == ["jpg", "json"]
    assert all(name.startswith("walk_") for name in files)
    document = json.loads((out / files[1]).read_text(encoding="utf-8"))
    assert set(document) == {"source", "detectors", "warnings", "regions"}
    first = document["regions"][0]
    assert (first["id"], first["kind"], first["found_by"], first["note"]) == ("d1", "face", "drawn", "the door")
    assert [moment["at_s"] for moment in first["path"]] == [1.0, 3.0]
    assert first["path"][0]["boxes"] == [[200, 40, 60, 60]]
    assert any(region["kind"] in ("motion", "person", "vehicle") for region in document["regions"])
    assert document["detectors"][0]["name"] == "motion"
    with Image.open(out / files[0]) as sheet:
        sheet.load()
        assert sheet.format == "JPEG"
    assert files[0] in done.stdout
    assert "face: 1 (the door)" in done.stdout

    before = [(out / name).read_bytes() for name in files]
    again = run("inspect", clip, "--regions", "--out", out)
    assert again.returncode == 6
    assert "exists already" in one_line(again)
    assert [(out / name).read_bytes() for name in files] == before


def test_inspect_prints_the_document_of_a_picture_and_finds_the_same_twice(samples: Path, tmp_path: Path) -> None:
    first = run("inspect", samples / "cctv_still.jpg", "--regions", "--out", tmp_path / "one", "--json")
    second = run("inspect", samples / "cctv_still.jpg", "--regions", "--out", tmp_path / "two", "--json")
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout
    document = json.loads(first.stdout)
    assert document == json.loads(next((tmp_path / "one").glob("*.json")).read_text(encoding="utf-8"))
    assert all(len(region["path"]) == 1 for region in document["regions"])


def test_a_marked_region_is_weighed_measured_and_recorded_first(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("apply", clip, "--out", out, "--cap", "150000", "--regions", marked(tmp_path, DOOR), "--json")
    assert done.returncode == 0, done.stderr
    predicate = json.loads(next(out.glob("*.certificate.json")).read_text())["predicate"]
    track = predicate["regions"]["tracks"][0]
    assert (track["id"], track["found_by"], track["note"]) == ("d1", "drawn", "the door")
    assert (track["first_s"], track["last_s"]) == (1.0, 3.0)
    assert track["score"]["frames"] == 11
    assert predicate["delivery"]["settings"]["qoffset_face"] < 0
    assert predicate["regions"]["counts"]["face"] >= 1
    assert "ssim_face" in json.loads(done.stdout)["fidelity"]
    verified = run("verify", out, "--source", clip, "--json")
    assert verified.returncode == 0, verified.stdout


def test_regions_belong_to_one_source(clip: Path, samples: Path, tmp_path: Path) -> None:
    result = run(
        "apply", clip, samples / "cctv_still.jpg", "--out", tmp_path / "out", "--regions", marked(tmp_path, DOOR)
    )  # fmt: skip
    assert result.returncode == 2
    assert "--regions belongs to one source" in one_line(result)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ('{"version": 1, "regions": []}', "regions"),
        ('{"version": 1, "regions": [{"kind": "face", "box": [900, 0, 5, 5]}]}', "lies outside the picture of 320x240"),
        ('{"version": 1, "regions": [{"kind": "\\u001b[31mghost\\n", "box": [0, 0, 5, 5]}]}', "regions.0.kind"),
    ],
)
@pytest.mark.parametrize("command", ["apply", "inspect"])
def test_a_bad_file_is_one_line_and_leaves_nothing(
    command: str, content: str | None, message: str, clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / "marked.json"
    if content is not None:
        path.write_text(content)
    options: list[str | Path] = ["--regions", path] if command == "apply" else ["--regions", "--marked", path]
    result = run(command, clip, "--out", tmp_path / "out", *options)
    assert result.returncode == 2
    assert message in one_line(result)
    assert "marked.json" in one_line(result)
    assert "\x1b" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_region_after_the_last_frame_is_no_internal_fault(tmp_path: Path) -> None:
    """The last frame comes at 1.8 s and lasts until 2.0 s: a mark from 1.9 s is within the video."""
    scene = made.backdrop((160, 120))
    clip = made.write(tmp_path / "still.mkv", (made.shown(scene, noise=0, seed=0) for _ in range(10)))
    late = marked(tmp_path, {"kind": "face", "box": [1, 1, 40, 40], "from_s": 1.9})
    assert run("inspect", clip, "--regions", "--out", tmp_path / "out", "--marked", late).returncode in (0, 2)

"""``transcoder watch`` with real deliveries: killed anywhere, ended by a signal, twice at once, on a full disk."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from transcoder import verify

_PATIENCE_S = 240.0


@pytest.fixture
def picture(samples: Path, tmp_path: Path) -> Path:
    """A small one: it goes as it is, which takes a second or two."""
    path = tmp_path / "small.jpg"
    with Image.open(samples / "cctv_still.jpg") as image:
        image.reduce(4).save(path, quality=90)
    return path


def command(source: Path, out: Path, *options: str) -> list[str]:
    return [
        sys.executable, "-m", "transcoder", "watch", str(source), str(out),
        "--settle", "0.2", "--poll", "0.1", *options,
    ]  # fmt: skip


def copies(picture: Path, folder: Path, number: int) -> None:
    """So many pictures that differ in a comment, under their own names."""
    folder.mkdir(exist_ok=True)
    for index in range(number):
        with Image.open(picture) as image:
            image.save(folder / f"still {index}.jpg", quality=90, comment=f"number {index}")


def until(met: object, process: subprocess.Popen[bytes] | None = None) -> None:
    assert callable(met)
    end = time.monotonic() + _PATIENCE_S
    while not met():
        assert time.monotonic() < end, "it took too long"
        assert process is None or process.poll() is None, "it ended"
        time.sleep(0.05)


def status(out: Path) -> dict[str, object]:
    path = out / "watch-status.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def test_killed_again_and_again_it_delivers_each_file_once(picture: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    copies(picture, source, 4)
    chance = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen(command(source, out), stderr=subprocess.DEVNULL)
        until(lambda pid=process.pid: status(out).get("pid") == pid, process)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.1, 4.0))
        process.kill()
        process.wait()
    time.sleep(2)  # the last one's child ends by itself, half a second after it
    done = subprocess.run(
        command(source, out, "--once", "--after", "move"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    certificates = sorted(out.glob("*.certificate.json"))
    assert len(certificates) == 4
    assert all(result.ok for result in verify(out))
    assert not list(out.glob(".transcoder-*"))
    described = status(out)
    assert (described["delivered"], described["failed"], described["waiting"]) == (4, 0, 0)
    again = subprocess.run(command(source, out, "--once"), capture_output=True, text=True, check=False)
    assert again.stdout.strip() == "nothing new"


def test_a_signal_ends_it_and_a_second_one_is_refused(picture: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    copies(picture, source, 1)
    process = subprocess.Popen(command(source, out), stderr=subprocess.PIPE)
    until(lambda: status(out).get("state") == "working", process)
    second = subprocess.run(command(source, tmp_path / "other"), capture_output=True, text=True, check=False)
    assert second.returncode == 6
    assert "another watcher" in second.stderr
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 0
    assert b"Traceback" not in said
    assert status(out)["state"] == "stopped"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 120 kB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=120k", "none", str(folder)], capture_output=True, check=False
    ).returncode:  # fmt: skip
        pytest.skip("a disk that is full needs the right to mount one")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_is_waited_out(picture: Path, tmp_path: Path, tiny: Path) -> None:
    source = tmp_path / "in"
    copies(picture, source, 1)
    ballast = tiny / "ballast"
    ballast.write_bytes(bytes(80_000))
    process = subprocess.Popen(command(source, tiny), stderr=subprocess.DEVNULL)
    try:
        until(lambda: status(tiny).get("state") == "paused", process)
        assert "space" in str(status(tiny)["reason"])
        assert not (tiny / "quarantine").exists()
        subprocess.run(["mount", "-o", "remount,size=20m", str(tiny)], check=True)
        until(lambda: status(tiny).get("delivered") == 1, process)
    finally:
        process.terminate()
        process.wait()
    assert verify(tiny)[0].ok

"""A worker's own folder, and what becomes of those of workers that are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from transcoder.jobs.workplace import Workplace

HOLDER = """
import sys, time
from pathlib import Path
from transcoder.jobs.workplace import Workplace
place = Workplace(Path(sys.argv[1]), "killed")
place.open()
(place.folder / "attempt").mkdir()
(place.folder / "attempt" / "cctv.mp4").write_bytes(b"evidence")
print("ready", flush=True)
time.sleep(60)
"""


def test_what_a_killed_worker_left_is_taken_away_by_the_next_and_not_before(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        (left,) = tmp_path.iterdir()
        place = Workplace(tmp_path, "next")
        place.open()
        assert (left / "attempt" / "cctv.mp4").exists()  # its worker lives
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        place.sweep()
        assert list(tmp_path.iterdir()) == [place.folder]
        place.close()
        assert list(tmp_path.iterdir()) == []
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


def test_a_folder_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    young, old = tmp_path / "young", tmp_path / "old"
    young.mkdir()
    old.mkdir()
    long_ago = time.time() - 3600
    os.utime(old, (long_ago, long_ago))
    place = Workplace(tmp_path, "next")
    place.open()
    assert young.exists()
    assert not old.exists()
    place.close()


def test_files_beside_the_folders_stay(tmp_path: Path) -> None:
    (tmp_path / "worker.lock").write_bytes(b"")
    place = Workplace(tmp_path, "next")
    place.open()
    place.close()
    assert [path.name for path in tmp_path.iterdir()] == ["worker.lock"]

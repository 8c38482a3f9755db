"""What a peer costs is its own: not the judge's memory, and all of its processes."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.peers.base import run

_BUSY = "import time\nwhile time.process_time() < 0.6: pass"
_HOLD = "import time; held = b'1' * 80_000_000; time.sleep(0.6)"


def test_a_child_is_measured_and_its_exit_kept() -> None:
    ran = run([sys.executable, "-c", "held = b'1' * 80_000_000; print('done'); raise SystemExit(3)"])
    assert (ran.code, ran.out.strip()) == (3, "done")
    assert ran.cost.peak_bytes > 80_000_000
    assert ran.cost.wall_s > 0


def test_the_child_of_a_fat_parent_does_not_report_its_parents_memory() -> None:
    held = np.ones(400_000_000, dtype=np.uint8)
    ran = run(["true"])
    assert held.all()
    assert ran.cost.peak_bytes < 40_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_at_the_same_time_add_up() -> None:
    both = f'{sys.executable} -c "{_HOLD}" & {sys.executable} -c "{_HOLD}"; wait'
    assert run(["sh", "-c", both]).cost.peak_bytes > 160_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted by a call of Linux")
def test_what_is_left_running_in_a_session_of_its_own_counts_too() -> None:
    ran = run(["sh", "-c", f'setsid {sys.executable} -c "{_BUSY}" & true'])
    assert ran.cost.cpu_s > 0.5
    assert ran.cost.wall_s < 0.5  # the command itself was over at once


def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        run(["no-such-program"])

"""Starts one command and measures it and all that it starts; run as a small process of its own.

``python -I -S launcher.py REPORT COMMAND ...`` writes ``{"code", "wall_s", "cpu_s", "peak_bytes"}`` to REPORT. Only the
standard library, and little of it: on Linux a child's highest resident set begins at that of the process which forked
it, so a command that the judge itself started would be said to need as much memory as the judge does.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time

SAMPLE_S = 0.02
"""Between two looks at the memory of the processes that are known."""
_SEARCH_EVERY = 5
"""Looks between two searches for new processes: a search reads an entry for every process of the machine."""
_ORPHANS_S = 10.0
"""How long what the command left running may take to end."""
_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Watch(threading.Thread):
    """The resident memory of all descendants together, as often as looked at; what they share counts for each."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self.over = threading.Event()

    def run(self) -> None:
        """Look until told that it is over."""
        known: list[int] = []
        looks = 0
        while not self.over.is_set():
            if looks % _SEARCH_EVERY == 0:
                known = descendants(os.getpid())
            looks += 1
            self.peak_bytes = max(self.peak_bytes, sum(map(resident_bytes, known)))
            self.over.wait(SAMPLE_S)


def descendants(ancestor: int) -> list[int]:
    """All processes below one."""
    below: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would double what this process weighs
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    # The name in brackets may hold anything; the state and the parent stand after it.
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                continue
            below.setdefault(parent, []).append(int(name))
    found, todo = [], [ancestor]
    while todo:
        children = below.get(todo.pop(), [])
        found += children
        todo += children
    return found


def resident_bytes(pid: int) -> int:
    """What a process holds now; 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def measure(command: list[str]) -> dict[str, float]:
    """Run it to its end, and whatever it left running to its own."""
    linux = sys.platform == "linux"
    if linux:  # orphans become children of this process instead of getting lost with their processor time
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    watch = Watch()
    if linux:
        watch.start()
    cpu_s, largest, code, wall_s = 0.0, 0, 0, 0.0
    until = None
    while True:
        try:
            ended, status, usage = os.wait4(-1, 0 if until is None else os.WNOHANG)
        except ChildProcessError:
            break
        if ended:
            cpu_s += usage.ru_utime + usage.ru_stime
            largest = max(largest, usage.ru_maxrss * (1024 if linux else 1))
        if ended == pid:
            wall_s, code = time.perf_counter() - started, os.waitstatus_to_exitcode(status)
            until = time.perf_counter() + _ORPHANS_S
        elif not ended:
            if until is not None and time.perf_counter() > until:
                for left in descendants(os.getpid()):
                    os.kill(left, signal.SIGKILL)
            time.sleep(SAMPLE_S)
    watch.over.set()
    return {"code": code, "wall_s": wall_s, "cpu_s": cpu_s, "peak_bytes": max(watch.peak_bytes, largest)}


if __name__ == "__main__":
    result = measure(sys.argv[2:])
    with open(sys.argv[1], "w", encoding="utf-8") as report:  # noqa: PTH123
        json.dump(result, report)

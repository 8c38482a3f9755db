"""How a child that gave no answer ended, and the one error that says so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from transcoder.errors import SandboxError
from transcoder.sandbox.limits import Limits

_MAX_FILES = 100_000
_SECONDS_BETWEEN_WALKS = 1.0
_NEARLY_ALL = 0.9
_MEMORY_WORDS = (b"bad_alloc", b"memoryerror", b"out of memory", b"cannot allocate", b"unable to allocate")


class End(StrEnum):
    """Why the parent ended a child."""

    MEMORY = "memory"
    DISK = "disk"
    HUNG = "hung"
    WALL = "wall"


@dataclass(slots=True)
class Watch:
    """Looks at a working child from outside."""

    pid: int
    limits: Limits
    work: Path
    _walked_s: float = 0.0

    def look(self, started_s: float, heard_s: float) -> End | None:
        """The limit that is passed now, if one is.

        :param started_s: when the job began, on the monotonic clock.
        :param heard_s: when the child last said anything.
        """
        now, limits = time.monotonic(), self.limits
        if now - heard_s > limits.idle_s:
            return End.HUNG
        if limits.wall_s is not None and now - started_s > limits.wall_s:
            return End.WALL
        if memory_of(self.pid) > limits.memory_bytes:  # the kernel's limit does not count memory that is shared
            return End.MEMORY
        if now - self._walked_s > _SECONDS_BETWEEN_WALKS:
            self._walked_s = now
            if disk_of(self.work, limits.disk_bytes) > limits.disk_bytes:
                return End.DISK
        return None


def memory_of(pid: int) -> int:
    """Memory of a process that is backed by no file, in bytes; 0 where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    lines = [line.split() for line in text.splitlines() if line.startswith(("RssAnon:", "RssShmem:"))]
    return sum(int(words[1]) * 1024 for words in lines)


def disk_of(folder: Path, enough: int) -> int:
    """What is in a folder, in bytes on disk; no more is looked at than what is too much."""
    total, files, folders = 0, 0, [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    files += 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if total > enough or files > _MAX_FILES:
                        return enough + 1
        except OSError:
            continue  # removed meanwhile
    return total


@dataclass(frozen=True, slots=True)
class Last:
    """What the system knows about a child that ended."""

    returncode: int
    """Negative: the signal that ended it."""
    cpu_s: float
    peak_bytes: int
    """0 where that is not known."""
    stderr: bytes
    """The last of what it wrote there."""


def error(last: Last, told: End | None, limits: Limits, name: str) -> SandboxError:
    """The error for a child without an answer.

    :param told: why the parent ended it, where it did.
    """
    killed = max(0, -last.returncode)
    details: dict[str, object] = {"signal": killed, "stderr": last.stderr[-1000:].decode("utf-8", "replace")}
    if told is End.HUNG:
        return _error(f"there was no sign of progress for {limits.idle_s:g} s", name, "sandbox-hung", details)
    if told is End.WALL:
        return _error(f"it was not done after {limits.wall_s} s", name, "sandbox-wall-time", details)
    if told is End.DISK or killed == signal.SIGXFSZ:
        size = limits.disk_bytes if told is End.DISK else limits.file_bytes
        return _error(f"decoding and encoding it wrote more than {size} bytes", name, "sandbox-file-size", details)
    # Who ignores SIGXCPU is killed a little later.
    if killed == signal.SIGXCPU or (killed == signal.SIGKILL and told is None and last.cpu_s >= limits.cpu_s):
        return _error(f"it took more than {limits.cpu_s} s of processor time", name, "sandbox-cpu-time", details)
    # The system ends by this signal whoever takes its last memory, and libraries in want of it crash.
    starved = killed and last.peak_bytes > limits.memory_bytes * _NEARLY_ALL
    if told is End.MEMORY or killed == signal.SIGKILL or starved or _speaks_of_memory(last.stderr):
        return memory(name, details)
    how = f"signal {killed}, {signal.strsignal(killed)}" if killed else f"exit code {last.returncode}"
    return _error(f"the decoder or encoder crashed on it ({how})", name, "sandbox-crashed", details)


def _speaks_of_memory(stderr: bytes) -> bool:
    return any(word in stderr.lower() for word in _MEMORY_WORDS)


def memory(name: str, details: Mapping[str, object] | None = None) -> SandboxError:
    """More memory was asked for than a job may have."""
    return _error("decoding and encoding it takes more memory than a job may have", name, "sandbox-memory", details)


def protocol(what: str, name: str) -> SandboxError:
    """The child said something that no honest child says."""
    return _error(f"the child process answered with {what}", name, "sandbox-protocol", {})


_HINTS = {
    "sandbox-crashed": "the file is damaged or hostile: play it in its maker's player and export it again",
    "sandbox-protocol": "the file may be hostile: do not open it elsewhere without care",
    "sandbox-memory": "if the file is what it should be, raise TRANSCODER_SANDBOX_MEMORY_BYTES",
    "sandbox-cpu-time": "if the file is what it should be, raise TRANSCODER_SANDBOX_CPU_S",
    "sandbox-file-size": "if the file is what it should be, raise TRANSCODER_SANDBOX_FILE_BYTES and _DISK_BYTES",
    "sandbox-hung": "if the file is what it should be, raise TRANSCODER_SANDBOX_IDLE_S",
    "sandbox-wall-time": "if the file is what it should be, raise TRANSCODER_SANDBOX_WALL_S",
}


def _error(message: str, name: str, code: str, details: Mapping[str, object] | None) -> SandboxError:
    return SandboxError(f"{message}; nothing was delivered", where=name, code=code, hint=_HINTS[code], details=details)

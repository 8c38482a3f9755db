"""The child: imports, takes its job, confines itself, does it, and says what came of it.

What it imports, it imports before it confines itself: bytecode that lacks is written then, by code that has
seen no media, and never afterwards.
"""

from __future__ import annotations

import base64
import faulthandler
import gc
import os
import pickle
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from transcoder.errors import TranscodeError
from transcoder.sandbox import confine, wire
from transcoder.sandbox.limits import Limits, Mode

_SECONDS_BETWEEN_TICKS = 0.05
KERNELS = "kernels"
"""The child's own folder of compiled kernels, inside its work folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the parent asks for."""

    function: str
    """``module:name``."""
    arguments: dict[str, Any]
    read: tuple[Path, ...]
    work: Path
    limits: Limits
    mode: Mode
    parent: int


@dataclass(frozen=True, slots=True)
class Context:
    """What a task gets beside its arguments."""

    work: Path
    """The only folder it may write to; it vanishes when the job is over."""
    tick: Callable[[str, int, int | None], None]
    note: Callable[[str, object], None] = field(default=lambda *_: None)
    """Tell the caller something on the way, which may end the job for it."""
    ask: Callable[[bytes], bytes] = field(default=lambda _: b"")
    """Ask the caller a question that only it can answer; see ``parent.Ask``."""


class _Speaker:
    """Writes messages, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._phase, self._next_s = "", 0.0

    def say(self, **message: object) -> None:
        data = memoryview(wire.frame(message))
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]

    def tick(self, phase: str, done: int, total: int | None) -> None:
        """A sign of progress; of many a second only some are sent."""
        now = time.monotonic()
        if phase == self._phase and now < self._next_s and done != total:
            return
        self._phase, self._next_s = phase, now + _SECONDS_BETWEEN_TICKS
        self.say(kind="tick", phase=phase, done=int(done), total=int(total) if total is not None else None)

    def note(self, name: str, value: object) -> None:
        self.say(kind="note", name=name, value=wire.encode(value))


class _Caller:
    """Asks the parent, and waits for what it answers."""

    def __init__(self, speaker: _Speaker, replies: int) -> None:
        self._speaker = speaker
        self._replies = os.fdopen(replies, "rb")
        self._lock = threading.Lock()

    def ask(self, question: bytes) -> bytes:
        with self._lock:
            self._speaker.say(kind="ask", value=base64.b64encode(question).decode("ascii"))
            head = self._replies.read(4)
            return self._replies.read(*struct.unpack(">I", head)) if len(head) == 4 else b""


def main() -> None:
    """Arguments: the descriptor to answer on, and the modules to import beforehand."""
    # Libraries print; what they print must not be taken for an answer.
    os.dup2(2, 1)
    faulthandler.enable(all_threads=False)
    speaker = _Speaker(int(sys.argv[1]))
    try:
        _load(sys.argv[2:])
        taken = _take()
        if taken is None:
            os._exit(0)
        job, replies = taken
        _settle(job)
        layers = confine.confine(job.limits, job.read, job.work, job.mode, job.parent)
        speaker.say(kind="layers", value=wire.encode(layers))
        value = function_of(job.function)(
            Context(job.work, speaker.tick, speaker.note, _Caller(speaker, replies).ask), **job.arguments
        )
        speaker.say(kind="result", value=wire.encode(value))
    except TranscodeError as error:
        speaker.say(kind="error", value=wire.describe_error(error))
    except MemoryError:
        speaker.say(kind="memory")
    except OSError as error:
        if error.errno is None:
            speaker.say(kind="fault", name=type(error).__name__, message=str(error))
        else:
            path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
            speaker.say(kind="os-error", number=error.errno, message=error.strerror or "", filename=path)
    except BaseException as error:  # noqa: BLE001 - the last line of defence: the parent tells what it was
        speaker.say(kind="fault", name=type(error).__name__, message=str(error)[:2000])
    # Libraries' own threads and clean-up have nothing more to add, and may hang.
    os._exit(0)


def _load(modules: Sequence[str]) -> None:
    """Import what the job needs. What that makes stays: looking through it for garbage took a tenth of the time."""
    gc.disable()
    for name in modules:
        import_module(name)
    gc.freeze()
    gc.enable()


def _take() -> tuple[Job, int] | None:
    """The job, and where answers to questions arrive; None where the parent has no job after all."""
    with os.fdopen(0, "rb", closefd=False) as incoming:  # the parent writes nothing more before it is asked
        head = incoming.read(4)
        if len(head) < 4:
            return None
        job = pickle.loads(incoming.read(*struct.unpack(">I", head)))  # noqa: S301 - the parent's own
    assert isinstance(job, Job)
    replies = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    return job, replies


def _settle(job: Job) -> None:
    """Whatever a library writes by itself, it writes into the work folder."""
    home = str(job.work)
    os.environ.update(HOME=home, TMPDIR=home, XDG_CACHE_HOME=home, NUMBA_CACHE_DIR=str(job.work / KERNELS))
    (job.work / KERNELS).mkdir(exist_ok=True)
    tempfile.tempdir = None


def function_of(name: str) -> Callable[..., Any]:
    """The function that ``module:name`` stands for."""
    module, _, attribute = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), attribute)
    return found

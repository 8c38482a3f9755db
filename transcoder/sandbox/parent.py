"""The parent's side: start a child, give it one job, listen, watch the clock, and say in one error how it ended.

The child is a new process of the same Python, never a fork of this one: libraries have threads. Whatever ends the job
here (an answer, an exception in the caller's callback, Ctrl-C, a limit) kills the child and all of its process group
at once. There is nothing for it to clean up: everything it wrote is in the work folder, and that is the caller's.
"""

from __future__ import annotations

import base64
import contextlib
import os
import pickle
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from transcoder.errors import SandboxError, TranscodeError
from transcoder.sandbox import endings, kernels, wire
from transcoder.sandbox.child import KERNELS, Context, Job, function_of
from transcoder.sandbox.confine import Layers
from transcoder.sandbox.limits import Limits, Mode, Policy
from transcoder.sandbox.started import Started

R = TypeVar("R")
Tick = Callable[[str, int, int | None], None]
Note = Callable[[str, Any], None]
Ask = Callable[[bytes], bytes]
"""Answers a child's question; raises ``wire.WireError`` for one that no honest child asks."""
_POLL_S = 0.25
_BLOCK_BYTES = 1 << 20
_STDERR_BYTES = 4096
_POLLS_FOR_DEATH = 150


@dataclass(frozen=True, slots=True)
class Task(Generic[R]):
    """Something a child can do."""

    function: str
    """``module:name``; called as ``name(context, **arguments)``."""
    result: Any
    """The type of its answer, of which ``wire.decode`` builds it."""
    modules: tuple[str, ...] = ()
    """What it needs anyway, imported before the child confines itself; none that starts threads."""
    measures: bool = False
    """True where it runs compiled kernels."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """What a child said, and under which layers; None where there was no child."""

    value: R
    layers: Layers | None


@dataclass(slots=True)
class _Seen:
    """What the parent keeps an eye on while the child works."""

    started_s: float = field(default_factory=time.monotonic)
    heard_s: float = field(default_factory=time.monotonic)
    last_tick: tuple[str, int, int | None] | None = None
    layers: Layers | None = None
    stderr: bytes = b""
    told: endings.End | None = None


@dataclass(frozen=True, slots=True)
class _Ears:
    """Who listens to what a child says on the way."""

    tick: Tick
    note: Note
    ask: Ask | None


class Worker:
    """One child for one task, started early so that it imports while the caller does something else.

    :param task: what it will be asked to do.
    :param child: one that was started before, and is gone afterwards too; where it has other modules than the task
        needs, another one is started.
    """

    def __init__(self, task: Task[Any], policy: Policy, child: Started | None = None) -> None:
        self._task, self._policy = task, policy
        self._child: Started | None = None
        if policy.mode is not Mode.OFF:
            fits = child is not None and child.modules == task.modules
            self._child = child if fits else Started(task.modules)

    def run(
        self, arguments: Mapping[str, Any], *, name: str, read: Sequence[Path], work: Path, tick: Tick,
        note: Note = lambda *_: None, ask: Ask | None = None, source_bytes: int = 0,
    ) -> Answer[Any]:  # fmt: skip
        """Do the task.

        :param name: of the source, for errors.
        :param read: the files it may read.
        :param work: an empty folder of the caller's, which the child may write to.
        :param tick: called with the child's progress; an exception raised in it ends the job.
        :param note: called with what the child tells on the way; an exception raised in it ends the job.
        :param ask: answers what the child asks; without it, a question is none that an honest child has.
        :param source_bytes: what the limits are measured by.
        :raises SandboxError: where the child ends without an answer, or gives one that is none.
        :raises TranscodeError: what the task raised, as it raised it.
        :raises OSError: what the file system refused.
        """
        child = self._child
        if child is None:
            own = Context(work, tick, note) if ask is None else Context(work, tick, note, ask)
            return Answer(function_of(self._task.function)(own, **arguments), None)
        limits = self._policy.limits(source_bytes)
        compiled = self._kernels(work)
        job = Job(
            function=self._task.function,
            arguments=dict(arguments),
            read=tuple(path.absolute() for path in (*read, *compiled)),
            work=work.absolute(),
            limits=limits,
            mode=self._policy.mode,
            parent=os.getpid(),
        )
        seen = _Seen()
        try:
            _send(child.process, job)
            message = _listen(child, limits, job.work, seen, _Ears(tick, note, ask))
        except wire.WireError as error:
            raise endings.protocol(str(error), name) from None
        finally:
            self.close()
        if message is None:
            assert child.used is not None
            cpu_s, peak_bytes = child.used.ru_utime + child.used.ru_stime, child.used.ru_maxrss * 1024
            if peak_bytes <= child.parents_peak_bytes:
                peak_bytes = 0  # it may be this process's own, so nothing is known
            last = endings.Last(child.process.returncode or 0, cpu_s, peak_bytes, seen.stderr)
            raise endings.error(last, seen.told, limits, name)
        try:
            return Answer(_value(self._task.result, message, name), seen.layers)
        except wire.WireError as error:
            raise endings.protocol(str(error), name) from None

    def _kernels(self, work: Path) -> Sequence[Path]:
        """The folder of compiled kernels, with links to them in the work folder; nothing where there is none."""
        if not self._task.measures or self._policy.kernels is None:
            return ()
        found = kernels.prepare(self._policy.kernels.absolute())
        if found is None:
            return ()
        kernels.link(found, work / KERNELS)
        return (found,)

    def close(self) -> None:
        """End the child, whatever it is doing, and everything it may have started."""
        if self._child is not None:
            self._child.close()


def _send(process: subprocess.Popen[bytes], job: Job) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it died already: how will be seen
        process.stdin.write(wire.framed(pickle.dumps(job)))
        process.stdin.flush()


def _listen(child: Started, limits: Limits, work: Path, seen: _Seen, ears: _Ears) -> dict[str, Any] | None:
    """The child's last message; None where it ended, or was ended, without one."""
    process, answers = child.process, child.answers
    assert process.stderr is not None
    messages, errors = wire.Unframer(), process.stderr.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(answers, selectors.EVENT_READ)
        selector.register(errors, selectors.EVENT_READ)
        watch = endings.Watch(process.pid, limits, work)
        while True:
            ready = {key.fd for key, _ in selector.select(_POLL_S)}
            if errors in ready:
                data = os.read(errors, _BLOCK_BYTES)
                seen.stderr = (seen.stderr + data)[-_STDERR_BYTES:]
                if not data:
                    selector.unregister(errors)
            if answers in ready:
                data = os.read(answers, _BLOCK_BYTES)
                seen.heard_s = time.monotonic()
                if not data:
                    seen.told = None if _dead(process.pid) else endings.End.HUNG
                    return None
                for message in messages.feed(data):
                    if message.get("kind") == "ask":
                        _reply(process, ears, message)
                    elif not _on_the_way(message, seen, ears.tick, ears.note):
                        return message
            elif seen.last_tick is not None:
                ears.tick(*seen.last_tick)  # so that a caller who wants to stop is asked in a silent stretch as well
            seen.told = watch.look(seen.started_s, seen.heard_s)
            if seen.told is not None:
                return None


@contextmanager
def worker(task: Task[Any], policy: Policy, child: Started | None = None) -> Iterator[Worker]:
    """A worker that is gone afterwards, whatever happens. See ``Worker``."""
    made = Worker(task, policy, child)
    try:
        yield made
    finally:
        made.close()


def run(
    task: Task[R], arguments: Mapping[str, Any], *, policy: Policy, name: str, read: Sequence[Path], work: Path,
    tick: Tick, source_bytes: int = 0, child: Started | None = None,
) -> Answer[R]:  # fmt: skip
    """Do a task in a child of its own. See ``Worker`` and ``Worker.run``."""
    with worker(task, policy, child) as made:
        return made.run(arguments, name=name, read=read, work=work, tick=tick, source_bytes=source_bytes)


def _dead(pid: int) -> bool:
    """Whether a child that closed its end has ended, which takes a moment; it is not taken from the table yet."""
    for _ in range(_POLLS_FOR_DEATH):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return True
        time.sleep(0.02)
    return False


def _on_the_way(message: dict[str, Any], seen: _Seen, tick: Tick, note: Note) -> bool:
    """Take a message that is not the last one."""
    kind = message.get("kind")
    if kind == "layers" and seen.layers is None:
        seen.layers = wire.decode(Layers, message.get("value"))
    elif kind == "tick":
        phase = wire.decode(str, message.get("phase"))
        done, total = wire.decode(int, message.get("done")), wire.decode(int | None, message.get("total"))
        if not phase.isidentifier() or len(phase) > 40 or done < 0 or (total is not None and total < 0):
            raise wire.WireError("a sign of progress that makes no sense")
        seen.last_tick = (phase, done, total)
        tick(phase, done, total)
    elif kind == "note":
        note(wire.decode(str, message.get("name")), message.get("value"))
    else:
        return False
    return True


def _reply(process: subprocess.Popen[bytes], ears: _Ears, message: dict[str, Any]) -> None:
    """Answer a question. A child that asks and does not listen must not make this process wait."""
    if ears.ask is None:
        raise wire.WireError("a question that it has no business to ask")
    try:
        question = base64.b64decode(wire.decode(str, message.get("value")), validate=True)
    except ValueError as error:
        raise wire.WireError(str(error)) from None
    assert process.stdin is not None
    answer, pipe = wire.framed(ears.ask(question)), process.stdin.fileno()
    os.set_blocking(pipe, False)
    try:
        if os.write(pipe, answer) != len(answer):
            raise wire.WireError("questions without listening to the answers")
    except BlockingIOError:
        raise wire.WireError("questions without listening to the answers") from None
    except BrokenPipeError:
        pass  # it died: how will be seen


def _value(kind: Any, message: dict[str, Any], name: str) -> Any:
    match message.get("kind"):
        case "result":
            return wire.decode(kind, message.get("value"))
        case "error":
            raise wire.rebuild_error(message.get("value"))
        case "memory":
            raise endings.memory(name)
        case "os-error":
            number, text = wire.decode(int, message.get("number")), wire.decode(str, message.get("message"))
            filename = wire.decode(str | None, message.get("filename"))
            raise OSError(number, text, filename) if filename is not None else OSError(number, text)
        case "fault":
            fault, text = wire.decode(str, message.get("name")), wire.decode(str, message.get("message"))
            raise TranscodeError(
                f"internal fault ({fault}: {text})",
                where=name,
                hint="please report this with the file's name and this line; nothing was delivered",
            )
        case other:
            raise wire.WireError(f"a message of the kind {other!r}")


__all__ = ["Answer", "SandboxError", "Task", "Worker", "run", "worker"]

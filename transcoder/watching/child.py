"""The process that delivers one file: what takes it down takes nothing else down."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

_TAIL_BYTES = 2000
_PATIENCE_S = 10.0
"""How long it has to take away what it left, once it is told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one file.

    :ivar result: the object that ``transcoder apply --json`` prints; also of a refusal.
    :ivar error: diagnostics, where it was not delivered.
    :ivar kind: the branch of the error tree, or ``died`` where the process ended without an answer.
    """

    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    kind: str | None = None


class Child(Protocol):
    """Work on one file that is under way."""

    @property
    def progress(self) -> tuple[str, float]:
        """Phase and percent."""
        ...

    def answer(self) -> Answer | None:
        """What came of it; None while it is under way."""
        ...

    def end(self) -> None:
        """Stop it, and wait until nothing of it is left."""
        ...


Start = Callable[[Mapping[str, Any], Callable[[], None]], Child]
"""Begins work: the order, and what is called once when it has ended."""


class ProcessChild:
    """Runs ``transcoder.jobs.process``, which ends by itself when this process does.

    :param order: ``{"source", "out", "options"}``.
    :param ended: called from a thread.
    """

    def __init__(self, order: Mapping[str, Any], ended: Callable[[], None]) -> None:
        self._progress = ("starting", 0.0)
        self._answer: Answer | None = None
        self._ended = ended
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "transcoder.jobs.process"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            cwd=Path(order["out"]),
        )  # fmt: skip
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        self._thread = threading.Thread(target=self._listen, daemon=True, name="child")
        self._thread.start()

    @property
    def progress(self) -> tuple[str, float]:
        """See ``Child``."""
        return self._progress

    def answer(self) -> Answer | None:
        """See ``Child``."""
        return self._answer

    def end(self) -> None:
        """See ``Child``."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # it hears this, and takes away what it left
        self._thread.join(_PATIENCE_S)
        self._kill()
        self._thread.join(_PATIENCE_S)

    def _listen(self) -> None:
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        said: Mapping[str, Any] | None = None
        tail = _Tail(process.stderr)
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if "result" in message or "error" in message:
                    said = message
                elif "phase" in message:
                    self._progress = (message["phase"], message["percent"])
        process.wait()
        self._kill()
        text = tail.text()
        if said is not None:
            self._answer = Answer(result=said.get("result"), error=said.get("error"), kind=said.get("kind"))
        else:
            self._answer = _died(process.returncode, text)
        self._ended()

    def _kill(self) -> None:
        """Also what it started: its session is its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


class _Tail:
    def __init__(self, stream: IO[bytes]) -> None:
        self._kept = b""
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        while data := stream.read1(65536):  # type: ignore[attr-defined]
            self._kept = (self._kept + data)[-_TAIL_BYTES:]

    def text(self) -> str:
        self._thread.join(1.0)
        return self._kept.decode(errors="replace")


def _died(code: int | None, errors: str) -> Answer:
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    last = errors.strip().splitlines()[-1][:200] if errors.strip() else ""
    message = f"the process that did the work ended without an answer ({how}){': ' + last if last else ''}"
    error: dict[str, Any] = {
        "code": "worker-process-died",
        "message": message,
        "where": None,
        "hint": None,
        "details": {},
    }
    return Answer(error=error, kind="died")


__all__ = ["Answer", "Child", "ProcessChild", "Start"]

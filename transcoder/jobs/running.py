"""The worker's side of an attempt: start the process, pass on what it says, and end it with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transcoder.jobs.base import JobState, Outcome

Heard = Callable[[str, float, str | None], Awaitable[None]]
"""Called with phase, percent and a warning, if there is one."""
COMMAND: tuple[str, ...] = (sys.executable, "-P", "-m", "transcoder.jobs.process")
"""The process that does an attempt."""
_LINE_BYTES = 64 << 20
_STDERR_BYTES = 2000
_FINAL = frozenset(("UsageError", "InputError", "CertificateError", "NoAcceptableEncoding", "OutputMismatch"))
"""Kinds of errors that the same source and the same options give again."""
_FLEETING = frozenset(("sandbox-crashed", "sandbox-hung", "sandbox-memory"))
"""Of those, codes that a machine in trouble gives as well: such a job is tried again before it is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the process said at last."""

    outcome: Outcome
    result: Mapping[str, Any] | None
    """As ``transcoder apply --json`` prints it, with the paths of this attempt."""


async def converse(order: Mapping[str, Any], folder: Path, heard: Heard, *, timeout_s: float) -> Answer:
    """Have an order carried out by a process of its own.

    :param order: see ``process``.
    :param folder: that the process starts in.
    :raises asyncio.CancelledError: where the caller is cancelled; the process is gone then.
    """
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        start_new_session=True, limit=_LINE_BYTES, cwd=folder,
    )  # fmt: skip
    errors = asyncio.create_task(_tail(process))
    try:
        async with asyncio.timeout(timeout_s):
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write(json.dumps(order).encode() + b"\n")
                await process.stdin.drain()
            said = await _listen(process, heard)
            if said is None:
                await process.wait()
                return _broken(process.returncode, await errors)
            return _answer(said)
    except TimeoutError:
        text = f"it took longer than {timeout_s:g} s, and was stopped"
        return _failed("job-timeout", text, hint="a larger time-out, or a part of it with from and to")
    finally:
        await _end(process)
        errors.cancel()


async def _listen(process: asyncio.subprocess.Process, heard: Heard) -> dict[str, Any] | None:
    assert process.stdout is not None
    async for line in process.stdout:
        message = json.loads(line)
        if "result" in message or "error" in message:
            return dict(message)
        await heard(message.get("phase", ""), message.get("percent", 0.0), message.get("warning"))
    return None


async def _tail(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    kept = b""
    while data := await process.stderr.read(65536):
        kept = (kept + data)[-_STDERR_BYTES:]
    return kept.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process and its session. What it confined in groups of their own dies with it (PR_SET_PDEATHSIG)."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())
    # The transport is closed before the loop is, or its destructor complains.
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


def _answer(said: Mapping[str, Any]) -> Answer:
    error, result, kind = said.get("error"), said.get("result"), said.get("kind")
    if error is None:
        assert result is not None
        return Answer(outcome=Outcome(state=JobState.DELIVERED, verdict=result["verdict"]), result=result)
    if kind == "NoAcceptableEncoding":
        verdict = "refused" if result is None else result["verdict"]
        return Answer(outcome=Outcome(state=JobState.REFUSED, verdict=verdict, error=error), result=result)
    retry = kind not in _FINAL or error["code"] in _FLEETING
    return Answer(outcome=Outcome(state=JobState.FAILED, error=error, retry=retry), result=None)


def _failed(code: str, message: str, *, hint: str | None = None, retry: bool = False) -> Answer:
    error: dict[str, Any] = {"code": code, "message": message, "where": None, "hint": hint, "details": {}}
    return Answer(outcome=Outcome(state=JobState.FAILED, error=error, retry=retry), result=None)


def _broken(code: int | None, errors: str) -> Answer:
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    last = errors.strip().splitlines()[-1][:200] if errors.strip() else ""
    text = f"the process that did the work ended without an answer ({how}){': ' + last if last else ''}"
    return _failed("worker-process-died", text, retry=True)


__all__ = ["COMMAND", "Answer", "Heard", "converse"]

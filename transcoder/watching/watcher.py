"""The round: look what has arrived, deliver one file after the other, write down what came of it.

Kill it at any point: a delivery is complete once its certificate has its name, and one that is complete but not
written down is found by that certificate. What is written down and not yet moved away is moved at the next start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transcoder.errors import Cancelled, InputError, OutputMismatch, StorageError, TranscodeError, UsageError
from transcoder.storage import leftovers
from transcoder.storage.local import sha256_of
from transcoder.watching import afterwards, status
from transcoder.watching.arrivals import OWN, Arrival, Arrivals, Look, same_look
from transcoder.watching.child import Answer, Child, ProcessChild, Start
from transcoder.watching.journal import Came, Journal, Record
from transcoder.watching.plan import After, Plan, asked_for
from transcoder.watching.quarantine import set_aside

QUARANTINE = "quarantine"
_MACHINE = frozenset(("StorageError", "CertificateError"))
"""Kinds of errors that are no fault of the file: nothing is delivered until they are gone."""
_BAD = frozenset(("InputError", "UsageError", "NoAcceptableEncoding"))
"""Kinds that the same file gives again."""
_FLEETING = frozenset(("sandbox-crashed", "sandbox-hung", "sandbox-memory", "input-unreadable"))
"""Of those, codes that a machine or a share in trouble gives as well."""
_TRIES = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 60.0
log = logging.getLogger("transcoder.watch")


@dataclass(slots=True)
class _Work:
    arrival: Arrival
    child: Child
    began: float


class Watcher:
    """Watches one folder.

    :param start: begins work on one file; replaced in tests.
    :raises UsageError: where the output lies where it would be taken for input.
    :raises StorageError: where the output folder cannot be used.
    """

    def __init__(self, plan: Plan, *, start: Start = ProcessChild, clock: Callable[[], float] = time.monotonic) -> None:
        source, out = plan.source.absolute(), plan.out.absolute()
        if out.resolve() == source.resolve() or (plan.recursive and out.resolve().is_relative_to(source.resolve())):
            raise UsageError(
                "the output would be taken for input", where=str(out), hint="choose an output folder outside of it",
                code="usage",
            )  # fmt: skip
        self.plan = replace(plan, source=source, out=out)
        self._start, self._clock = start, clock
        self._arrivals = Arrivals(source, settle_s=plan.settle_s, recursive=plan.recursive, clock=clock)
        self.journal = Journal(out / OWN)
        self.events = status.Board(out)
        self._wake = threading.Event()
        self._stopped = False
        self._work: _Work | None = None
        self._tries: dict[tuple[str, Look], int] = {}
        self.handled = dict.fromkeys(Came, 0)
        """What came of files in this run."""
        self._paused: tuple[StorageError, float] | None = None
        self._pauses = 0

    # The loop

    def run(self, *, once: bool = False) -> None:
        """Watch until ``stop``; with ``once``, until all that is complete is dealt with.

        :raises StorageError: with ``once``, where the machine fails, or the folder is not there.
        """
        long_enough = self._clock() + self.plan.settle_s + 2 * self.plan.poll_s
        try:
            while not self._stopped:
                idle = self.step()
                if once and self._paused is not None:
                    raise self._paused[0]
                if once and self.events.away is not None:
                    raise StorageError(self.events.away, where=str(self.plan.source))
                if once and idle and self._clock() >= long_enough:
                    break  # what is still being written is for the next time
                self._wake.wait(self.plan.poll_s)
                self._wake.clear()
        finally:
            if self._work is not None:
                self._work.child.end()
                self._work = None
            leftovers.sweep(self.plan.out)  # of a watcher that was killed; no other delivery may come and do it
            self._show([], 0, state="stopped")

    def stop(self) -> None:
        """Have ``run`` end; safe in a signal handler."""
        self._stopped = True
        self._wake.set()

    def step(self) -> bool:
        """One round; whether there is nothing to do now."""
        if self._work is not None and (answer := self._work.child.answer()) is not None:
            work, self._work = self._work, None
            self._guarded(lambda: self._came(work, answer))
        try:
            ready, waiting = self._arrivals.look(self._done)
        except OSError as error:
            self.events.away = error.strerror or str(error)
            self._show([], 0)
            return False
        self.events.away = None
        self.events.seen()
        if self._work is None and not self._stopped and not self._pausing():
            self._guarded(self._finish_pending)
            for arrival in ready:
                if self._guarded(lambda item=arrival: self._begin(item)) or self._paused is not None:  # type: ignore[misc]
                    break
                ready = [item for item in ready if item is not arrival]
        self._show(ready, waiting)
        return self._work is None and not ready and self._paused is None

    def _guarded(self, do: Callable[[], object]) -> bool:
        """Do it; a fault of the machine makes a pause, after which it is done again."""
        try:
            done = bool(do())
        except Cancelled:
            return False  # it is looked at again at the next start
        except StorageError as error:
            self._pauses += 1
            pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (self._pauses - 1))
            self._paused = error, self._clock() + pause_s
            log.warning("paused for %g s: %s", pause_s, error)
            return False
        return done

    def _pausing(self) -> bool:
        if self._paused is not None and self._clock() >= self._paused[1]:
            self._paused = None
        return self._paused is not None

    # One file

    def _done(self, name: str, look: Look) -> bool:
        if self._work is not None and self._work.arrival.name == name and self._work.arrival.look == look:
            return True
        record = self.journal.of(name)
        if record is None or record.look != look:
            return False
        unreadable = record.error is not None and record.error.get("code") == "input-unreadable"
        return not (unreadable and os.access(self.plan.source / name, os.R_OK))

    def _begin(self, arrival: Arrival) -> bool:
        """Begin to deliver a file; False where there is nothing to deliver."""
        try:
            if not arrival.look.regular:
                raise InputError("this is a link or no regular file", where=arrival.name, code="input-not-a-file")
            if arrival.look.bytes == 0:
                raise InputError("the file is empty", where=arrival.name, code="input-empty")
            known = self.journal.of(arrival.name)
            if (
                known is not None
                and known.came is not Came.QUARANTINED
                and known.bytes == arrival.look.bytes
                and known.sha256 == self._hash(arrival.path)
            ):
                self.journal.add(replace(known, mtime_ns=arrival.look.mtime_ns))
                return False  # the same again, with another date
            options = asked_for(self.plan, arrival)
        except (FileNotFoundError, OutputMismatch):
            self._arrivals.changed(arrival.name)
            return False
        except PermissionError:
            self._quarantine(arrival, _unreadable(arrival))
            return False
        except OSError as error:
            raise StorageError(f"cannot read: {error.strerror or error}", where=arrival.name) from None
        except TranscodeError as error:
            self._quarantine(arrival, error.diagnostics())
            return False
        out = self._out_of(arrival)
        order = {"source": str(arrival.path), "out": str(out), "options": options.to_dict()}
        try:
            out.mkdir(parents=True, exist_ok=True)
            child = self._start(order, self._wake.set)
        except OSError as error:
            raise StorageError(f"cannot begin: {error.strerror or error}", where=str(out)) from None
        log.info("%s: begins", _plain(arrival.name))
        self._work = _Work(arrival, child, self._clock())
        return True

    def _out_of(self, arrival: Arrival) -> Path:
        return self.plan.out.joinpath(*arrival.name.split("/")[:-1])

    def _came(self, work: _Work, answer: Answer) -> None:
        arrival, error = work.arrival, answer.error
        if answer.result is not None:
            names = [item["path"] for item in answer.result["files"]]
            came = Came.DELIVERED if error is None else Came.REFUSED
            self._delivered(work, str(answer.result["source"]["sha256"]), came, names, answer.result["verdict"], error)
            return
        error = error or {"code": "internal", "message": "no answer"}
        if error["code"] == "output-exists":
            sha256 = self._hash(arrival.path)
            if (found := afterwards.delivered(error.get("where"), sha256)) is not None:
                came = Came.REFUSED if found.refused else Came.DELIVERED
                self._delivered(work, sha256, came, found.files, found.verdict, None)
                return
        if not same_look(arrival.path, arrival.look) or error["code"] == "source-changed":
            self._arrivals.changed(arrival.name)  # taken away, or written to: it is looked at again
            return
        if answer.kind in _MACHINE and error["code"] != "output-exists":
            raise StorageError(str(error["message"]), where=error.get("where"), code=str(error["code"]))
        key = arrival.name, arrival.look
        self._tries[key] = self._tries.get(key, 0) + 1
        final = (answer.kind in _BAD and error["code"] not in _FLEETING) or error["code"] == "output-exists"
        if final or self._tries[key] >= _TRIES:
            self._quarantine(arrival, error)
            return
        log.warning("%s: failed, and is tried again: %s", _plain(arrival.name), error["message"])
        self._arrivals.changed(arrival.name)

    def _delivered(
        self, work: _Work, sha256: str, came: Came, paths: Sequence[str], verdict: str,
        error: Mapping[str, Any] | None,
    ) -> None:  # fmt: skip
        arrival, look = work.arrival, work.arrival.look
        self._note(
            Record(
                name=arrival.name, bytes=look.bytes, mtime_ns=look.mtime_ns, sha256=sha256, came=came, at=_now(),
                files=[os.path.relpath(path, self.plan.out) for path in paths], verdict=verdict, error=error,
                pending=None if self.plan.after is After.KEEP else str(self.plan.after),
            )
        )  # fmt: skip
        self._pauses = 0
        log.info("%s: %s (%s) in %.1f s", _plain(arrival.name), came, verdict, self._clock() - work.began)
        self._finish_pending()

    def _hash(self, path: Path) -> str:
        """SHA-256 of a file; a large one on a slow share does not keep anybody from ending the watch."""

        def tick(_phase: str, _done: int, _total: int | None) -> None:
            if self._stopped:
                raise Cancelled("stopped on request", where=str(path))

        return sha256_of(path, tick)

    def _quarantine(self, arrival: Arrival, error: Mapping[str, Any]) -> None:
        readable, sha256 = arrival.look.regular, None
        if readable:
            with contextlib.suppress(OSError, OutputMismatch):
                sha256 = self._hash(arrival.path)
        set_aside(
            arrival.path if readable else None, arrival.name, error, self.plan.out / QUARANTINE, sha256=sha256,
            size=arrival.look.bytes,
        )  # fmt: skip
        look = arrival.look
        self._note(
            Record(
                name=arrival.name, bytes=look.bytes, mtime_ns=look.mtime_ns, sha256=sha256, came=Came.QUARANTINED,
                at=_now(), error=error, regular=look.regular,
            )
        )  # fmt: skip
        log.warning("%s: quarantined: %s", _plain(arrival.name), error["message"])

    def _note(self, record: Record) -> None:
        self.journal.add(record)
        self.events.came(record)
        self.handled[record.came] += 1

    def _finish_pending(self) -> None:
        for record in [item for item in self.journal if item.pending is not None]:
            afterwards.take_away(self.plan.source, record)
            self.journal.settled(record)

    def _show(self, ready: Sequence[Arrival], waiting: int, state: str | None = None) -> None:
        work = self._work
        self.events.show(
            self.plan.source, self.plan.profile, self.journal,
            state=state or ("working" if work else "paused" if self._paused else "watching"),
            ready=len(ready), settling=waiting, paused=str(self._paused[0]) if self._paused else None,
            working={"name": work.arrival.name, **dict(zip(("phase", "percent"), work.child.progress, strict=True))}
            if work else None,
        )  # fmt: skip


def _unreadable(arrival: Arrival) -> Mapping[str, Any]:
    return InputError("cannot be read: permission denied", where=arrival.name, code="input-unreadable").diagnostics()


def _plain(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


__all__ = ["QUARANTINE", "Watcher"]

"""The journal seam: what the outer layers wire in, and what a job does with it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from transcoder.errors import Cancelled, TranscodeError

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An earlier delivery of the same master under the same profile, as the log knows it."""

    at: str
    """UTC, RFC 3339."""
    user: str
    operator: str | None
    out: str
    """Where it was delivered to."""
    verdict: str
    certificate_sha256: str
    times: int
    """How often it was delivered; this is the last time."""
    receipt: Facts | None
    """``{"at", "by", "complete"}`` of the newest receipt that came back, or None."""

    def to_dict(self) -> dict[str, object]:
        """The ``already_sent`` object of ``transcoder apply --json``."""
        return {
            "at": self.at,
            "user": self.user,
            "operator": self.operator,
            "out": self.out,
            "verdict": self.verdict,
            "certificate_sha256": self.certificate_sha256,
            "times": self.times,
            "receipt": dict(self.receipt) if self.receipt is not None else None,
        }


class Journal(Protocol):
    """Keeps entries for good, in their order."""

    def record(self, event: str, facts: Facts) -> None:
        """Write one entry; it is on disk when this returns.

        :raises StorageError: where it cannot be kept (``audit-unwritable``, ``audit-locked``, ``audit-damaged``).
        """
        ...

    def sent(self, wanted: Facts) -> Sent | None:
        """The last delivery whose entry holds these facts."""
        ...

    def holds(self, event: str, wanted: Facts) -> bool:
        """Whether an entry of this event holds these facts."""
        ...


class NoJournal:
    """Keeps nothing: ``TRANSCODER_AUDIT=off``, and callers who wire in no log."""

    def record(self, event: str, facts: Facts) -> None:
        """Forget it."""

    def sent(self, wanted: Facts) -> Sent | None:  # noqa: ARG002
        """Nothing is known."""
        return None

    def holds(self, event: str, wanted: Facts) -> bool:  # noqa: ARG002
        """Nothing is known; True, so that nobody writes it again."""
        return True


class Job:
    """One job in the log: an entry when it begins, one when it ends.

    :param kind: ``apply``, ``verify``, ``join`` or ``receive``.
    :param facts: what is known before anything is opened.
    """

    def __init__(self, journal: Journal, kind: str, facts: Facts) -> None:
        self._journal, self._kind, self._facts = journal, kind, facts
        self._id = secrets.token_hex(8)
        self._begun = self._ended = self._done = False

    def begin(self, facts: Facts) -> None:
        """The entry that a crash leaves behind.

        :raises StorageError: where it cannot be kept.
        """
        self._begun = True
        self._facts = {**self._facts, **facts}
        self._journal.record(f"{self._kind}-begun", {"job": self._id, **self._facts})

    def end(self, facts: Facts) -> None:
        """The entry with the outcome. Called before anything is published, so that nothing leaves unlogged.

        :raises StorageError: where it cannot be kept.
        """
        self._journal.record(f"{self._kind}-ended", {"job": self._id, **self._facts, **facts})
        self._ended = True

    def done(self) -> None:
        """What ``end`` said has come true: whatever goes wrong from here on takes nothing back."""
        self._done = True

    def fail(self, error: BaseException) -> None:
        """The entry of a job that ended with an error; after ``end`` it says that nothing came of that."""
        if self._done or (isinstance(error, TranscodeError) and error.code.startswith("audit-")):
            return  # or it is the log itself that fails
        if not self._begun:
            self.begin({})
        event = f"{self._kind}-undone" if self._ended else f"{self._kind}-ended"
        self._journal.record(
            event, {"job": self._id, **self._facts, "outcome": _outcome(error), "error": _fault(error)}
        )


@contextmanager
def job(journal: Journal, kind: str, facts: Facts) -> Iterator[Job]:
    """A job whose end is logged, however it ends.

    :raises StorageError: where its beginning or its end cannot be kept; an error of the job itself goes first.
    """
    running = Job(journal, kind, facts)
    try:
        yield running
    except BaseException as error:
        with contextlib.suppress(TranscodeError):  # what stopped the job matters more than that it went unlogged
            running.fail(error)
        raise


def _outcome(error: BaseException) -> str:
    return "stopped" if isinstance(error, KeyboardInterrupt | Cancelled) else "failed"


def _fault(error: BaseException) -> dict[str, object]:
    if isinstance(error, TranscodeError):
        return {"code": error.code, "message": str(error)}
    return {"code": "internal", "message": f"{type(error).__name__}: {error}"}

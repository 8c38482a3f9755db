"""What a job is: states, what is asked for, and the record that everybody reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from fractions import Fraction
from typing import Any

from transcoder.errors import UsageError


class JobState(StrEnum):
    """Where a job stands. Values are part of the HTTP API."""

    QUEUED = "queued"
    RUNNING = "running"
    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset((JobState.DELIVERED, JobState.REFUSED, JobState.FAILED, JobState.CANCELLED))
"""States that a job leaves only when somebody asks for it to be run again."""


class Priority(StrEnum):
    """Which of the waiting jobs goes first."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a source is to be delivered: everything that changes what comes out.

    Times are texts that ``Fraction`` reads, so that they cross JSON exactly.
    """

    profile: str = "cps-twif-1mb"
    cap_bytes: int | None = None
    max_parts: int | None = None
    urn: str | None = None
    exhibit: str | None = None
    operator: str | None = None
    description: str | None = None
    accept_degraded: bool = False
    reason: str | None = None
    regions: Mapping[str, Any] | None = None
    """A document as docs/regions.schema.json describes it."""
    with_original: bool = False
    stills: int | None = None
    within_s: str | None = None
    from_s: str | None = None
    to_s: str | None = None
    stream: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON, with what is not asked for left out."""
        return {key: value for key, value in asdict(self).items() if value is not None and value is not False}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Options:
        """:raises UsageError: for a name that is none of these."""
        unknown = sorted(set(given) - {item.name for item in fields(cls)})
        if unknown:
            raise UsageError(f"no such option: {', '.join(unknown)[:160]}", code="unknown-option")
        return cls(**given)


def seconds_of(text: str | None) -> Fraction | None:
    """An option's time.

    :raises UsageError: where it is none.
    """
    if text is None:
        return None
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"not a number of seconds: {text[:40]}", code="usage") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The material of a job, where every worker can read it."""

    name: str
    """The file's name as the sender has it: deliveries are named after it."""
    bytes: int
    sha256: str
    place: str
    """An object of the shared storage, or ``path:`` and a path under an allowed folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job as it is asked for.

    :ivar key: the sender's own idempotency key; None means that the content is the key.
    :ivar owner: id of the token that submits, for whom the key counts.
    :ivar deadline: by when it must be done, in seconds since 1970; it orders the queue.
    :ivar timeout_s: end an attempt that takes longer; None means the service's limit.
    :ivar request: number of the request that it came by, for the log.
    """

    source: Source
    options: Options
    profile_sha256: str
    owner: str
    key: str | None = None
    priority: Priority = Priority.NORMAL
    deadline: float | None = None
    timeout_s: float | None = None
    request: str | None = None

    def payload_sha256(self) -> str:
        """What the same submission has again: source, its name, profile and options."""
        payload = [self.source.sha256, self.source.name, self.profile_sha256, self.options.to_dict()]
        return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def job_key(self) -> str:
        """What makes two submissions one job."""
        own = f"own\n{self.owner}\n{self.key}" if self.key is not None else f"content\n{self.payload_sha256()}"
        return hashlib.sha256(own.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as it stands. Moments are seconds since 1970, by the database's clock."""

    id: str
    key: str
    payload_sha256: str
    owner: str
    source: Source
    options: Options
    priority: Priority
    deadline: float | None
    timeout_s: float | None
    request: str | None
    """Number of the request that had this run done: the log of workers and that of the API meet in it."""
    state: JobState
    phase: str
    percent: float
    run: int
    """Rises each time somebody has it run again."""
    attempt: int
    """Rises each time a worker begins; what an earlier attempt still says is not heard."""
    tries: int
    """Attempts of this run; a job that takes every worker down with it is given up."""
    falls: int
    """Of these tries, those that ended with their worker."""
    worker: str | None
    verdict: str | None
    warnings: tuple[str, ...]
    error: Mapping[str, Any] | None
    delivery: str | None
    """Where the files are in the shared storage."""
    files: tuple[Mapping[str, Any], ...]
    """``{"name", "role", "bytes", "sha256"}`` each."""
    result: Mapping[str, Any] | None
    """The object that ``transcoder apply --json`` prints, without paths."""
    cancel: str | None
    """Why it is to be cancelled, from the moment that somebody asked."""
    revision: int
    """Rises with every change."""
    created: float
    started: float | None
    ended: float | None
    hold: str | None
    """Why it is kept whatever its age."""
    begun: float | None
    """When this attempt began."""
    at_risk: str | None
    """Why it will not be ready by its deadline, as far as can be seen; None where nothing speaks for that."""

    @property
    def workflow_id(self) -> str:
        """Its name in the engine: each run is a workflow of its own."""
        return run_id(self.id, self.run)

    @property
    def known_as(self) -> dict[str, object]:
        """What a line of the log about it brings beside its text."""
        return {"job": self.id, "attempt": self.attempt or None, "request": self.request}


def run_id(job_id: str, run: int) -> str:
    """What a run is called in the engine."""
    return f"{job_id}.{run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt."""

    state: JobState
    verdict: str | None = None
    error: Mapping[str, Any] | None = None
    delivery: str | None = None
    files: tuple[Mapping[str, Any], ...] = ()
    result: Mapping[str, Any] | None = None
    retry: bool = field(default=False)
    """A fault of the machine, not of the material: another attempt may do better."""


__all__ = [
    "ENDED", "Job", "JobState", "Options", "Outcome", "Priority", "Source", "Submission", "run_id", "seconds_of",
]  # fmt: skip

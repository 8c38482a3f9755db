"""What the service answers, as values. Fields that a newer service adds are in ``raw``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ENDED = frozenset(("delivered", "refused", "failed", "cancelled"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was handed in."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a delivery."""

    name: str
    role: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why there is no delivery, or why it is a refusal."""

    code: str
    message: str
    where: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A transmission profile."""

    name: str
    title: str
    cap_bytes: int
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stood when the service was asked."""

    id: str
    state: str
    """queued, running, delivered, refused, failed or cancelled."""
    phase: str
    percent: float
    profile: str
    verdict: str | None
    source: Source
    case: Mapping[str, str]
    priority: str
    deadline: datetime | None
    warnings: tuple[str, ...]
    error: JobError | None
    files: tuple[File, ...]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    revision: int
    raw: Mapping[str, Any] = field(repr=False, compare=False)
    """The whole answer."""

    @property
    def ended(self) -> bool:
        """Whether it stays as it is unless somebody has it run again."""
        return self.state in ENDED

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Job:
        """:raises KeyError, TypeError, ValueError: where it is no job."""
        error = given["error"]
        return cls(
            id=given["id"], state=given["state"], phase=given["phase"], percent=float(given["percent"]),
            profile=given["profile"], verdict=given["verdict"],
            source=Source(**{key: given["source"][key] for key in ("name", "bytes", "sha256")}),
            case={key: value for key, value in given["case"].items() if value is not None},
            priority=given["priority"], deadline=_moment(given["deadline"]), warnings=tuple(given["warnings"]),
            error=(
                JobError(
                    code=error["code"], message=error["message"], where=error.get("where"), hint=error.get("hint")
                )
                if error is not None
                else None
            ),
            files=tuple(
                File(**{key: item[key] for key in ("name", "role", "bytes", "sha256")}) for item in given["files"]
            ),
            created_at=datetime.fromisoformat(given["created_at"]), started_at=_moment(given["started_at"]),
            ended_at=_moment(given["ended_at"]), revision=int(given["revision"]), raw=given,
        )  # fmt: skip


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None

"""What is handed over: verdict, files, the people who answer for it, and progress on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from transcoder.errors import UsageError
from transcoder.model.attempt import Fidelity
from transcoder.model.source import SourceInfo


class Verdict(StrEnum):
    """What a delivery is worth, best first. Values are part of the certificate format."""

    IDENTICAL = "identical"
    LOSSLESS = "lossless"
    MEETS_FLOOR = "meets-floor"
    DEGRADED = "degraded"
    REFUSED = "refused"


MAX_FIELD_CHARACTERS = 500
"""Longest text a person may put into a certificate: six of them must fit the smallest cap, escaped."""


def _check_length(name: str, value: str | None) -> None:
    if value is not None and len(value) > MAX_FIELD_CHARACTERS:
        raise UsageError(f"{name} is longer than {MAX_FIELD_CHARACTERS} characters", code="case-field-too-long")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFields:
    """Structured fields of the case, as the interface's preset data fields will carry them."""

    urn: str | None = None
    exhibit: str | None = None
    operator: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        for name in ("urn", "exhibit", "operator", "description"):
            _check_length(name, getattr(self, name))

    def to_dict(self) -> dict[str, str]:
        """Only the fields that were given."""
        pairs = (("urn", self.urn), ("exhibit", self.exhibit), ("operator", self.operator))
        filled = {key: value for key, value in pairs if value}
        return filled | ({"description": self.description} if self.description else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An accountable person's decision to deliver below a floor."""

    operator: str
    reason: str

    def __post_init__(self) -> None:
        if not self.operator.strip() or not self.reason.strip():
            raise UsageError(
                "an override needs a named operator and a reason",
                code="override-incomplete",
                hint="give --operator NAME and --reason TEXT",
            )
        _check_length("operator", self.operator)
        _check_length("reason", self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """One published file.

    ``role`` is media, part, still, overview, tile, crop, page, frame, evidence, credentials, volume, certificate,
    signature, report or refusal.
    """

    role: str
    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What ``transcode`` returns: the published files and what they are worth."""

    source: SourceInfo
    profile: str
    verdict: Verdict
    rung: str
    files: tuple[DeliveredFile, ...]
    fidelity: Fidelity | None
    rejected: tuple[tuple[str, str], ...]
    statement: Mapping[str, object]
    seconds: float
    refusal: Mapping[str, object] | None = None
    already_sent: Mapping[str, object] | None = None
    """When and where the same master went out under the same profile before, by this machine's audit log."""

    def file(self, role: str) -> DeliveredFile:
        """The first file of a role.

        :raises KeyError: where the delivery has none.
        """
        for item in self.files:
            if item.role == role:
                return item
        raise KeyError(role)

    def to_dict(self) -> dict[str, object]:
        """The object that ``transcoder apply --json`` prints; its shape is documented in docs/json-output.md."""
        fidelity: dict[str, object] | None = None
        if self.fidelity is not None:
            fidelity = {"frames": self.fidelity.frames}
            for score in self.fidelity.scores:
                place = "" if score.region == "frame" else f"_{score.region}"
                plane = "" if place and score.plane == "y" else f"_{score.plane}"
                key = f"{score.metric}{place}{plane}"
                fidelity[key] = {
                    "mean": round(score.mean, 6),
                    "p1": round(score.p1, 6),
                    "min": round(score.minimum, 6),
                    "min_at_s": round(score.minimum_at_s, 6),
                }
        return {
            "source": {"path": str(self.source.path), "sha256": self.source.sha256, "bytes": self.source.bytes},
            "profile": self.profile,
            "verdict": str(self.verdict),
            "rung": self.rung,
            "files": [{"role": f.role, "path": str(f.path), "bytes": f.bytes, "sha256": f.sha256} for f in self.files],
            "fidelity": fidelity,
            "rejected": [{"rung": rung, "reason": reason} for rung, reason in self.rejected],
            "refusal": dict(self.refusal) if self.refusal is not None else None,
            "already_sent": dict(self.already_sent) if self.already_sent is not None else None,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One progress event: ``done`` of ``total`` units (frames, encodes, bytes) of a named phase."""

    source: str
    phase: str
    done: int
    total: int | None
    unit: str = "frames"


ProgressCallback = Callable[[Progress], None]


def ignore_progress(_: Progress) -> None:
    """The callback of a caller who does not want to know."""


def require_aware(moment: datetime) -> datetime:
    """Return ``moment`` unchanged; a naive datetime in a certificate would be a guess about a time zone.

    :raises UsageError: for a datetime without a time zone.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise UsageError("a time without a time zone is refused", code="naive-datetime")
    return moment

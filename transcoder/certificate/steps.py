"""What a verification consists of: numbered steps, their outcomes, and the runner that collects them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from transcoder.certificate.base import SignatureFacts
from transcoder.certificate.receipts import Receipt
from transcoder.errors import CertificateError, TranscodeError

SENSELESS = (ArithmeticError, LookupError, OSError, TypeError, ValueError)
"""What values that follow the schema and still make no sense can raise; a failed step, never a crash."""


def senseless(error: Exception, certificate: Path) -> CertificateError:
    """The error for a certificate that holds such a value."""
    return CertificateError(
        f"the certificate holds a value that makes no sense ({type(error).__name__})",
        where=certificate.name,
        hint="whoever signed it must say what was meant",
        code="statement-senseless",
    )


class Outcome(StrEnum):
    """Result of one step."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One numbered step of a verification."""

    number: int
    title: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """All steps for one certificate."""

    certificate: Path
    steps: tuple[Step, ...]
    verdict: str | None
    signature: SignatureFacts | None
    statement: dict[str, Any] | None
    receipts: tuple[Receipt, ...] = ()
    """Those that hold."""

    @property
    def ok(self) -> bool:
        """True where no step failed."""
        return all(step.outcome is not Outcome.FAILED for step in self.steps)

    def to_dict(self) -> dict[str, object]:
        """The object that ``transcoder verify --json`` prints."""
        return {
            "certificate": str(self.certificate),
            "ok": self.ok,
            "verdict": self.verdict,
            "signer": None
            if self.signature is None
            else {
                "subject": self.signature.subject,
                "certificate_sha256": self.signature.certificate_sha256,
                "self_issued": self.signature.self_issued,
                "signed_at": self.signature.signed_at.isoformat(),
            },
            "steps": [
                {"number": s.number, "title": s.title, "outcome": str(s.outcome), "detail": s.detail}
                for s in self.steps
            ],
            "receipts": [receipt.to_dict() for receipt in self.receipts],
        }


class Run:
    """Collects steps, turning errors into failed steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def step(self, number: int, title: str, action: Callable[[], Any]) -> Any:
        """Run one step; returns its value or None where it failed."""
        try:
            value = action()
        except TranscodeError as error:
            self.steps.append(Step(number=number, title=title, outcome=Outcome.FAILED, detail=str(error)))
            return None
        except SENSELESS as error:
            detail = f"the certificate holds a value that makes no sense ({type(error).__name__})"
            self.steps.append(Step(number=number, title=title, outcome=Outcome.FAILED, detail=detail))
            return None
        detail = value if isinstance(value, str) else getattr(value, "subject", "")
        self.steps.append(Step(number=number, title=title, outcome=Outcome.PASSED, detail=str(detail or "")))
        return value if value is not None else True

    def skip(self, number: int, title: str, why: str) -> None:
        """Note a step that cannot run."""
        self.steps.append(Step(number=number, title=title, outcome=Outcome.SKIPPED, detail=why))

    def passed(self, number: int) -> bool:
        """Whether a step ran and held."""
        return any(step.number == number and step.outcome is Outcome.PASSED for step in self.steps)

    def read(self, path: Path) -> bytes | None:
        """A file's bytes, or None: the step that needs them fails with the reason."""
        try:
            return path.read_bytes()
        except OSError:
            return None


def need(value: Any) -> Any:
    """A value of an earlier step.

    :raises CertificateError: where that step failed.
    """
    if value is None:
        raise CertificateError("needs an earlier step that failed")
    return value

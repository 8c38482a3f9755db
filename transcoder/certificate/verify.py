"""Verification in numbered steps; the numbers are the same in code, output, documentation and report.

1. The certificate is canonical JSON of the published schema.
2. The signature covers exactly this certificate.
3. The signer's certificate leads to an authority that is trusted here.
4. The signer's certificate was valid when it signed.
5. Every file the certificate names is there, with its size and SHA-256.
6. No file is over the cap the certificate states.
7. (with the source) The source is the master the certificate names.
8. (with the source) Measuring again gives the same scores.
9. (with the source) An independent implementation (scikit-image) agrees on sampled frames.
10. Content Credentials (C2PA) in the files are valid, signed by the same signer, and name this master.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

from cryptography import x509

from transcoder.certificate import cms, form, sets
from transcoder.certificate.base import SignatureFacts
from transcoder.errors import CertificateError, InputError, TranscodeError
from transcoder.parts.survey import survey
from transcoder.parts.volumes import parse_name

TOLERANCE = 0.0005
"""Scores may differ by this between builds of the decoders; on one build they are equal."""
ENDINGS = (".certificate.json", ".refusal.json")
TITLE_10 = "Content Credentials are valid, of the same signer, and name this master"
Tick = Callable[[str, int, int | None], None]
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
        }


def find_certificates(path: Path) -> list[Path]:
    """The certificates that a path stands for: itself, its file's, or all in a folder.

    :raises InputError: where there is none.
    """
    if path.is_dir():
        found = sorted(item for ending in ENDINGS for item in path.glob(f"*{ending}"))
    elif path.name.endswith(ENDINGS):
        found = [path] if path.exists() else []
    else:
        bare = path.name.removesuffix(".p7s")
        stems = [bare.removesuffix(ending) for ending in (*ENDINGS, ".report.html")] + [Path(bare).stem]
        candidates = [path.with_name(stem + ending) for stem in stems for ending in ENDINGS]
        candidates.append(path.with_name(bare))
        found = [item for item in dict.fromkeys(candidates) if item.name.endswith(ENDINGS) and item.exists()][:1]
        found = found or _naming(path)
    if not found:
        raise InputError(
            "no certificate belongs to this path",
            where=str(path),
            hint="name a delivery's folder, its media file, or its .certificate.json",
            code="no-certificate",
        )
    return found


def _naming(path: Path) -> list[Path]:
    """The certificates beside a file that name it: one of several parts, tiles, stills or volumes."""
    volume = parse_name(path.name)
    wanted = json.dumps(volume[0] if volume else path.name, ensure_ascii=False).encode()
    beside = sorted(item for ending in ENDINGS for item in path.parent.glob(f"*{ending}"))
    with contextlib.suppress(OSError):
        return [item for item in beside if wanted in item.read_bytes()][:1]
    return []


def check_signature(content: bytes, signature: bytes, anchors: Sequence[x509.Certificate]) -> SignatureFacts:
    """Steps 1 to 4 as one call, for a freshly made certificate.

    :raises CertificateError: at the first step that fails.
    """
    form.parse(content)
    facts = cms.verify_detached(content, signature)
    _trusted(facts, anchors)
    _valid(facts)
    return facts


def verify(
    certificate: Path,
    *,
    anchors: Sequence[x509.Certificate],
    source: Path | None,
    measure: Callable[[dict[str, Any], Path, Path], list[Step]] | None,
    credentials: Callable[[dict[str, Any], Path, SignatureFacts], str] | None = None,
) -> Verification:
    """Run every step that can run; a failed step does not hide the later ones that do not depend on it.

    :param anchors: authorities trusted here.
    :param source: the master, for steps 7 to 9.
    :param measure: runs steps 8 and 9 (injected, since decoding needs the layers above).
    :param credentials: runs step 10 (injected for the same reason): returns what it found, or raises.
    """
    run = _Run()
    content = run.read(certificate)
    signature = run.read(certificate.with_name(certificate.name + ".p7s"))
    parsed = run.step(1, "certificate is canonical and follows the schema", lambda: _parse(content))
    facts = run.step(2, "signature covers exactly this certificate", lambda: _signature(content, signature))
    run.step(3, "signer leads to a trusted authority", lambda: _trusted(_need(facts), anchors))
    run.step(4, "signer was valid when it signed", lambda: _valid(_need(facts)))
    run.step(5, "files are there with their size and SHA-256", lambda: _files(_need(parsed), certificate.parent))
    run.step(6, "no file is over the cap", lambda: _cap(_need(parsed), certificate))
    if source is None:
        run.skip(7, "source is the master named", "no --source given")
        run.skip(8, "measuring again gives the same scores", "no --source given")
        run.skip(9, "an independent implementation agrees", "no --source given")
    else:
        same = run.step(7, "source is the master named", lambda: confirm_master(_need(parsed), source))
        if same is None or measure is None or parsed is None or not run.passed(5):
            run.skip(8, "measuring again gives the same scores", "needs steps 1, 5 and 7")
            run.skip(9, "an independent implementation agrees", "needs steps 1, 5 and 7")
        else:
            run.steps += measure(parsed, source, certificate.parent)
    if parsed is None or facts is None or not run.passed(5):
        run.skip(10, TITLE_10, "needs steps 1, 2 and 5")
    elif not any(item["carrier"] != "none" for item in parsed["predicate"].get("credentials", {}).get("files", ())):
        run.skip(10, TITLE_10, "the certificate names none")
    elif credentials is None:
        run.skip(10, TITLE_10, "they were not read")
    else:
        run.step(10, TITLE_10, lambda: credentials(parsed, certificate.parent, facts))
    return Verification(
        certificate=certificate,
        steps=tuple(run.steps),
        verdict=parsed["predicate"]["verdict"] if parsed else None,
        signature=facts,
        statement=parsed,
    )


class _Run:
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
        self.steps.append(Step(number=number, title=title, outcome=Outcome.SKIPPED, detail=why))

    def passed(self, number: int) -> bool:
        return any(step.number == number and step.outcome is Outcome.PASSED for step in self.steps)

    def read(self, path: Path) -> bytes | None:
        """A file's bytes, or None: the step that needs them fails with the reason."""
        try:
            return path.read_bytes()
        except OSError:
            return None


def _need(value: Any) -> Any:
    if value is None:
        raise CertificateError("needs an earlier step that failed")
    return value


def _parse(content: bytes | None) -> dict[str, Any]:
    if content is None:
        raise CertificateError("the certificate cannot be read")
    return form.parse(content)


def _signature(content: bytes | None, signature: bytes | None) -> SignatureFacts:
    if content is None or signature is None:
        raise CertificateError("the signature file (.p7s) is missing beside the certificate")
    return cms.verify_detached(content, signature)


def _trusted(facts: SignatureFacts, anchors: Sequence[x509.Certificate]) -> str:
    anchor = cms.find_anchor(facts.chain, anchors)
    if anchor is None:
        raise CertificateError(
            f"the signer's authority ({facts.issuer}) is not trusted on this machine",
            hint="get the authority's certificate from the sender by another way and name it with --ca FILE",
            code="signer-untrusted",
        )
    note = "; self-issued: proves integrity, not who is behind the key" if facts.self_issued else ""
    return f"{anchor.subject.rfc4514_string()}{note}"


def _valid(facts: SignatureFacts) -> str:
    problem = cms.not_valid_at(facts.chain, facts.signed_at)
    if problem:
        raise CertificateError(f"at {facts.signed_at:%Y-%m-%d %H:%M} UTC: {problem}", code="signer-not-valid")
    return f"signed {facts.signed_at:%Y-%m-%d %H:%M:%S} UTC, by its own clock"


def _files(parsed: dict[str, Any], folder: Path) -> str:
    predicate = parsed["predicate"]
    named = {item["name"]: item["digest"]["sha256"] for item in parsed["subject"]}
    files = predicate["files"]
    if predicate["verdict"] != "refused" and named != {item["name"]: item["sha256"] for item in files}:
        raise CertificateError("the certificate's subjects and files contradict each other")
    whole = [item["sha256"] for item in files if item["role"] not in ("evidence", "credentials")]
    if predicate["verdict"] == "identical" and whole != [predicate["source"]["sha256"]]:
        raise CertificateError("the certificate calls a file identical that is not its master's bytes")
    for item in files:
        path = folder / item["name"]
        if path.name != item["name"]:
            raise CertificateError("the certificate names a file outside its folder", where=item["name"])
        try:
            size, digest = path.stat().st_size, _sha256(path)
        except OSError:
            raise CertificateError("the file is missing", where=item["name"], code="file-missing") from None
        if size != item["bytes"] or digest != item["sha256"]:
            raise CertificateError(
                "the file is not the one that was certified (its SHA-256 differs)",
                where=item["name"],
                code="file-changed",
            )
    volumes = _volumes(predicate["original"], folder)
    return (f"{len(files)} file(s)" if files else "a refusal delivers no media") + volumes


def _volumes(original: dict[str, Any] | None, folder: Path) -> str:
    if original is None:
        return ""
    found = survey(folder, sets.expected_volumes(original))
    if not found.complete:
        lacking = [*found.missing, *(f"{name} ({reason})" for name, reason in found.damaged)]
        raise CertificateError(
            f"{len(lacking)} of {len(original['volumes'])} volumes of the original lack: {', '.join(lacking[:3])}"
            f"{', ...' if lacking[3:] else ''}",
            hint="ask the sender for these",
            code="file-missing",
        )
    return f", and the original in {len(original['volumes'])} volumes"


def _cap(parsed: dict[str, Any], certificate: Path) -> str:
    predicate = parsed["predicate"]
    cap = predicate["profile"]["payload_cap_bytes"]
    stem = next(certificate.name.removesuffix(e) for e in ENDINGS if certificate.name.endswith(e))
    names = {item["name"] for item in predicate["files"]} | {
        certificate.name, f"{certificate.name}.p7s", f"{stem}.report.html",
    }  # fmt: skip
    for name in sorted(names):
        path = certificate.with_name(name)
        if path.exists() and path.stat().st_size > cap:
            raise CertificateError(f"{path.stat().st_size} bytes are over the cap of {cap}", where=name)
    return f"cap {cap} bytes"


def confirm_master(parsed: dict[str, Any], source: Path) -> str:
    """Step 7.

    :raises CertificateError: where the file is another one.
    """
    try:
        digest = _sha256(source)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(source)) from None
    if digest != parsed["predicate"]["source"]["sha256"]:
        raise CertificateError("this is not the master the certificate names", where=source.name, code="other-source")
    return f"sha256 {digest}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def offset_of(parsed: dict[str, Any]) -> Fraction:
    """The time offset a certificate declares."""
    timing = parsed["predicate"]["timing"]
    return Fraction(timing["offset_s"]) if timing else Fraction(0)

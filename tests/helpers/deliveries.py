"""A small signed delivery on disk, made without encoding anything: verification only looks at bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers import factories
from transcoder.certificate import sealing
from transcoder.certificate.base import TimeStamper
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.certificate.trusted import Trust
from transcoder.certificate.verify import Outcome, Verification, verify
from transcoder.model import DeliveredFile, Verdict

Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Parcel:
    """Paths of a delivery and of its master."""

    folder: Path
    media: Path
    certificate: Path
    signature: Path
    report: Path
    master: Path
    pair: KeyPair

    def verify(self, *, source: Path | None = None, trust: Trust | None = None) -> Verification:
        """Verify with the authority that signed, or with all that is to be trusted."""
        return verify(self.certificate, anchors=trust or self.pair.chain, source=source, measure=None)


def make(
    folder: Path,
    pair: KeyPair,
    *,
    change: Change | None = None,
    refused: bool = False,
    stamper: TimeStamper | None = None,
) -> Parcel:
    """Write master, media, certificate, signature and report; ``change`` edits the statement before signing."""
    out = folder / "delivery"
    out.mkdir(parents=True)
    master, media = folder / "master.avi", out / "clip.mp4"
    master.write_bytes(b"the master " * 200)
    media.write_bytes(b"the delivered picture " * 300)
    source = factories.video_source(path=master, bytes=master.stat().st_size, sha256=digest(master))
    described = DeliveredFile(role="media", path=media, bytes=media.stat().st_size, sha256=digest(media))
    statement = factories.statement(
        source=source,
        subjects=[] if refused else [described],
        signer=PemSigner(pair).identity,
        refusal={"code": "cap-unreachable", "message": "no", "best_achieved": None, "smallest_cap": None}
        if refused
        else None,
        chosen=factories.no_choice() if refused else None,
        verdict=Verdict.REFUSED if refused else Verdict.MEETS_FLOOR,
    )
    if refused:
        media.unlink()
    if change is not None:
        change(statement)
    sealed = sealing.seal(statement, PemSigner(pair), stamper)
    kind = "refusal" if refused else "certificate"
    certificate = out / f"clip.{kind}.json"
    certificate.write_bytes(sealed.content)
    signature = out / f"{certificate.name}.p7s"
    signature.write_bytes(sealed.signature)
    report = out / "clip.report.html"
    report.write_bytes(b"<!doctype html>")
    return Parcel(out, media, certificate, signature, report, master, pair)


def digest(path: Path) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def outcomes(result: Verification) -> dict[int, Outcome]:
    """Outcome by step number."""
    return {step.number: step.outcome for step in result.steps}


def failed(result: Verification) -> list[int]:
    """Numbers of the steps that failed."""
    return [step.number for step in result.steps if step.outcome is Outcome.FAILED]

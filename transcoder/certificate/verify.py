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
11. (with a time-stamp) A time-stamping authority confirms when it was signed.
12. (with receipts) Every receipt is signed by a recipient who is trusted here, and is for this certificate.
13. What is coded in the files, without their manifests, has the hash that the certificate gives for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from cryptography import x509

from transcoder.certificate import cms, delivered, form, receipts, trusted
from transcoder.certificate.base import SignatureFacts
from transcoder.certificate.delivered import confirm_master, find_certificates
from transcoder.certificate.receipts import Receipt
from transcoder.certificate.steps import SENSELESS, Outcome, Run, Step, Verification, need, senseless
from transcoder.certificate.trusted import Trust
from transcoder.errors import CertificateError

TOLERANCE = 0.0005
"""Scores may differ by this between builds of the decoders; on one build they are equal."""
TITLE_10 = "Content Credentials are valid, of the same signer, and name this master"
Tick = Callable[[str, int, int | None], None]

__all__ = [
    "SENSELESS",
    "TOLERANCE",
    "Outcome",
    "Step",
    "Tick",
    "Trust",
    "Verification",
    "check_signature",
    "confirm_master",
    "find_certificates",
    "offset_of",
    "senseless",
    "verify",
]


def check_signature(content: bytes, signature: bytes, anchors: Sequence[x509.Certificate] | Trust) -> SignatureFacts:
    """Steps 1 to 4 as one call, for a freshly made certificate, or one that something else rests on.

    :param anchors: authorities trusted here, or all there is to trust.
    :raises CertificateError: at the first step that fails.
    """
    form.parse(content)
    facts = cms.verify_detached(content, signature)
    trusted.confirm(facts, trusted.as_trust(anchors))
    return facts


def verify(
    certificate: Path,
    *,
    anchors: Sequence[x509.Certificate] | Trust,
    source: Path | None,
    measure: Callable[[dict[str, Any], Path, Path], list[Step]] | None,
    named: Sequence[Path] = (),
    recipients: Sequence[x509.Certificate] = (),
    credentials: Callable[[dict[str, Any], Path, SignatureFacts], str] | None = None,
    coded: Callable[[dict[str, Any], Path], str] | None = None,
) -> Verification:
    """Run every step that can run; a failed step does not hide the later ones that do not depend on it.

    :param anchors: authorities trusted here, or all there is to trust.
    :param source: the master, for steps 7 to 9.
    :param measure: runs steps 8 and 9 (injected, since decoding needs the layers above).
    :param named: receipts for step 12, beside those that lie beside the certificate.
    :param recipients: authorities trusted for receipts, beside ``anchors``.
    :param credentials: runs step 10 (injected for the same reason): returns what it found, or raises.
    :param coded: runs step 13, likewise.
    """
    run, trust = Run(), trusted.as_trust(anchors)
    content = run.read(certificate)
    signature = run.read(certificate.with_name(certificate.name + ".p7s"))
    parsed = run.step(1, "certificate is canonical and follows the schema", lambda: _parse(content))
    facts = run.step(2, "signature covers exactly this certificate", lambda: _signature(content, signature))
    run.step(3, "signer leads to a trusted authority", lambda: trusted.signer(need(facts), trust))
    run.step(4, "signer was valid when it signed", lambda: trusted.validity(need(facts), trust))
    run.step(5, "files are there with their size and SHA-256", lambda: delivered.files(need(parsed), certificate))
    run.step(6, "no file is over the cap", lambda: delivered.cap(need(parsed), certificate))
    if source is None:
        run.skip(7, "source is the master named", "no --source given")
        run.skip(8, "measuring again gives the same scores", "no --source given")
        run.skip(9, "an independent implementation agrees", "no --source given")
    else:
        same = run.step(7, "source is the master named", lambda: confirm_master(need(parsed), source))
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
    _time_stamp(run, facts, parsed, trust)
    believed = replace(trust, anchors=[*trust.anchors, *recipients])
    held = _receipts(run, certificate, content, named, believed)
    _coded(run, certificate, parsed, coded)
    return Verification(
        certificate=certificate,
        steps=tuple(run.steps),
        verdict=parsed["predicate"]["verdict"] if parsed else None,
        signature=facts,
        statement=parsed,
        receipts=tuple(held),
    )


def _parse(content: bytes | None) -> dict[str, Any]:
    if content is None:
        raise CertificateError("the certificate cannot be read")
    return form.parse(content)


def _signature(content: bytes | None, signature: bytes | None) -> SignatureFacts:
    if content is None or signature is None:
        raise CertificateError("the signature file (.p7s) is missing beside the certificate")
    return cms.verify_detached(content, signature)


def _time_stamp(run: Run, facts: SignatureFacts | None, parsed: dict[str, Any] | None, trust: Trust) -> None:
    title = "a time-stamping authority confirms when it was signed"
    promised = parsed is not None and parsed["predicate"].get("trusted_time") is not None
    if facts is None:
        run.skip(11, title, "needs step 2")
    elif facts.time_stamp is None and not promised:
        run.skip(11, title, "the signature has no time-stamp")
    else:
        run.step(11, title, lambda: trusted.time_stamp(facts, trust))


def _receipts(run: Run, certificate: Path, content: bytes | None, named: Sequence[Path], trust: Trust) -> list[Receipt]:
    """Step 12; the receipts that hold are returned even where another one fails it."""
    title = "receipts are for this certificate, by trusted recipients"
    there = {path.resolve(): path for path in (*receipts.find(certificate, delivered.stem_of(certificate)), *named)}
    if not there:
        run.skip(12, title, "no receipt beside the certificate, and none named")
        return []
    held: list[Receipt] = []

    def read() -> str:
        faults = []
        for path in there.values():
            try:
                held.append(receipts.read(path, need(content), trust))
            except CertificateError as error:
                faults.append(error)
        if faults:
            raise faults[0]
        return "; ".join(str(receipt) for receipt in held)

    run.step(12, title, read)
    return held


def _coded(
    run: Run, certificate: Path, parsed: dict[str, Any] | None, confirm: Callable[[dict[str, Any], Path], str] | None
) -> None:
    """Step 13."""
    title = "coded media have the hash that the certificate gives"
    if parsed is None or not run.passed(5):
        run.skip(13, title, "needs steps 1 and 5")
    elif not (parsed["predicate"].get("repeatability") or {}).get("files"):
        run.skip(13, title, "the certificate gives none")
    elif confirm is None:
        run.skip(13, title, "they were not read")
    else:
        run.step(13, title, lambda: confirm(parsed, certificate.parent))


def offset_of(parsed: dict[str, Any]) -> Fraction:
    """The time offset a certificate declares."""
    timing = parsed["predicate"]["timing"]
    return Fraction(timing["offset_s"]) if timing else Fraction(0)

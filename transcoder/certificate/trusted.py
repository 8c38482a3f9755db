"""Who signed, when, and whether both are trusted here: steps 2 to 4 and 11."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509

from transcoder.certificate import chain, revocation
from transcoder.certificate.base import SignatureFacts, TimeStampFacts
from transcoder.certificate.chain import Purpose
from transcoder.errors import CertificateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom a verification believes."""

    anchors: Sequence[x509.Certificate]
    """Authorities of signers."""
    time_anchors: Sequence[x509.Certificate] = ()
    """Authorities of time-stamps."""
    revoked: Sequence[x509.CertificateRevocationList] = field(default=())
    """Revocation lists; each is believed about what its own issuer issued."""


def as_trust(anchors: Sequence[x509.Certificate] | Trust) -> Trust:
    """Authorities alone, where that is all there is to trust."""
    return anchors if isinstance(anchors, Trust) else Trust(anchors=anchors)


def signer(facts: SignatureFacts, trust: Trust) -> str:
    """Step 3: the signer's certificate leads to an authority that is trusted here.

    :raises CertificateError: where it does not, or a certificate on the way may not be used so.
    """
    path = _signing_path(facts, trust)
    chain.judge(path, Purpose.SIGNING)
    note = "; self-issued: proves integrity, not who is behind the key" if facts.self_issued else ""
    late = revocation.stale(path, trust.revoked, datetime.now(UTC))
    return f"{path[-1].subject.rfc4514_string()}{note}" + (f"; {late}" if late else "")


def confirm(facts: SignatureFacts, trust: Trust) -> None:
    """Steps 3 and 4 as one call, for whatever else was signed.

    :raises CertificateError: where the signer is not trusted here, or was not valid when it signed.
    """
    signer(facts, trust)
    validity(facts, trust)


def _signing_path(facts: SignatureFacts, trust: Trust) -> tuple[x509.Certificate, ...]:
    path = chain.path_to(facts.chain, trust.anchors)
    if not path:
        raise CertificateError(
            f"the signer's authority ({facts.issuer}) is not trusted on this machine",
            hint="get the authority's certificate from the sender by another way, then name it with --ca FILE "
            "or `transcoder trust add FILE`",
            code="signer-untrusted",
        )
    return path


def validity(facts: SignatureFacts, trust: Trust) -> str:
    """Step 4: the signer's certificates were valid, and not revoked, when it signed.

    A time-stamp that is trusted says when that was; without one it is the signer's own clock, which whoever holds a
    stolen key can set.

    :raises CertificateError: where they were not.
    """
    stamped = confirmed_time(facts, trust)
    at = stamped or facts.signed_at
    path = chain.path_to(facts.chain, trust.anchors) or facts.chain
    problem = chain.not_valid_at(path, at)
    if problem:
        raise CertificateError(f"at {at:%Y-%m-%d %H:%M} UTC: {problem}", code="signer-not-valid")
    taken_back = revocation.find(path, trust.revoked)
    if taken_back is not None and (stamped is None or stamped >= taken_back.moment):
        proof = "nothing proves that it signed before" if stamped is None else f"it signed {stamped:%Y-%m-%d %H:%M} UTC"
        raise CertificateError(f"{taken_back}; {proof}", code="signer-revoked")
    said = f"signed {at:%Y-%m-%d %H:%M:%S} UTC, " + ("by a time-stamp" if stamped else "by its own clock")
    return said + (f"; {taken_back}, after it signed" if taken_back else "")


def confirmed_time(facts: SignatureFacts, trust: Trust) -> datetime | None:
    """When it was signed, where an authority that is trusted here confirms it."""
    if facts.time_stamp is None:
        return None
    try:
        confirm_time(facts.time_stamp, trust)
    except CertificateError:
        return None
    return facts.time_stamp.moment


def confirm_time(stamp: TimeStampFacts, trust: Trust) -> x509.Certificate:
    """The trusted authority behind a time-stamp.

    :raises CertificateError: where there is none, or its certificate may not be used so, or was not valid.
    """
    path = chain.path_to(stamp.chain, trust.time_anchors)
    if not path:
        raise CertificateError(
            f"the time-stamping authority ({stamp.authority}) is not trusted on this machine",
            hint="get its root's certificate from its operator, then `transcoder trust add FILE --tsa` or "
            "TRANSCODER_TSA_CA",
            code="time-stamp-untrusted",
        )
    chain.judge(path, Purpose.TIME_STAMPING)
    problem = chain.not_valid_at(path, stamp.moment)
    if problem:
        raise CertificateError(f"at {stamp.moment:%Y-%m-%d %H:%M} UTC: {problem}", code="time-stamp-not-valid")
    taken_back = revocation.find(path, trust.revoked)
    # Whoever holds a stolen key of such an authority can date anything back: then no time-stamp of it proves a time.
    if taken_back is not None and (taken_back.compromised or stamp.moment >= taken_back.moment):
        raise CertificateError(str(taken_back), code="time-stamp-revoked")
    return path[-1]


def time_stamp(facts: SignatureFacts, trust: Trust) -> str:
    """Step 11: a time-stamping authority confirms when it was signed.

    :returns: what it confirms.
    :raises CertificateError: where nobody trusted does, or the time-stamp that was promised is not there.
    """
    stamp = facts.time_stamp
    if stamp is None:
        raise CertificateError(
            "the certificate was issued with a time-stamp, and its signature has none any more",
            hint="ask the sender for the .p7s file as it was made",
            code="time-stamp-missing",
        )
    anchor = confirm_time(stamp, trust)
    ahead = (facts.signed_at - stamp.moment).total_seconds()
    clock = (
        f"; the signer's clock was {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}" if abs(ahead) > 60 else ""
    )
    return f"{stamp.moment:%Y-%m-%d %H:%M:%S} UTC by {stamp.authority}, under {anchor.subject.rfc4514_string()}{clock}"

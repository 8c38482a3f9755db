"""Revocation lists (X.509 CRLs): read from files, believed where a trusted authority signed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from transcoder.errors import CertificateError

_PEM = b"-----BEGIN X509 CRL-----"
_DAMNING = (x509.ReasonFlags.key_compromise, x509.ReasonFlags.ca_compromise, x509.ReasonFlags.aa_compromise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Which certificate of a chain its authority took back."""

    subject: str
    moment: datetime
    """From when on it is not to be trusted: the earlier of the revocation and of the day it became invalid."""
    reason: str
    compromised: bool
    """True where somebody else may hold the key."""

    def __str__(self) -> str:
        return f"{self.subject} was revoked on {self.moment:%Y-%m-%d %H:%M} UTC ({self.reason})"


def parse(data: bytes) -> x509.CertificateRevocationList | None:
    """The list in a file, PEM or DER; None where the file is something else."""
    try:
        return x509.load_pem_x509_crl(data) if _PEM in data else x509.load_der_x509_crl(data)
    except ValueError:
        return None


def confirm(
    listed: x509.CertificateRevocationList, authorities: Sequence[x509.Certificate], where: str
) -> x509.Certificate:
    """The trusted authority that signed a list.

    :raises CertificateError: where none did, or the list is of a kind that is not judged here.
    """
    try:
        extensions = list(listed.extensions)
    except (ValueError, x509.DuplicateExtension):
        raise CertificateError("the revocation list cannot be read", where=where, code="crl-invalid") from None
    for extension in extensions:
        partial = isinstance(extension.value, x509.IssuingDistributionPoint) and (
            extension.value.indirect_crl or extension.value.only_some_reasons
        )
        known = isinstance(
            extension.value, x509.IssuingDistributionPoint | x509.CRLNumber | x509.AuthorityKeyIdentifier
        )
        if partial or (extension.critical and not known):
            raise CertificateError(
                "the revocation list is a partial or indirect one",
                where=where,
                hint="ask the authority for its complete list",
                code="crl-invalid",
            )
    for authority in authorities:
        if _signed_by(listed, authority):
            return authority
    raise CertificateError(
        f"the revocation list of {listed.issuer.rfc4514_string()} is not signed by an authority that is trusted here",
        where=where,
        hint="add the authority's certificate first (`transcoder trust add`)",
        code="crl-untrusted",
    )


def find(path: Sequence[x509.Certificate], lists: Sequence[x509.CertificateRevocationList]) -> Revocation | None:
    """The earliest revocation among the certificates of a path.

    :param path: from leaf to trusted authority; each certificate is judged by lists that its issuer signed.
    """
    found = [
        entry
        for certificate, issuer in pairwise(path)
        for listed in lists
        if _signed_by(listed, issuer) and (entry := _entry(certificate, listed)) is not None
    ]
    return min(found, key=lambda item: item.moment, default=None)


def stale(path: Sequence[x509.Certificate], lists: Sequence[x509.CertificateRevocationList], now: datetime) -> str:
    """A note where a list that judges this path is past the day on which a newer one was due; empty otherwise."""
    for issuer in path[1:]:
        dues = [
            listed.next_update_utc
            for listed in lists
            if listed.next_update_utc is not None and _signed_by(listed, issuer)
        ]
        if dues and max(dues) < now:
            name = issuer.subject.rfc4514_string()
            return f"the revocation list of {name} here is out of date (a newer one was due {max(dues):%Y-%m-%d})"
    return ""


def _signed_by(listed: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if listed.issuer != issuer.subject or not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return False
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.crl_sign:
            return False
    except (ValueError, x509.ExtensionNotFound):
        pass
    try:
        return listed.is_signature_valid(key)
    except (TypeError, ValueError):
        return False


def _entry(certificate: x509.Certificate, listed: x509.CertificateRevocationList) -> Revocation | None:
    entry = listed.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return None
    moment, reason = entry.revocation_date_utc, x509.ReasonFlags.unspecified
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason
        if isinstance(extension.value, x509.InvalidityDate):
            moment = min(moment, extension.value.invalidity_date_utc)
    if reason is x509.ReasonFlags.remove_from_crl:
        return None
    return Revocation(
        subject=certificate.subject.rfc4514_string(),
        moment=moment,
        reason={"unspecified": "no reason given"}.get(reason.value, reason.value),
        compromised=reason in _DAMNING,
    )

"""Whether a chain of certificates may do what it is used for: RFC 5280's rules, as far as they matter here.

A signature that is mathematically right proves little where a web server's certificate, or a leaf that acts as an
authority, made it. What is not understood and marked critical is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from transcoder.certificate.keys import fingerprint, issued
from transcoder.errors import CertificateError

SOON = timedelta(days=30)
"""From so long before a certificate ends it is said."""
_MIN_RSA_BITS = 2048
_JUDGED = (
    x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName,
    x509.IssuerAlternativeName, x509.CertificatePolicies, x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier,
    x509.CRLDistributionPoints,
)  # fmt: skip
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class Purpose(Enum):
    """What a leaf is used for."""

    SIGNING = "signing"
    TIME_STAMPING = "time-stamping"


def find_anchor(chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The trusted authority this chain leads to, or None.

    :param chain: leaf first.
    :param anchors: certificates that are trusted as they are.
    """
    path = path_to(chain, anchors)
    return path[-1] if path else None


def path_to(chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The chain up to a trusted authority, both included; empty where it leads to none.

    :param chain: leaf first, each certificate issued by the next.
    """
    trusted = {fingerprint(anchor): anchor for anchor in anchors}
    for count, certificate in enumerate(chain[1:], start=2):
        if fingerprint(certificate) in trusted:
            return tuple(chain[:count])
    above = next((anchor for anchor in anchors if issued(chain[-1], anchor)), None)
    if above is None:
        return ()
    return tuple(chain) if above == chain[-1] else (*chain, above)


def judge(path: Sequence[x509.Certificate], purpose: Purpose) -> None:
    """Hold a path from leaf to trusted authority against the rules.

    :raises CertificateError: naming the certificate and the rule (``chain-unfit``).
    """
    for certificate in path:
        _readable(certificate)
    _leaf(path[0], purpose)
    for depth, authority in enumerate(path[1:]):
        _authority(authority, path[1 : depth + 1])
    for certificate in path[:-1]:  # the last one is trusted as it is: nothing rests on its own signature
        digest = certificate.signature_hash_algorithm
        if isinstance(digest, hashes.SHA1 | hashes.MD5):
            raise _unfit(certificate, f"is signed with {digest.name.upper()}, which can be forged")


def not_valid_at(chain: Sequence[x509.Certificate], moment: datetime) -> str:
    """Which certificate of the chain was not valid at a moment; empty where all were."""
    for certificate in chain:
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            return (
                f"{certificate.subject.rfc4514_string()} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} "
                f"to {certificate.not_valid_after_utc:%Y-%m-%d}"
            )
    return ""


def expiring(chain: Sequence[x509.Certificate], now: datetime) -> list[str]:
    """A line for each certificate that ends soon or has ended."""
    return [
        f"the certificate of {item.subject.rfc4514_string()} "
        + ("ended on" if item.not_valid_after_utc < now else "ends on")
        + f" {item.not_valid_after_utc:%Y-%m-%d}"
        for item in chain
        if item.not_valid_after_utc - now < SOON
    ]


def _unfit(certificate: x509.Certificate, what: str) -> CertificateError:
    return CertificateError(f"{certificate.subject.rfc4514_string()} {what}", code="chain-unfit")


def _readable(certificate: x509.Certificate) -> None:
    try:
        extensions = list(certificate.extensions)
    except (ValueError, x509.DuplicateExtension):
        raise _unfit(certificate, "has extensions that cannot be read") from None
    unknown = next((e for e in extensions if e.critical and not isinstance(e.value, _JUDGED)), None)
    if unknown is not None:
        raise _unfit(certificate, f"has a critical extension that is not judged here ({unknown.oid.dotted_string})")


def _get(certificate: x509.Certificate, kind: type[_Extension]) -> x509.Extension[_Extension] | None:
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _leaf(certificate: x509.Certificate, purpose: Purpose) -> None:
    key = certificate.public_key()
    constraints, usage = _get(certificate, x509.BasicConstraints), _get(certificate, x509.KeyUsage)
    if constraints is not None and constraints.value.ca:
        raise _unfit(certificate, "is an authority; a signer needs a certificate of its own")
    if usage is not None and not (usage.value.digital_signature or usage.value.content_commitment):
        raise _unfit(certificate, "may not make signatures (keyUsage)")
    extended = _get(certificate, x509.ExtendedKeyUsage)
    if purpose is Purpose.TIME_STAMPING:
        # RFC 3161, 2.3: this purpose, no other one, and critical.
        only = (
            extended is not None and extended.critical and list(extended.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
        )
        if not only:
            raise _unfit(certificate, "is not a time-stamping certificate (extended key usage timeStamping, critical)")
        _strong(certificate)
        return
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _unfit(certificate, "has no EC key on P-256")
    wanted = {ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if extended is not None and not wanted & set(extended.value):
        raise _unfit(certificate, "is for other purposes (extended key usage without emailProtection)")


def _authority(certificate: x509.Certificate, below: Sequence[x509.Certificate]) -> None:
    constraints, usage = _get(certificate, x509.BasicConstraints), _get(certificate, x509.KeyUsage)
    if constraints is None or not constraints.value.ca:
        raise _unfit(certificate, "is no authority (basicConstraints)")
    if usage is not None and not usage.value.key_cert_sign:
        raise _unfit(certificate, "may not issue certificates (keyUsage)")
    limit = constraints.value.path_length
    counted = sum(1 for item in below if item.subject != item.issuer)  # RFC 5280: self-issued ones do not count
    if limit is not None and counted > limit:
        raise _unfit(certificate, f"allows {limit} authorities below it, there are {counted} (path length)")
    _strong(certificate)


def _strong(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        raise _unfit(certificate, f"has an RSA key of {key.key_size} bits; {_MIN_RSA_BITS} is the least")
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise _unfit(certificate, "has a key of another kind than RSA or EC")

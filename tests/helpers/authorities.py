"""Certificates for tests: other authorities, expired leaves, wrong key types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from transcoder.certificate.keys import KeyPair

AnyKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def name(common_name: str) -> x509.Name:
    """A subject with a common name only."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate(
    subject: str,
    key: AnyKey,
    *,
    issuer: x509.Certificate | None = None,
    issuer_key: AnyKey | None = None,
    authority: bool = False,
    start: datetime | None = None,
    end: datetime | None = None,
    path_length: int | None = None,
    extensions: Sequence[x509.Extension[x509.ExtensionType]] = (),
) -> x509.Certificate:
    """A certificate, self-signed unless an issuer is given."""
    now = datetime.now(UTC)
    signing = issuer_key or key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer.subject if issuer else name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start or now - timedelta(days=1))
        .not_valid_after(end or now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
    )
    for extension in extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(signing, None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def organisation(*, start: datetime | None = None, end: datetime | None = None) -> KeyPair:
    """A leaf of some organisation under its own authority."""
    return organisation_with_key(start=start, end=end)[0]


def organisation_with_key(
    *, start: datetime | None = None, end: datetime | None = None
) -> tuple[KeyPair, ec.EllipticCurvePrivateKey]:
    """The same, and the authority's own key."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate("Another authority", ca_key, authority=True, start=start)
    leaf = certificate("Another signer", key, issuer=ca, issuer_key=ca_key, start=start, end=end)
    return KeyPair(key, leaf, (ca,)), ca_key


def revocations(
    issuer: x509.Certificate,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    revoked: Mapping[int, datetime],
    *,
    reason: x509.ReasonFlags = x509.ReasonFlags.superseded,
    at: datetime | None = None,
    due: datetime | None = None,
    extensions: Sequence[x509.Extension[x509.ExtensionType]] = (),
) -> x509.CertificateRevocationList:
    """A revocation list of an authority: serial numbers and since when."""
    now = datetime.now(UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(at or now - timedelta(minutes=1)).next_update(due or now + timedelta(days=7))
    for serial, moment in revoked.items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment)
        builder = builder.add_revoked_certificate(entry.add_extension(x509.CRLReason(reason), critical=False).build())
    for extension in extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(key, hashes.SHA256())


def write_key(path: Path, key: AnyKey, *, password: bytes | None = None) -> Path:
    """The key as PEM."""
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        how = serialization.BestAvailableEncryption(password)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))
    return path


def write_certificates(path: Path, *certificates: x509.Certificate) -> Path:
    """The certificates as PEM."""
    path.write_bytes(b"".join(item.public_bytes(serialization.Encoding.PEM) for item in certificates))
    return path

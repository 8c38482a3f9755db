"""Certificates for tests: other authorities, expired leaves, wrong key types."""

from __future__ import annotations

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
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return builder.sign(signing, None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def organisation(*, start: datetime | None = None, end: datetime | None = None) -> KeyPair:
    """A leaf of some organisation under its own authority."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate("Another authority", ca_key, authority=True)
    leaf = certificate("Another signer", key, issuer=ca, issuer_key=ca_key, start=start, end=end)
    return KeyPair(key, leaf, (ca,))


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

"""Key material on disk: a small authority and a leaf made on first use, or an organisation's own PEM files."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from transcoder.errors import CertificateError, StorageError

CA_FILE, CA_KEY_FILE, LEAF_FILE, LEAF_KEY_FILE = "ca.pem", "ca-key.pem", "signer.pem", "signer-key.pem"
SELF_ISSUED_UNIT = "self-issued"
"""Organisational unit in every name this tool makes for itself, so that no reader can overlook it."""
_YEARS = 10


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key with its certificate and the authorities above it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]


def initialise(folder: Path) -> bool:
    """Make a self-issued authority and signing key in ``folder``; existing ones are left alone.

    Private keys get mode 600. Safe against two processes doing it at once: the set of files appears as one
    renamed folder.

    :returns: True where keys were made.
    :raises StorageError: where the folder cannot be written.
    """
    if (folder / LEAF_FILE).exists():
        return False
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".keys-") as name:
            fresh = Path(name) / "keys"
            fresh.mkdir(mode=0o700)
            write_set(fresh)
            with contextlib.suppress(OSError):  # another process was faster: its keys are as good
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
                fresh.rename(folder)
    except OSError as error:
        raise StorageError(f"cannot write signing keys: {error.strerror}", where=str(folder)) from None
    if not (folder / LEAF_FILE).exists():
        raise StorageError(
            "the key folder holds other files", where=str(folder), hint="choose an empty folder (TRANSCODER_KEYS_DIR)"
        )
    return True


def write_set(folder: Path, under: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None) -> None:
    """Write a new signing key with its certificate, and a new authority unless one is given.

    :param folder: empty; gets the four files, or without a new authority the two of the leaf.
    :param under: the authority that stays, with its key.
    """
    host = socket.gethostname()[:40] or "localhost"
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    if under is None:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _certificate(_name(f"Transcoder local authority ({host})"), ca_key, None, None)
        _write_key(folder / CA_KEY_FILE, ca_key)
        _write_certificate(folder / CA_FILE, ca)
    else:
        ca, ca_key = under
    leaf = _certificate(_name(f"Transcoder on {host}"), leaf_key, ca, ca_key)
    _write_key(folder / LEAF_KEY_FILE, leaf_key)
    _write_certificate(folder / LEAF_FILE, leaf)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(path, data, 0o600)


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    _write(path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, SELF_ISSUED_UNIT),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey | None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    authority = issuer is None
    signing_key = issuer_key or key
    end = now + timedelta(days=365 * _YEARS + (30 if authority else 0))
    if issuer is not None:  # a certificate that outlives its authority cannot be verified to its end
        end = min(end, issuer.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    if not authority:
        # emailProtection is what `openssl cms -verify` and Content Credentials readers ask for.
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def load_pair(key_file: Path, certificate_file: Path, chain_file: Path | None) -> KeyPair:
    """Load a signing key with its certificate.

    :raises CertificateError: where a file is missing, not PEM, not P-256, or key and certificate do not match.
    """
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except OSError as error:
        raise CertificateError(
            f"cannot read the signing key: {error.strerror}",
            where=str(error.filename),
            hint="run `transcoder keys init`, or name your own files with TRANSCODER_SIGNER_KEY and _CERT",
            code="key-unreadable",
        ) from None
    except (ValueError, TypeError) as error:
        raise CertificateError(f"not a usable PEM key: {error}", where=str(key_file)) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError(
            "the signing key must be an EC key on P-256 (ES256)", where=str(key_file), code="key-wrong-type"
        )
    certificate = load_certificates(certificate_file)[0]
    if certificate.public_key() != key.public_key():
        raise CertificateError(
            "the private key does not belong to this certificate", where=str(certificate_file), code="key-mismatch"
        )
    return KeyPair(key, certificate, tuple(load_certificates(chain_file)) if chain_file else ())


def load_certificates(path: Path) -> Sequence[x509.Certificate]:
    """All certificates of a PEM file.

    :raises CertificateError: where there are none.
    """
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise CertificateError(f"cannot read certificates: {error.strerror}", where=str(path)) from None
    except ValueError:
        raise CertificateError(
            "no PEM certificate in this file", where=str(path), hint="it must hold -----BEGIN CERTIFICATE-----"
        ) from None


def is_self_issued(certificate: x509.Certificate) -> bool:
    """True for certificates this tool made for itself."""
    units = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return any(unit.value == SELF_ISSUED_UNIT for unit in units)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """True where ``parent`` is an authority and its key signed ``child``."""
    try:
        child.verify_directly_issued_by(parent)
        constraints = parent.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return bool(constraints.ca)

"""What all signers share, and signing with a key in memory, loaded from PEM files."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from transcoder.certificate import detached
from transcoder.certificate.base import Signer, SignerIdentity
from transcoder.certificate.keys import KeyPair, fingerprint, is_self_issued
from transcoder.errors import CertificateError


class CertifiedSigner(ABC):
    """A signer that has certificates and some way to sign bytes; the rest follows from these."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self._certificates = tuple(certificates)

    @property
    def identity(self) -> SignerIdentity:
        """Who signs."""
        certificate = self._certificates[0]
        return SignerIdentity(
            subject=certificate.subject.rfc4514_string(),
            certificate_sha256=fingerprint(certificate),
            self_issued=is_self_issued(certificate),
        )

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Leaf first."""
        return self._certificates

    @abstractmethod
    def sign_bytes(self, data: bytes) -> bytes:
        """A plain ECDSA signature over the SHA-256 of ``data``, in DER.

        :raises CertificateError: where the key cannot be used.
        """

    def sign(self, content: bytes) -> bytes:
        """A detached, binary CMS signature in DER; the chain travels inside.

        :raises CertificateError: where the key cannot be used.
        """
        return detached.build(content, self._certificates, self.sign_bytes, datetime.now(UTC))


class PemSigner(CertifiedSigner):
    """Signs with a PEM key pair."""

    def __init__(self, pair: KeyPair) -> None:
        super().__init__((pair.certificate, *pair.chain))
        self._key = pair.key

    def sign_bytes(self, data: bytes) -> bytes:
        """A plain ECDSA signature over the SHA-256 of ``data``, in DER."""
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


def confirm_key(signer: Signer) -> None:
    """Sign something and verify it: the certificate belongs to the key, and the key works.

    :raises CertificateError: where it does not (``key-mismatch``), or the key cannot be used.
    """
    nonce = b"transcoder self-check " + os.urandom(16)
    confirm_signature(signer.certificates[0], nonce, signer.sign_bytes(nonce))


def confirm_signature(certificate: x509.Certificate, data: bytes, signature: bytes) -> None:
    """Check a plain signature against the certificate that it should be by.

    :raises CertificateError: where it is by another key (``key-mismatch``) or the key is of another type.
    """
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError(
            "the signing key must be an EC key on P-256 (ES256)",
            where=certificate.subject.rfc4514_string(),
            code="key-wrong-type",
        )
    try:
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise CertificateError(
            "the private key does not belong to this certificate, or it does not sign with ECDSA and SHA-256",
            where=certificate.subject.rfc4514_string(),
            hint="check that key and certificate are of one pair",
            code="key-mismatch",
        ) from None

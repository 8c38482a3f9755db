"""Signing with a key in memory, loaded from PEM files."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from transcoder.certificate.base import SignerIdentity
from transcoder.certificate.keys import KeyPair, fingerprint, is_self_issued


class PemSigner:
    """Signs with a PEM key pair; the chain travels inside the signature."""

    def __init__(self, pair: KeyPair) -> None:
        self._pair = pair

    @property
    def identity(self) -> SignerIdentity:
        """Who signs."""
        certificate = self._pair.certificate
        return SignerIdentity(
            subject=certificate.subject.rfc4514_string(),
            certificate_sha256=fingerprint(certificate),
            self_issued=is_self_issued(certificate),
        )

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Leaf first."""
        return (self._pair.certificate, *self._pair.chain)

    def sign_bytes(self, data: bytes) -> bytes:
        """A plain ECDSA signature over the SHA-256 of ``data``, in DER."""
        return self._pair.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def sign(self, content: bytes) -> bytes:
        """A detached, binary CMS signature in DER."""
        builder = (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(content)
            .add_signer(self._pair.certificate, self._pair.key, hashes.SHA256())
        )
        for authority in self._pair.chain:
            builder = builder.add_certificate(authority)
        # NoCapabilities: a list of mail ciphers says nothing about evidence.
        options = [
            pkcs7.PKCS7Options.DetachedSignature,
            pkcs7.PKCS7Options.Binary,
            pkcs7.PKCS7Options.NoCapabilities,
        ]
        return builder.sign(Encoding.DER, options)

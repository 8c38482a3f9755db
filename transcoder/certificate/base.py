"""The signer seam, and what a signature tells about its maker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # who builds a statement does not sign it
    from cryptography import x509


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerIdentity:
    """Who signs, as the certificate states it."""

    subject: str
    certificate_sha256: str
    self_issued: bool
    """True for the key pair this tool made for itself: it proves integrity, not who is behind it."""


class TimeStamper(Protocol):
    """Asks a time-stamping authority."""

    @property
    def address(self) -> str:
        """Where it is asked, as a certificate may state it."""
        ...

    def stamp(self, signature_value: bytes) -> bytes:
        """A token (DER) about a signature, checked and by an authority that is trusted for it.

        :raises CertificateError: where there is none to be had; never because of what was signed.
        """
        ...


class Signer(Protocol):
    """Signs with one key on P-256: detached CMS (RFC 5652) for statements, plain ECDSA for other forms."""

    @property
    def identity(self) -> SignerIdentity:
        """Who signs."""
        ...

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """The signer's certificate, and the authorities above it as far as they are known, leaf first."""
        ...

    def sign_bytes(self, data: bytes) -> bytes:
        """A plain ECDSA signature over the SHA-256 of ``data``, in DER.

        :raises CertificateError: where the key cannot be used.
        """
        ...

    def sign(self, content: bytes) -> bytes:
        """A detached CMS signature in DER.

        :raises CertificateError: where the key cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeStampFacts:
    """What a time-stamp that holds says; whether its authority is trusted is a separate question."""

    moment: datetime
    authority: str
    certificate_sha256: str
    serial: int
    nonce: int | None
    chain: tuple[x509.Certificate, ...]
    """The authority's certificate first, then those above it as far as the time-stamp carries them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFacts:
    """What a verified signature says."""

    subject: str
    issuer: str
    certificate_sha256: str
    signed_at: datetime
    chain: tuple[x509.Certificate, ...]
    """Leaf first, as far as the signature carries it."""
    self_issued: bool
    time_stamp: TimeStampFacts | None = None
    """By a time-stamping authority, over the signature; it holds, as the signature does."""

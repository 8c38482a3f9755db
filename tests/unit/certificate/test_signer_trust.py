"""Whose signature it is, and whether it was valid: the mathematics alone is not enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tests.helpers import authorities, factories
from transcoder.certificate import cms, form, verify
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.errors import CertificateError


@pytest.fixture(scope="module")
def content() -> bytes:
    return form.canonical(factories.statement())


def test_sign_and_verify_detached(content: bytes, pair: KeyPair) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    facts = cms.verify_detached(content, PemSigner(pair).sign(content))
    assert facts.subject == pair.certificate.subject.rfc4514_string()
    assert facts.certificate_sha256 == pair.certificate.fingerprint(hashes.SHA256()).hex()
    assert before <= facts.signed_at <= datetime.now(UTC)


def test_another_authority_is_not_trusted(content: bytes, pair: KeyPair) -> None:
    other = authorities.organisation()
    signature = PemSigner(other).sign(content)
    assert not verify.check_signature(content, signature, other.chain).self_issued
    for anchors in (pair.chain, ()):
        with pytest.raises(CertificateError) as caught:
            verify.check_signature(content, signature, anchors)
        assert caught.value.code == "signer-untrusted"


def test_a_signature_by_the_wrong_key_is_found(content: bytes, pair: KeyPair) -> None:
    other = authorities.organisation()
    forged = KeyPair(other.key, pair.certificate, pair.chain)
    with pytest.raises(CertificateError) as caught:
        cms.verify_detached(content, PemSigner(forged).sign(content))
    assert caught.value.code == "signature-invalid"


def test_a_leaf_that_expired_before_it_signed_is_found(content: bytes) -> None:
    now = datetime.now(UTC)
    expired = authorities.organisation(start=now - timedelta(days=9), end=now - timedelta(days=2))
    with pytest.raises(CertificateError) as caught:
        verify.check_signature(content, PemSigner(expired).sign(content), expired.chain)
    assert caught.value.code == "signer-not-valid"


def test_a_leaf_that_is_not_valid_yet_is_found(content: bytes) -> None:
    now = datetime.now(UTC)
    early = authorities.organisation(start=now + timedelta(days=2), end=now + timedelta(days=9))
    with pytest.raises(CertificateError) as caught:
        verify.check_signature(content, PemSigner(early).sign(content), early.chain)
    assert caught.value.code == "signer-not-valid"


def test_a_leaf_cannot_act_as_an_authority(content: bytes, pair: KeyPair) -> None:
    """Whoever holds a signing leaf must not be able to issue further signers under it."""
    other = authorities.organisation()
    below = authorities.certificate("Impostor", other.key, issuer=pair.certificate, issuer_key=pair.key)
    signature = PemSigner(KeyPair(other.key, below, (pair.certificate, *pair.chain))).sign(content)
    with pytest.raises(CertificateError):
        verify.check_signature(content, signature, pair.chain)


def test_a_foreign_certificate_in_the_bag_is_refused(content: bytes, pair: KeyPair) -> None:
    stranger = authorities.organisation().chain[0]
    signature = PemSigner(KeyPair(pair.key, pair.certificate, (*pair.chain, stranger))).sign(content)
    with pytest.raises(CertificateError) as caught:
        cms.verify_detached(content, signature)
    assert caught.value.code == "signature-invalid"


@pytest.mark.parametrize(
    "options",
    [
        [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities],
        [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary],
        [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoAttributes],
    ],
    ids=["content inside", "mail capabilities", "no attributes"],
)
def test_other_forms_of_signature_are_refused(options: list[pkcs7.PKCS7Options], content: bytes, pair: KeyPair) -> None:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    other = builder.add_signer(pair.certificate, pair.key, hashes.SHA256()).sign(Encoding.DER, options)
    with pytest.raises(CertificateError):
        cms.verify_detached(content, other)


def test_a_weaker_or_other_digest_is_refused(content: bytes, pair: KeyPair) -> None:
    options = [
        pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities
    ]  # fmt: skip
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    signed = builder.add_signer(pair.certificate, pair.key, hashes.SHA512()).sign(Encoding.DER, options)
    with pytest.raises(CertificateError):
        cms.verify_detached(content, signed)


def test_two_signers_are_refused(content: bytes, pair: KeyPair) -> None:
    other = authorities.organisation()
    options = [
        pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities
    ]  # fmt: skip
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(pair.certificate, pair.key, hashes.SHA256())
    builder = builder.add_signer(other.certificate, other.key, hashes.SHA256())
    with pytest.raises(CertificateError, match="exactly one signer"):
        cms.verify_detached(content, builder.sign(Encoding.DER, options))


def test_an_rsa_signer_is_refused(content: bytes) -> None:
    key = rsa.generate_private_key(65537, 2048)
    leaf = authorities.certificate("RSA", key)
    options = [
        pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities
    ]  # fmt: skip
    signed = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(leaf, key, hashes.SHA256())
    with pytest.raises(CertificateError) as caught:
        cms.verify_detached(content, signed.sign(Encoding.DER, options))
    assert caught.value.code == "signature-invalid"


@pytest.mark.parametrize("garbage", [b"", b"\x30", b"-----BEGIN PKCS7-----", b"\x00" * 64, b"\x30\x80" * 4000])
def test_garbage_is_an_error_of_ours(garbage: bytes, content: bytes) -> None:
    with pytest.raises(CertificateError) as caught:
        cms.verify_detached(content, garbage)
    assert caught.value.code == "signature-invalid"


def test_an_oversized_signature_is_refused_unread(content: bytes) -> None:
    with pytest.raises(CertificateError, match="too large"):
        cms.verify_detached(content, b"\x30" * ((1 << 20) + 1))

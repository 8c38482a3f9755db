"""What every signer must do. A new one is added to the list and is tested here by that."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.helpers import factories
from transcoder.certificate import form, verify
from transcoder.certificate.base import Signer
from transcoder.certificate.cms import verify_detached
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.errors import CertificateError

SIGNERS: Mapping[str, Callable[[KeyPair], Signer]] = {"pem": PemSigner}


@pytest.fixture(params=sorted(SIGNERS))
def signer(request: pytest.FixtureRequest, pair: KeyPair) -> Signer:
    return SIGNERS[str(request.param)](pair)


def test_its_signature_verifies_and_names_it(signer: Signer, pair: KeyPair) -> None:
    content = form.canonical(factories.statement(signer=signer.identity))
    facts = verify.check_signature(content, signer.sign(content), pair.chain)
    assert facts.subject == signer.identity.subject
    assert facts.certificate_sha256 == signer.identity.certificate_sha256
    assert facts.self_issued == signer.identity.self_issued


@pytest.mark.parametrize("content", [b"", b"x", b"\r\n mixed \n lines \r", bytes(range(256)) * 40])
def test_any_bytes_are_signed_as_they_are(content: bytes, signer: Signer) -> None:
    signature = signer.sign(content)
    verify_detached(content, signature)
    with pytest.raises(CertificateError):
        verify_detached(content + b"\n", signature)


def test_the_signature_is_small_and_carries_no_content(signer: Signer) -> None:
    content = b"secret case details " * 500
    signature = signer.sign(content)
    assert len(signature) < 4096
    assert b"secret case" not in signature


def test_a_plain_signature_is_made_by_the_key_of_the_first_certificate(signer: Signer, pair: KeyPair) -> None:
    key = signer.certificates[0].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signer.sign_bytes(b"a claim"), b"a claim", ec.ECDSA(hashes.SHA256()))
    assert signer.certificates == (pair.certificate, *pair.chain)

"""One flipped bit anywhere in the signature file must be found: checked for every byte, not for a sample."""

from __future__ import annotations

import pytest

from tests.helpers import factories
from transcoder.certificate import cms, form, verify
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.errors import CertificateError

pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")


@pytest.fixture(scope="module")
def content() -> bytes:
    return form.canonical(factories.statement())


@pytest.fixture(scope="module")
def signature(content: bytes, pair: KeyPair) -> bytes:
    return PemSigner(pair).sign(content)


def test_the_untouched_signature_holds(content: bytes, signature: bytes, pair: KeyPair) -> None:
    facts = verify.check_signature(content, signature, pair.chain)
    assert facts.chain == (pair.certificate, *pair.chain)
    assert facts.self_issued


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_every_single_byte_flip_is_found(
    mask: int, content: bytes, signature: bytes, pair: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The content stays as it is and was parsed above; holding it against its schema 1400 times proves nothing.
    monkeypatch.setattr(form, "parse", lambda _: {})
    unnoticed = []
    for position in range(len(signature)):
        flipped = bytearray(signature)
        flipped[position] ^= mask
        try:
            verify.check_signature(content, bytes(flipped), pair.chain)
        except CertificateError:
            continue
        unnoticed.append(position)
    assert unnoticed == []


def test_bytes_before_after_or_missing_are_found(content: bytes, signature: bytes) -> None:
    longer = [signature + b"\0", b"\0" + signature, signature + signature]
    shorter = [signature[:count] for count in range(0, len(signature), 97)]
    for changed in longer + shorter:
        with pytest.raises(CertificateError) as caught:
            cms.verify_detached(content, changed)
        assert caught.value.code == "signature-invalid"


def test_any_changed_byte_of_the_content_is_found(content: bytes, signature: bytes) -> None:
    for position in range(0, len(content), 61):
        changed = bytearray(content)
        changed[position] ^= 0x01
        with pytest.raises(CertificateError) as caught:
            cms.verify_detached(bytes(changed), signature)
        assert caught.value.code == "content-changed"

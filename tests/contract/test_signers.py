"""What every signer must do. A new one is added to the list and is tested here by that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.helpers import authorities, factories, softhsm
from transcoder.certificate import form, verify
from transcoder.certificate.base import Signer
from transcoder.certificate.cms import verify_detached
from transcoder.certificate.command import CommandSigner
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner, confirm_key
from transcoder.errors import CertificateError

SIGN = Path(softhsm.__file__).with_name("sign_digest.py")


def _pem(pair: KeyPair, _folder: Path) -> Signer:
    return PemSigner(pair)


def _command(pair: KeyPair, folder: Path) -> Signer:
    key = authorities.write_key(folder / "key.pem", pair.key)
    return CommandSigner([sys.executable, str(SIGN), str(key)], (pair.certificate, *pair.chain))


def _hardware(pair: KeyPair, folder: Path) -> Signer:
    from transcoder.certificate.hsm import Pkcs11Signer

    return Pkcs11Signer(softhsm.place(pair, folder), (pair.certificate, *pair.chain))


SIGNERS: Mapping[str, Callable[[KeyPair, Path], Signer]] = {"pem": _pem, "command": _command, "pkcs11": _hardware}


@pytest.fixture(params=sorted(SIGNERS), scope="module")
def signer(request: pytest.FixtureRequest, pair: KeyPair, tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return SIGNERS[str(request.param)](pair, tmp_path_factory.mktemp("signer"))


def test_its_key_and_its_certificate_belong_together(signer: Signer) -> None:
    confirm_key(signer)


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

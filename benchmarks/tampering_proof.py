"""Edits of what proves a delivery rather than of the delivery: signers' certificates, time-stamps, receipts."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.tampering import Change, Delivered, Setting
from tests.helpers import authorities
from transcoder.certificate import delivered, detached, keys, receipts
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner


def expired_leaf(setting: Setting) -> KeyPair:
    """A signer whom the right authority certified, like the true one in everything but that its time was over."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority_key = serialization.load_pem_private_key(
        (setting.settings.keys_dir / keys.CA_KEY_FILE).read_bytes(), password=None
    )
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    true, authority, now = setting.pair.certificate, setting.pair.chain[-1], datetime.now(UTC)
    kept = [item for item in true.extensions
            if not isinstance(item.value, x509.BasicConstraints | x509.SubjectKeyIdentifier)]  # fmt: skip
    leaf = authorities.certificate(
        "A signer of former times", key, issuer=authority, issuer_key=authority_key,
        start=now - timedelta(days=60), end=now - timedelta(days=30), extensions=kept,
    )  # fmt: skip
    return KeyPair(key, leaf, (authority,))


def signed_too_late(item: Delivered, _: Sequence[Delivered], setting: Setting, __: random.Random) -> Iterator[str]:
    """Signed anew, under the right authority, with a certificate that had ended by then."""
    item.signature.write_bytes(PemSigner(expired_leaf(setting)).sign(item.certificate.read_bytes()))
    yield "the certificate as it was"


def unstamp(item: Delivered, _: Sequence[Delivered], __: Setting, ___: random.Random) -> Iterator[str]:
    """The time-stamp is taken away; the certificate says that there is one."""
    bare = _bare(item.signature.read_bytes())
    if bare is not None:
        item.signature.write_bytes(bare)
        yield "taken away"


def restamp(item: Delivered, others: Sequence[Delivered], setting: Setting, _: random.Random) -> Iterator[str]:
    """The time-stamp is that of another delivery, or that authority's about something else."""
    bare = _bare(item.signature.read_bytes())
    plain = item.signature.read_bytes()
    for other in others:
        token = _token(other.signature.read_bytes())
        if token is not None:
            item.signature.write_bytes(detached.with_token(bare or plain, token))
            yield other.label
    item.signature.write_bytes(detached.with_token(bare or plain, setting.time.token(b"something else")))
    yield "about something else"


def receipt_of_another(item: Delivered, others: Sequence[Delivered], _: Setting, __: random.Random) -> Iterator[str]:
    """A well signed receipt of another delivery lies in the place of this one's."""
    target = item.certificate.with_name(delivered.stem_of(item.certificate) + receipts.ENDING)
    for other in others:
        for path in receipts.find(other.certificate, delivered.stem_of(other.certificate)):
            shutil.copy(path, target)
            shutil.copy(_signature(path), _signature(target))
            yield other.label


def receipt_by_another(item: Delivered, _: Sequence[Delivered], setting: Setting, __: random.Random) -> Iterator[str]:
    """The receipt is signed by somebody whom nobody trusts for that."""
    for path in receipts.find(item.certificate, delivered.stem_of(item.certificate)):
        kept = _signature(path).read_bytes()
        for words, pair in setting.impostors.items():
            _signature(path).write_bytes(PemSigner(pair).sign(path.read_bytes()))
            yield words
        _signature(path).write_bytes(kept)


def _signature(path: Path) -> Path:
    return path.with_name(f"{path.name}.p7s")


def _token(signature: bytes) -> bytes | None:
    attributes = cms.ContentInfo.load(signature)["content"]["signer_infos"][0]["unsigned_attrs"]
    if not attributes:
        return None
    token: bytes = attributes[0]["values"][0].dump()
    return token


def _bare(signature: bytes) -> bytes | None:
    """The signature without its time-stamp; None where it has none."""
    info = cms.ContentInfo.load(signature)
    if not info["content"]["signer_infos"][0]["unsigned_attrs"]:
        return None
    del info["content"]["signer_infos"][0]["unsigned_attrs"]
    bare: bytes = info.dump(force=True)
    return bare


CHANGES: Mapping[str, Change] = {
    "signed under the right authority, after the signer's certificate had ended": signed_too_late,
    "time-stamp taken away": unstamp,
    "time-stamp of something else": restamp,
    "receipt of another delivery": receipt_of_another,
    "receipt signed by somebody else": receipt_by_another,
}

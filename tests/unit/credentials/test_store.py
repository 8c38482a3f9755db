"""Taking manifests apart, and signing nothing but claims."""

from __future__ import annotations

import io

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.credentials import FACTS, chain, notary
from transcoder.certificate.keys import KeyPair
from transcoder.credentials import embedding, store
from transcoder.credentials.notary import raw_signature
from transcoder.sandbox.wire import WireError

_JPEG = embedding._STUB_JPEG


@pytest.fixture(scope="module")
def made(pair: KeyPair) -> bytes:
    return embedding.write(FACTS, chain(pair), io.BytesIO(_JPEG), io.BytesIO(), notary(pair))


@given(r=st.integers(1, 2**256 - 1), s=st.integers(1, 2**256 - 1))
def test_der_becomes_two_numbers_of_32_bytes(r: int, s: int) -> None:
    raw = raw_signature(encode_dss_signature(r, s))
    assert (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")) == (r, s)
    assert len(raw) == 64


def test_numbers_beyond_the_curve_are_no_signature() -> None:
    with pytest.raises(ValueError):
        raw_signature(encode_dss_signature(2**256, 1))


def test_the_signature_in_a_store_covers_what_is_worked_out(made: bytes, pair: KeyPair) -> None:
    signed = store.active(made)
    half = [int.from_bytes(part, "big") for part in (signed.signature[:32], signed.signature[32:])]
    pair.certificate.public_key().verify(  # type: ignore[union-attr, call-arg]
        encode_dss_signature(*half), signed.to_be_signed, ec.ECDSA(hashes.SHA256())  # type: ignore[arg-type]
    )  # fmt: skip
    assert store.parse_to_be_signed(signed.to_be_signed) == (signed.protected, signed.claim)


@given(data=st.data())
def test_a_damaged_store_is_refused_or_read_and_nothing_else(made: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(made) - 1))
    changed = made[:place] + bytes((made[place] ^ data.draw(st.integers(1, 255)),)) + made[place + 1 :]
    cut = changed[: data.draw(st.integers(0, len(made)))]
    for item in (changed, cut):
        try:
            signed = store.active(item)
        except store.StoreError:
            continue
        assert item[signed.signature_at :].startswith(signed.signature)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(junk: bytes) -> None:
    with pytest.raises(store.StoreError):
        store.active(junk)


def test_the_notary_signs_claims_of_its_own_signer(made: bytes, pair: KeyPair) -> None:
    assert len(notary(pair)(store.active(made).to_be_signed)) == store.SIGNATURE_BYTES


@pytest.mark.parametrize("change", ["statement", "cut", "longer", "payload"])
def test_the_notary_signs_nothing_else(made: bytes, pair: KeyPair, change: str) -> None:
    good = store.active(made).to_be_signed
    signed = store.active(made)
    question = {
        "statement": b'{"_type":"https://in-toto.io/Statement/v1"}',
        "cut": good[:-1],
        "longer": good + b"\0",
        "payload": good[: good.index(signed.claim)] + b"\x31" + good[good.index(signed.claim) + 1 :],
    }[change]
    with pytest.raises(WireError):
        notary(pair)(question)


def test_the_notary_signs_in_no_other_name(made: bytes, pair: KeyPair) -> None:
    signed = store.active(made)
    flipped = bytearray(signed.to_be_signed)
    flipped[flipped.index(signed.leaf()) + 40] ^= 1
    with pytest.raises(WireError, match="this signer"):
        notary(pair)(bytes(flipped))


def test_the_notary_signs_so_often_and_no_more(made: bytes, pair: KeyPair) -> None:
    asked, question = notary(pair, most=2), store.active(made).to_be_signed
    asked(question), asked(question)
    with pytest.raises(WireError, match="more signatures"):
        asked(question)

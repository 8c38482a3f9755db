"""Time-stamps inside signatures: what they prove, and that nothing in them can be changed unseen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms

from tests.helpers import authorities, deliveries, factories, tsa
from tests.helpers.deliveries import Parcel, failed, outcomes
from transcoder.certificate import cms, detached, form, sealing, token, trusted
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.certificate.verify import Outcome, Trust, Verification
from transcoder.errors import CertificateError

pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Local:
    """An authority in the same process; puts in whatever it makes, as a hostile sender could."""

    by: tsa.Authority
    address: str = "https://tsa.example/stamp"

    def stamp(self, signature_value: bytes) -> bytes:
        return self.by.token(signature_value)


class Away:
    address = "https://tsa.example/stamp"

    def stamp(self, signature_value: bytes) -> bytes:
        raise CertificateError("the time-stamping authority did not answer in 1 s", code="time-stamp-unavailable")


@pytest.fixture(scope="module")
def good() -> tsa.Authority:
    return tsa.authority()


def trust(parcel: Parcel, *times: tsa.Authority) -> Trust:
    return Trust(anchors=parcel.pair.chain, time_anchors=[item.root for item in times])


def detail(result: Verification, number: int) -> str:
    return next(step.detail for step in result.steps if step.number == number)


def stamped(folder: Path, pair: KeyPair, by: tsa.Authority) -> Parcel:
    return deliveries.make(folder, pair, stamper=Local(by))


def test_a_trusted_time_is_confirmed(tmp_path: Path, pair: KeyPair, good: tsa.Authority) -> None:
    parcel = stamped(tmp_path, pair, good)
    result = parcel.verify(trust=trust(parcel, good))
    assert result.ok
    assert outcomes(result)[11] is Outcome.PASSED
    assert "Time authority" in detail(result, 11)
    assert "by a time-stamp" in detail(result, 4)
    assert result.statement is not None
    assert result.statement["predicate"]["trusted_time"] == {"authority": "https://tsa.example/stamp"}


def test_without_a_time_stamp_its_step_is_skipped(tmp_path: Path, pair: KeyPair) -> None:
    result = deliveries.make(tmp_path, pair).verify()
    assert result.ok
    assert outcomes(result)[11] is Outcome.SKIPPED
    assert "own clock" in detail(result, 4)


def test_an_authority_that_is_away_is_a_warning_in_the_certificate(tmp_path: Path, pair: KeyPair) -> None:
    result = deliveries.make(tmp_path, pair, stamper=Away()).verify()
    assert result.ok
    assert outcomes(result)[11] is Outcome.SKIPPED
    assert result.statement is not None
    predicate = result.statement["predicate"]
    assert predicate["trusted_time"] is None
    assert predicate["warnings"] == ["no trusted time: the time-stamping authority did not answer in 1 s"]


def test_a_time_stamp_that_was_taken_away_is_missed(tmp_path: Path, pair: KeyPair, good: tsa.Authority) -> None:
    parcel = stamped(tmp_path, pair, good)
    bare = asn1_cms.ContentInfo.load(parcel.signature.read_bytes())
    del bare["content"]["signer_infos"][0]["unsigned_attrs"]
    parcel.signature.write_bytes(bare.dump(force=True))
    assert failed(parcel.verify(trust=trust(parcel, good))) == [11]


@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_every_single_byte_flip_is_found(kind: str, mask: int, pair: KeyPair, good: tsa.Authority) -> None:
    by = good if kind == "ec" else tsa.authority(kind="rsa")
    content = form.canonical(factories.statement())
    bare = PemSigner(pair).sign(content)
    whole = detached.with_token(bare, by.token(detached.signature_value(bare)))
    believed = Trust(anchors=pair.chain, time_anchors=[by.root])
    facts = cms.verify_detached(content, whole)
    assert facts.time_stamp is not None
    unnoticed = []
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= mask
        try:
            facts = cms.verify_detached(content, bytes(flipped))
            trusted.signer(facts, believed)
            trusted.time_stamp(facts, believed)
        except CertificateError:
            continue
        unnoticed.append(position)
    assert unnoticed == []


def test_a_time_stamp_about_something_else_is_refused(tmp_path: Path, pair: KeyPair, good: tsa.Authority) -> None:
    parcel = stamped(tmp_path, pair, good.but(imprint=hashlib.sha256(b"another").digest()))
    assert 2 in failed(parcel.verify(trust=trust(parcel, good)))


def test_an_unknown_authority_fails_its_step_only(tmp_path: Path, pair: KeyPair, good: tsa.Authority) -> None:
    parcel = stamped(tmp_path, pair, good)
    for others in ((), (tsa.authority(),)):
        result = parcel.verify(trust=trust(parcel, *others))
        assert failed(result) == [11]
        assert "own clock" in detail(result, 4)


def test_authorities_of_signers_are_none_of_time(tmp_path: Path, pair: KeyPair, good: tsa.Authority) -> None:
    """Nor the other way round: each is trusted for what it was added for."""
    parcel = stamped(tmp_path, pair, good)
    swapped = Trust(anchors=[*parcel.pair.chain, good.root], time_anchors=parcel.pair.chain)
    assert failed(parcel.verify(trust=swapped)) == [11]


@pytest.mark.parametrize("purposes", ["mail", "both"])
def test_its_certificate_must_be_for_time_stamps_alone(purposes: str, tmp_path: Path, pair: KeyPair) -> None:
    by = tsa.authority(purposes=purposes)
    parcel = stamped(tmp_path, pair, by)
    result = parcel.verify(trust=trust(parcel, by))
    assert failed(result) == [11]
    assert "timeStamping" in detail(result, 11)


def test_an_authority_that_had_expired_fails(tmp_path: Path, pair: KeyPair) -> None:
    by = tsa.authority(start=NOW - timedelta(days=9), end=NOW - timedelta(days=2))
    parcel = stamped(tmp_path, pair, by)
    assert failed(parcel.verify(trust=trust(parcel, by))) == [11]


def test_an_authority_that_expired_since_still_confirms(tmp_path: Path, pair: KeyPair) -> None:
    by = tsa.authority(start=NOW - timedelta(days=9), end=NOW - timedelta(days=2)).but(moment=NOW - timedelta(days=3))
    parcel = stamped(tmp_path, pair, by)
    result = parcel.verify(trust=trust(parcel, by))
    assert outcomes(result)[11] is Outcome.PASSED


def test_validity_is_judged_at_the_confirmed_time(tmp_path: Path) -> None:
    """A signer that had expired may set its clock back; a time-stamp shows it. One that expired since stays valid."""
    good = tsa.authority(start=NOW - timedelta(days=9))
    leaf = authorities.organisation(start=NOW - timedelta(days=9), end=NOW + timedelta(days=9))
    late = stamped(tmp_path / "late", leaf, good.but(moment=NOW + timedelta(days=20)))
    assert 4 in failed(late.verify(trust=trust(late, good)))
    ended = authorities.organisation(start=NOW - timedelta(days=9), end=NOW - timedelta(days=2))
    early = stamped(tmp_path / "early", ended, good.but(moment=NOW - timedelta(days=3)))
    assert 4 not in failed(early.verify(trust=trust(early, good)))
    assert 4 in failed(early.verify(trust=trust(early)))


def test_the_signers_clock_is_compared(tmp_path: Path, pair: KeyPair, good: tsa.Authority) -> None:
    parcel = stamped(tmp_path, pair, good.but(moment=NOW - timedelta(minutes=3)))
    assert "ahead" in detail(parcel.verify(trust=trust(parcel, good)), 11)


def test_other_forms_are_refused(good: tsa.Authority) -> None:
    another = tsa.authority()
    for made in (
        good.but(unsigned=True).token(b"value"),
        good.but(carried=()).token(b"value"),
        good.but(carried=(*good.chain, another.root)).token(b"value"),
        good.but(key=another.key).token(b"value"),
        good.but(named=another.chain[0]).token(b"value"),
    ):
        with pytest.raises(CertificateError) as caught:
            token.read(made, b"value")
        assert caught.value.code == "time-stamp-invalid"


def test_what_authorities_add_beside_their_signature_is_tidied(good: tsa.Authority) -> None:
    by = tsa.authority(kind="rsa")
    messy = by.but(unsigned=True, carried=(*good.chain, *by.chain), named_rsa="sha256_rsa").token(b"value")
    with pytest.raises(CertificateError):
        token.read(messy, b"value")
    facts = token.read(token.tidied(messy), b"value")
    assert facts.chain == by.chain
    assert facts.serial == 4711


def test_a_certificate_named_by_sha1_as_older_authorities_do_is_read(good: tsa.Authority) -> None:
    assert token.read(good.but(ess="signing_certificate").token(b"value"), b"value").chain == good.chain


def test_a_second_unsigned_attribute_is_refused(pair: KeyPair, good: tsa.Authority) -> None:
    content = form.canonical(factories.statement())
    bare = PemSigner(pair).sign(content)
    made = detached.with_token(bare, good.token(detached.signature_value(bare)))
    info = asn1_cms.ContentInfo.load(made)
    attributes = info["content"]["signer_infos"][0]["unsigned_attrs"]
    for extra in (attributes[0], {"type": "1.2.3.4.5", "values": []}):
        twice = asn1_cms.ContentInfo.load(made)
        twice["content"]["signer_infos"][0]["unsigned_attrs"] = asn1_cms.CMSAttributes([attributes[0], extra])
        with pytest.raises(CertificateError):
            cms.verify_detached(content, twice.dump())


@pytest.mark.parametrize("garbage", [b"", b"\x30", b"\x30\x80" * 400, b"hello"])
def test_garbage_is_an_error_of_ours(garbage: bytes) -> None:
    for action in (lambda: token.read(garbage, b"x"), lambda: token.tidied(garbage)):
        with pytest.raises(CertificateError) as caught:
            action()
        assert caught.value.code == "time-stamp-invalid"


def test_a_revoked_signer_needs_a_time_before_it(tmp_path: Path, good: tsa.Authority) -> None:
    who, ca_key = authorities.organisation_with_key()
    taken_back = NOW - timedelta(hours=2)
    lists = [authorities.revocations(who.chain[0], ca_key, {who.certificate.serial_number: taken_back})]
    for name, moment, expected in (("before", NOW - timedelta(hours=3), []), ("after", NOW, [4])):
        parcel = stamped(tmp_path / name, who, good.but(moment=moment))
        believed = Trust(anchors=who.chain, time_anchors=[good.root], revoked=lists)
        assert failed(parcel.verify(trust=believed)) == expected
        unproven = Trust(anchors=who.chain, revoked=lists)
        result = parcel.verify(trust=unproven)
        assert failed(result) == [4, 11]
        assert "revoked on" in detail(result, 4)


def test_a_revoked_authority_of_time_proves_nothing(tmp_path: Path, pair: KeyPair) -> None:
    by, root_key = tsa.authority_with_root_key()
    lists = [authorities.revocations(by.root, root_key, {by.chain[0].serial_number: NOW - timedelta(hours=1)})]
    parcel = stamped(tmp_path, pair, by)
    believed = Trust(anchors=pair.chain, time_anchors=[by.root], revoked=lists)
    assert failed(parcel.verify(trust=believed)) == [11]


def test_two_signatures_of_one_statement_have_each_their_own_time(pair: KeyPair, good: tsa.Authority) -> None:
    first = sealing.seal(factories.statement(), PemSigner(pair), Local(good))
    second = sealing.seal(factories.statement(), PemSigner(pair), Local(good))
    inside = asn1_cms.ContentInfo.load(first.signature)["content"]["signer_infos"][0]["unsigned_attrs"][0]["values"][0]
    moved = asn1_cms.ContentInfo.load(second.signature)
    moved["content"]["signer_infos"][0]["unsigned_attrs"] = asn1_cms.CMSAttributes(
        [{"type": "signature_time_stamp_token", "values": [inside]}]
    )
    with pytest.raises(CertificateError) as caught:
        cms.verify_detached(second.content, moved.dump())
    assert caught.value.code == "time-stamp-invalid"

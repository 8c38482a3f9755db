"""Receipts: what they say of what arrived, how small they stay, and which ones fail step 12."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.helpers import authorities, deliveries, receiving
from tests.helpers.deliveries import Parcel, failed, outcomes
from transcoder.certificate import arrival, receipts, verify
from transcoder.certificate.arrival import Played
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.verify import Outcome, Verification
from transcoder.errors import CapUnreachable, CertificateError


@pytest.fixture
def parcel(tmp_path: Path, pair: KeyPair) -> Parcel:
    return deliveries.make(tmp_path, pair)


@pytest.fixture(scope="module")
def recipient() -> KeyPair:
    return authorities.organisation()


def check(parcel: Parcel, recipient: KeyPair | None, *named: Path) -> Verification:
    known = recipient.chain if recipient is not None else ()
    return verify.verify(
        parcel.certificate, anchors=parcel.pair.chain, source=None, measure=None, named=named, recipients=known
    )


def test_the_schema_is_one_and_a_receipt_follows_it(parcel: Parcel, recipient: KeyPair) -> None:
    jsonschema.Draft202012Validator.check_schema(receipts.schema())
    content = receipts.canonical(receiving.receipt_for(parcel, recipient), 1_000_000)
    assert receipts.parse(content)["complete"] is True


def test_a_receipt_beside_the_certificate_is_found_and_shown(parcel: Parcel, recipient: KeyPair) -> None:
    assert outcomes(check(parcel, recipient))[12] is Outcome.SKIPPED
    path = receiving.write(receiving.receipt_for(parcel, recipient), parcel, recipient)
    result = check(parcel, recipient)
    assert result.ok
    step = next(step for step in result.steps if step.number == 12)
    assert "the recipient received it at 2026-03-01T12:00:00Z: complete" in step.detail
    (shown,) = json.loads(json.dumps(result.to_dict()))["receipts"]
    assert shown["path"] == str(path)
    assert verify.find_certificates(path) == [parcel.certificate]


def test_a_named_receipt_counts_and_is_read_once(parcel: Parcel, recipient: KeyPair, tmp_path: Path) -> None:
    path = receiving.write(receiving.receipt_for(parcel, recipient), parcel, recipient)
    assert len(check(parcel, recipient, path).receipts) == 1
    other = tmp_path / "by mail.json"
    other.write_bytes(path.read_bytes())
    other.with_name("by mail.json.p7s").write_bytes(path.with_name(f"{path.name}.p7s").read_bytes())
    path.unlink()
    assert len(check(parcel, recipient, other).receipts) == 1


def test_what_is_missing_or_damaged_is_said(parcel: Parcel, recipient: KeyPair) -> None:
    parcel.media.write_bytes(b"x" * 6600)
    damaged = receiving.receipt_for(parcel, recipient)
    assert (damaged["complete"], damaged["files"][0]["state"]) == (False, "damaged")
    parcel.media.unlink()
    missing = receiving.receipt_for(parcel, recipient)
    assert (missing["complete"], missing["files"][0]["state"]) == (False, "missing")
    receiving.write(missing, parcel, recipient)
    result = check(parcel, recipient)
    assert failed(result) == [5]  # here the file is gone as well
    detail = next(step.detail for step in result.steps if step.number == 12)
    assert "INCOMPLETE, clip.mp4 is missing" in detail


def test_what_does_not_decode_is_intact_and_said(parcel: Parcel, recipient: KeyPair) -> None:
    played = [Played(name="clip.mp4", frames=3, fault="2 packet(s) do not decode")]
    receiving.write(receiving.receipt_for(parcel, recipient, played), parcel, recipient)
    result = check(parcel, recipient)
    assert result.ok
    assert result.receipts[0].complete
    assert "do NOT decode" in str(result.receipts[0])


def test_an_unknown_recipient_fails(parcel: Parcel, recipient: KeyPair) -> None:
    receiving.write(receiving.receipt_for(parcel, recipient), parcel, recipient)
    result = check(parcel, None)
    assert failed(result) == [12]
    assert "--receipt-ca" in next(step.detail for step in result.steps if step.number == 12)


def test_a_receipt_for_another_delivery_fails(
    parcel: Parcel, recipient: KeyPair, tmp_path: Path, pair: KeyPair
) -> None:
    def other_case(document: dict[str, Any]) -> None:
        document["predicate"]["case"] = {"urn": "another"}

    other = deliveries.make(tmp_path / "other", pair, change=other_case)
    path = receiving.write(receiving.receipt_for(other, recipient), other, recipient)
    result = check(parcel, recipient, path)
    assert failed(result) == [12]
    assert "for another delivery" in next(step.detail for step in result.steps if step.number == 12)


@pytest.mark.parametrize("name", ["clip.receipt.json", "clip.receipt.json.p7s"])
def test_one_flipped_byte_anywhere_fails(name: str, parcel: Parcel, recipient: KeyPair) -> None:
    receiving.write(receiving.receipt_for(parcel, recipient), parcel, recipient)
    path = parcel.folder / name
    original = path.read_bytes()
    for position in range(0, len(original), 7):
        changed = bytearray(original)
        changed[position] ^= 0x04
        path.write_bytes(changed)
        assert failed(check(parcel, recipient)) == [12], position


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.update(signer={**said["signer"], "certificate_sha256": "00" * 32}),
        lambda said: said.update(extra=1),
        lambda said: said.pop("counts"),
        lambda said: said.update(complete="yes"),
        lambda said: said["files"][0].update(state="fine"),
    ],
)
def test_a_signed_receipt_that_makes_no_sense_fails(
    change: Callable[[dict[str, Any]], Any], parcel: Parcel, recipient: KeyPair
) -> None:
    said = receiving.receipt_for(parcel, recipient)
    change(said)
    receiving.write(said, parcel, recipient)
    assert failed(check(parcel, recipient)) == [12]


def test_a_forged_receipt_does_not_hide_a_genuine_one(parcel: Parcel, recipient: KeyPair) -> None:
    receiving.write(receiving.receipt_for(parcel, recipient), parcel, recipient)
    forged = authorities.organisation()
    receiving.write(receiving.receipt_for(parcel, forged), parcel, forged, name="clip.receipt-2.json")
    result = check(parcel, recipient)
    assert failed(result) == [12]
    assert len(result.receipts) == 1


def test_a_receipt_without_its_signature_fails(parcel: Parcel, recipient: KeyPair) -> None:
    path = receiving.write(receiving.receipt_for(parcel, recipient), parcel, recipient)
    path.with_name(f"{path.name}.p7s").unlink()
    assert failed(check(parcel, recipient)) == [12]


def many(parcel: Parcel, recipient: KeyPair, states: list[str]) -> dict[str, Any]:
    said = receiving.receipt_for(parcel, recipient)
    item = said["files"][0]
    return said | {"files": [item | {"name": f"part-{n:04}.mp4", "state": state} for n, state in enumerate(states)]}


def test_a_receipt_stays_under_the_cap_and_keeps_what_lacks(parcel: Parcel, recipient: KeyPair) -> None:
    states = ["intact"] * 400 + ["missing"] * 3
    said = many(parcel, recipient, states)
    content = receipts.canonical(said, 5000)
    assert len(content) <= 5000
    read = receipts.parse(content)
    assert [item["name"] for item in read["files"]] == [f"part-{n:04}.mp4" for n in (400, 401, 402)]
    assert (read["intact_omitted"], read["lacking_omitted"]) == (400, 0)
    lost = receipts.parse(receipts.canonical(many(parcel, recipient, ["missing"] * 400), 5000))
    assert len(lost["files"]) + lost["lacking_omitted"] == 400
    assert lost["files"]
    with pytest.raises(CapUnreachable):
        receipts.canonical(said, 500)


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([3], "3"), ([1, 2, 3, 9], "1-3,9"), ([4, 2], "2,4"), ([5, 6], "5-6")]
)
def test_numbers_of_volumes_are_ranges(numbers: list[int], text: str) -> None:
    assert arrival.ranges(numbers) == text


def test_a_receipt_that_is_not_canonical_is_refused(parcel: Parcel, recipient: KeyPair) -> None:
    content = json.dumps(receiving.receipt_for(parcel, recipient), indent=1).encode()
    with pytest.raises(CertificateError) as caught:
        receipts.parse(content)
    assert caught.value.code == "receipt-invalid"

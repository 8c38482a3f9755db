"""Verification in numbered steps: which step finds which change."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import deliveries
from tests.helpers.deliveries import Parcel, failed, outcomes
from transcoder.certificate import verify
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.verify import Outcome, Step
from transcoder.errors import InputError

PASSED, FAILED, SKIPPED = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED


@pytest.fixture
def parcel(tmp_path: Path, pair: KeyPair) -> Parcel:
    return deliveries.make(tmp_path, pair)


def hostile(tmp_path: Path, pair: KeyPair, change: Callable[[dict[str, Any]], None]) -> Parcel:
    """A delivery whose statement was changed *before* it was signed, as a hostile sender could."""
    return deliveries.make(tmp_path, pair, change=change)


def test_an_untouched_delivery_verifies(parcel: Parcel) -> None:
    result = parcel.verify(source=parcel.master)
    assert result.ok
    assert result.verdict == "meets-floor"
    assert [outcomes(result)[n] for n in range(1, 8)] == [PASSED] * 7


STEPS = [*range(1, 14)]


def test_steps_are_numbered_in_order_as_the_docstring_says(parcel: Parcel) -> None:
    documented = [int(n) for n in re.findall(r"^(\d+)\. ", verify.__doc__ or "", re.MULTILINE)]
    assert documented == STEPS
    for source in (None, parcel.master, parcel.media):
        assert [step.number for step in parcel.verify(source=source).steps] == documented


def test_without_the_source_its_steps_are_skipped(parcel: Parcel) -> None:
    result = parcel.verify()
    assert result.ok
    assert [outcomes(result)[n] for n in (7, 8, 9)] == [SKIPPED] * 3


def test_with_the_source_the_measuring_steps_run(parcel: Parcel) -> None:
    seen: list[tuple[Path, Path]] = []

    def measure(parsed: dict[str, Any], source: Path, folder: Path) -> list[Step]:
        seen.append((source, folder))
        return [Step(number=n, title="", outcome=FAILED, detail="") for n in (8, 9)]

    result = verify.verify(parcel.certificate, anchors=parcel.pair.chain, source=parcel.master, measure=measure)
    assert seen == [(parcel.master, parcel.folder)]
    assert failed(result) == [8, 9]
    assert not result.ok


def test_a_missing_file_is_found(parcel: Parcel) -> None:
    parcel.media.unlink()
    assert failed(parcel.verify()) == [5]


@pytest.mark.parametrize("position", [0, 1, 700, 3000, -1])
def test_a_changed_byte_of_the_file_is_found(position: int, parcel: Parcel) -> None:
    data = bytearray(parcel.media.read_bytes())
    data[position] ^= 0x01
    parcel.media.write_bytes(data)
    assert failed(parcel.verify()) == [5]


@pytest.mark.parametrize("edit", [lambda d: d + b"\0", lambda d: d[:-1], lambda d: b"", lambda d: d[::-1]])
def test_a_longer_shorter_or_reordered_file_is_found(edit: Callable[[bytes], bytes], parcel: Parcel) -> None:
    parcel.media.write_bytes(edit(parcel.media.read_bytes()))
    assert failed(parcel.verify()) == [5]


def test_files_of_two_deliveries_swapped_are_found(tmp_path: Path, pair: KeyPair) -> None:
    def two(document: dict[str, Any]) -> None:
        first = document["predicate"]["files"][0]
        second = {**first, "name": "second.mp4", "sha256": "00" * 32}
        document["predicate"]["files"].append(second)
        document["subject"].append({"name": "second.mp4", "digest": {"sha256": "00" * 32}})

    parcel = deliveries.make(tmp_path, pair, change=two)
    second = parcel.folder / "second.mp4"
    second.write_bytes(parcel.media.read_bytes())
    parcel.media.write_bytes(b"something else")
    assert failed(parcel.verify()) == [5]


def test_the_same_file_under_another_name_is_missing(parcel: Parcel) -> None:
    parcel.media.rename(parcel.folder / "other.mp4")
    assert failed(parcel.verify()) == [5]


def test_a_changed_certificate_is_found_at_step_2_and_4_others_still_run(parcel: Parcel) -> None:
    content = parcel.certificate.read_bytes()
    parcel.certificate.write_bytes(content.replace(b'"meets-floor"', b'"lossless"'))
    result = parcel.verify()
    assert outcomes(result)[1] is PASSED
    assert failed(result)[0] == 2
    assert outcomes(result)[5] is PASSED
    assert not result.ok


def test_a_certificate_that_is_not_one_fails_from_step_1(parcel: Parcel) -> None:
    parcel.certificate.write_text("{}")
    result = parcel.verify(source=parcel.master)
    assert failed(result)[:2] == [1, 2]
    assert result.verdict is None


def test_a_missing_signature_is_found(parcel: Parcel) -> None:
    parcel.signature.unlink()
    result = parcel.verify()
    assert failed(result) == [2, 3, 4]
    assert "p7s" in next(step.detail for step in result.steps if step.number == 2)


def test_the_signature_of_another_delivery_does_not_fit(tmp_path: Path, pair: KeyPair, parcel: Parcel) -> None:
    def other_case(document: dict[str, Any]) -> None:
        document["predicate"]["case"] = {"urn": "another"}

    other = deliveries.make(tmp_path / "other", pair, change=other_case)
    parcel.signature.write_bytes(other.signature.read_bytes())
    assert failed(parcel.verify())[0] == 2


def test_an_unknown_authority_fails_step_3_only(parcel: Parcel) -> None:
    result = verify.verify(parcel.certificate, anchors=(), source=None, measure=None)
    assert failed(result) == [3]


@pytest.mark.parametrize("role", ["media", "report", "certificate", "signature"])
def test_any_file_over_the_cap_is_found(role: str, tmp_path: Path, pair: KeyPair) -> None:
    """The cap is 5,000 bytes here; each file of the delivery counts, the certificate's own included."""
    parcel = deliveries.make(tmp_path, pair, change=lambda d: d["predicate"]["profile"].update(payload_cap_bytes=7000))
    assert failed(parcel.verify()) == []
    path: Path = getattr(parcel, role)
    path.write_bytes(path.read_bytes() + b" " * 7000)
    assert 6 in failed(parcel.verify())


def test_a_certified_file_over_the_certified_cap_is_found(tmp_path: Path, pair: KeyPair) -> None:
    parcel = deliveries.make(tmp_path, pair, change=lambda d: d["predicate"]["profile"].update(payload_cap_bytes=6599))
    assert parcel.media.stat().st_size == 6600
    assert failed(parcel.verify()) == [6]


def test_the_wrong_source_is_found(parcel: Parcel, tmp_path: Path) -> None:
    changed = tmp_path / "other.avi"
    changed.write_bytes(parcel.master.read_bytes()[:-1] + b"!")
    result = parcel.verify(source=changed)
    assert failed(result) == [7]
    assert [outcomes(result)[n] for n in (8, 9)] == [SKIPPED] * 2
    assert failed(parcel.verify(source=tmp_path / "none.avi")) == [7]


def test_a_refusal_verifies_and_needs_no_file(tmp_path: Path, pair: KeyPair) -> None:
    parcel = deliveries.make(tmp_path, pair, refused=True)
    result = parcel.verify(source=parcel.master)
    assert result.ok
    assert result.verdict == "refused"
    assert outcomes(result)[5] is PASSED


def test_subjects_and_files_must_agree(tmp_path: Path, pair: KeyPair) -> None:
    def differ(document: dict[str, Any]) -> None:
        document["subject"][0]["digest"]["sha256"] = "00" * 32

    assert failed(hostile(tmp_path, pair, differ).verify()) == [5]


def _named(name: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["predicate"]["files"][0]["name"] = name
        document["subject"][0]["name"] = name

    return change


@pytest.mark.parametrize("name", ["..", "clip.mp4 ", "delivery", "CLIP.MP4"])
def test_a_name_that_is_not_the_file_is_missing(name: str, tmp_path: Path, pair: KeyPair) -> None:
    assert 5 in failed(hostile(tmp_path, pair, _named(name)).verify())


@pytest.mark.parametrize(
    "name",
    ["../master.avi", "/etc/hostname", "sub/clip.mp4", "", ".", "x" * 5000],
    ids=["parent", "absolute", "below", "empty", "dot", "too long"],
)
def test_a_name_outside_the_folder_is_refused(name: str, tmp_path: Path, pair: KeyPair) -> None:
    assert 5 in failed(hostile(tmp_path, pair, _named(name)).verify())


def test_a_name_with_a_nul_is_refused(tmp_path: Path, pair: KeyPair) -> None:
    assert 5 in failed(hostile(tmp_path, pair, _named("clip\0.mp4")).verify())


def test_find_certificates_of_a_folder_a_file_and_each_sidecar(parcel: Parcel) -> None:
    for path in (parcel.folder, parcel.media, parcel.certificate, parcel.signature, parcel.report):
        assert verify.find_certificates(path) == [parcel.certificate]


def test_find_certificates_says_what_to_name(tmp_path: Path) -> None:
    (tmp_path / "lonely.mp4").write_bytes(b"x")
    for path in (tmp_path, tmp_path / "lonely.mp4", tmp_path / "none.certificate.json"):
        with pytest.raises(InputError) as caught:
            verify.find_certificates(path)
        assert caught.value.code == "no-certificate"
        assert caught.value.hint


def test_the_json_form_has_every_step(parcel: Parcel) -> None:
    described = parcel.verify().to_dict()
    assert described["ok"] is True
    assert isinstance(described["steps"], list)
    assert [step["number"] for step in described["steps"]] == STEPS
    assert described["receipts"] == []

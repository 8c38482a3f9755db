"""The promise of compatibility: what any earlier version signed still verifies, byte for byte as it was stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.deliveries import outcomes
from transcoder.app import export_record, render_report, verify
from transcoder.certificate.delivered import ENDINGS
from transcoder.certificate.verify import Outcome

STORED = Path(__file__).resolve().parents[1] / "data" / "certificates"
CERTIFICATES = sorted(item for ending in ENDINGS for item in STORED.glob(f"*/*{ending}"))


def label(path: Path) -> str:
    return f"{path.parent.name}/{path.name.partition('_')[0]}.{path.name.rsplit('.', 2)[1]}"


def master_of(certificate: Path) -> Path:
    name: str = json.loads(certificate.read_bytes())["predicate"]["source"]["name"]
    return certificate.parent / "masters" / name


def test_a_video_a_picture_and_a_refusal_are_stored() -> None:
    names = {label(path) for path in CERTIFICATES}
    assert {"first/clip.certificate", "first/scene.certificate", "first/clip.refusal"} <= names
    assert {"credentials/clip.certificate", "credentials/scene.certificate"} <= names


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=label)
def test_it_verifies_by_itself_and_against_its_master(certificate: Path) -> None:
    authority = certificate.parent / "ca.pem"
    (alone,) = verify(certificate, ca=authority)
    assert alone.ok, alone.steps
    (measured,) = verify(certificate, source=master_of(certificate), ca=authority)
    assert measured.ok, measured.steps
    assert outcomes(measured)[7] == Outcome.PASSED
    predicate = json.loads(certificate.read_bytes())["predicate"]
    if predicate["delivery"] is not None and predicate["fidelity"] is not None:  # else nothing was measured
        assert [outcomes(measured)[number] for number in (8, 9)] == [Outcome.PASSED] * 2


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=label)
def test_it_is_reported_and_exported(certificate: Path, tmp_path: Path) -> None:
    authority = certificate.parent / "ca.pem"
    (page,) = render_report(certificate, out=tmp_path / "report.html", source=master_of(certificate), ca=authority)
    assert master_of(certificate).name in page.read_text(encoding="utf-8")
    for vocabulary in ("case", "premis"):
        assert export_record(certificate, vocabulary=vocabulary, out=tmp_path / vocabulary, ca=authority).stat().st_size

"""A deadline lowers the encoder's effort, and nothing else."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from transcoder import transcode, verify


@pytest.mark.parametrize(("within_s", "usual"), [(Fraction(3600), True), (Fraction(1), False)])
def test_effort_is_given_up_only_where_time_is_short(
    within_s: Fraction, usual: bool, samples: Path, tmp_path: Path
) -> None:
    delivery = transcode(samples / "cctv_day.avi", out=tmp_path, cap_bytes=400_000, within_s=within_s)
    predicate = delivery.statement["predicate"]
    haste = predicate["haste"]  # type: ignore[index]
    assert (haste["preset"] == haste["usual_preset"]) is usual
    assert haste["in_time"] is usual
    assert predicate["delivery"]["settings"]["preset"] == haste["preset"]  # type: ignore[index]
    assert haste["within_s"] == str(within_s)
    assert delivery.fidelity is not None
    assert delivery.fidelity.frames == 100
    assert verify(tmp_path, source=samples / "cctv_day.avi")[0].ok

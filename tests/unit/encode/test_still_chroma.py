"""Which chroma a picture is tried with: full where colour is evidence, or where the cap leaves room for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import factories
from transcoder.encode.still_rungs import CHROMA_KINDS, lossy_rungs
from transcoder.model import RegionKind, Rung


def rungs(name: str, kinds: tuple[RegionKind, ...] | None, **still: Any) -> list[Rung]:
    return list(lossy_rungs(factories.still_source(factories.still_info(**still)), name, kinds))


def lows(found: list[Rung]) -> list[tuple[object, float]]:
    return [(rung.settings.get("subsampling"), rung.knob.low) for rung in found if rung.knob is not None]


EVIDENCE = [("4:4:4", 60), ("4:2:0", 5)]


@pytest.mark.parametrize("kind", sorted(CHROMA_KINDS))
def test_a_region_whose_colour_counts_gets_full_chroma_down_to_a_middling_quality(kind: RegionKind) -> None:
    assert lows(rungs("jpeg", (RegionKind.MOTION, kind))) == EVIDENCE


@pytest.mark.parametrize("kinds", [(), (RegionKind.VEHICLE, RegionKind.MOTION)])
def test_elsewhere_full_chroma_must_not_cost_luma(kinds: tuple[RegionKind, ...]) -> None:
    found = rungs("jpeg", kinds)
    assert lows(found) == [("4:4:4", 90), ("4:2:0", 5)]
    assert all(rung.knob is not None and rung.knob.low <= rung.knob.start <= rung.knob.high for rung in found)


def test_where_nobody_looked_colour_may_be_evidence() -> None:
    assert lows(rungs("jpeg", None)) == EVIDENCE


@pytest.mark.parametrize("kinds", [None, (), (RegionKind.FACE,)])
def test_what_the_source_does_not_have_is_not_made(kinds: tuple[RegionKind, ...] | None) -> None:
    assert lows(rungs("jpeg", kinds, subsampling="4:2:0")) == [("4:2:0", 5)]
    assert lows(rungs("jpeg", kinds, mode="L", subsampling=None)) == [(None, 5)]


def test_avif_pays_little_for_full_chroma_and_webp_has_no_choice() -> None:
    assert lows(rungs("avif", ())) == [("4:4:4", 5), ("4:2:0", 5)]
    assert lows(rungs("webp", ())) == [(None, 5)]

"""Which rungs apply to a picture, and why the others do not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import factories
from transcoder.encode.ladder import Plan, plan_ladder
from transcoder.model import Fate, RungName

CAP = 1_000_000


def plan(formats: tuple[str, ...] = ("jpeg", "png"), size: int = 2_000_000, **still: Any) -> Plan:
    source = factories.still_source(factories.still_info(**still), bytes=size)
    return plan_ladder(source, factories.profile(still=factories.still_rules(*formats)), CAP)


def encoders(found: Plan) -> list[str]:
    return [rung.encoder for rung in found.rungs if rung is not found.parts]


def reason(found: Plan, name: RungName) -> str:
    (text,) = [why for rung, why in found.skipped if rung is name]
    return text


def test_a_small_jpeg_goes_as_it_is_and_keeps_its_ending() -> None:
    found = plan(size=CAP)
    assert encoders(found)[0] == "copy"
    assert found.rungs[0].extension == "jpeg"
    assert found.rungs[0].fates[0].fate is Fate.KEPT


def test_a_large_jpeg_is_recoded_first_and_then_compressed_with_full_chroma_first() -> None:
    found = plan()
    assert encoders(found) == ["jpeg-recode", "jpeg", "jpeg"]
    assert [rung.settings.get("subsampling") for rung in found.whole] == ["4:4:4", "4:2:0"]
    assert str(2_000_000) in reason(found, RungName.UNCHANGED)


def test_a_source_without_finer_chroma_gains_nothing_from_it() -> None:
    assert [r.settings.get("subsampling") for r in plan(subsampling="4:2:0").whole] == ["4:2:0"]


def test_grey_has_no_chroma_to_choose() -> None:
    assert encoders(plan(mode="L", subsampling=None)) == ["jpeg-recode", "jpeg"]


@pytest.mark.parametrize("name", ["png", "bmp", "tiff", "gif", "ppm", "tga", "pcx", "ico"])
def test_uncompressed_and_palette_formats_become_png(name: str) -> None:
    found = plan(format=name, subsampling=None)
    assert encoders(found)[0] == "png-recode"
    assert found.rungs[0].extension == "png"


@pytest.mark.parametrize(
    ("still", "recodes"),
    [
        ({"format": "tiff", "mode": "CMYK"}, False),
        ({"format": "tiff", "mode": "LAB"}, False),
        ({"format": "tiff", "mode": "F", "bit_depth": 16}, False),
        ({"format": "tiff", "mode": "I;16", "bit_depth": 16}, True),
        ({"format": "tiff", "mode": "RGB", "bit_depth": 16}, False),
        ({"format": "png", "mode": "RGB", "bit_depth": 16}, True),
        ({"format": "heif", "mode": "RGB"}, False),
        ({"format": "webp", "mode": "RGB"}, False),
    ],
)
def test_what_png_cannot_hold_without_loss_is_not_called_lossless(still: dict[str, Any], recodes: bool) -> None:
    found = plan(subsampling=None, **still)
    assert ("png-recode" in encoders(found)) == recodes
    if not recodes:
        assert str(still["format"]) in reason(found, RungName.LOSSLESS)


def test_a_format_nobody_opens_is_not_sent_unchanged() -> None:
    found = plan(size=10, format="heif", subsampling=None)
    assert "copy" not in encoders(found)
    assert "heif" in reason(found, RungName.UNCHANGED)
    assert encoders(found) == ["jpeg", "jpeg"]


@pytest.mark.parametrize("name", ["tiff", "gif", "heif", "png"])
def test_several_pages_are_never_cut_to_one(name: str) -> None:
    found = plan(format=name, pages=3, subsampling=None)
    assert encoders(found) == []
    assert "3 pages" in reason(found, RungName.LOSSLESS)
    assert "3 pages" in reason(found, RungName.RE_ENCODE)


def test_a_cameras_further_views_do_not_stop_its_jpeg() -> None:
    assert encoders(plan(pages=2)) == ["jpeg-recode", "jpeg", "jpeg"]


def test_depth_and_orientation_are_accounted_for() -> None:
    found = plan(format="png", mode="I;16", bit_depth=16, orientation=6)
    lossless, lossy = ({item.item: item.fate for item in rung.fates} for rung in (found.rungs[0], found.whole[-1]))
    assert lossy["16 bits a sample"] is Fate.CONVERTED
    assert lossy["orientation tag 6"] is lossless["orientation tag 6"] is Fate.KEPT
    assert "16 bits a sample" not in lossless


def test_formats_in_the_profiles_order() -> None:
    found = plan(("avif", "webp", "jpeg", "png"))
    assert encoders(found) == ["jpeg-recode", "avif", "avif", "webp", "jpeg", "jpeg"]
    assert {rung.extension for rung in found.whole} == {"jpg", "avif", "webp"}
    assert all(rung.knob is not None and rung.knob.integer for rung in found.whole)


def test_png_alone_offers_no_lossy_way() -> None:
    found = plan(("png",), format="bmp", subsampling=None)
    assert encoders(found) == ["png-recode"]

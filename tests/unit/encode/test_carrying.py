"""Everything beside a picture's samples is kept as the bytes it is, or the certificate says why not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import factories, pictures, still_kinds
from transcoder.encode import carrying
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import ENCODERS, plan_ladder
from transcoder.media import anatomy, stills
from transcoder.media.anatomy.jpeg import Segment
from transcoder.media.probe import probe
from transcoder.model import Encoded, EncodeSpec, Fate, StillItem


def encode(path: Path, encoder: str, cap_bytes: int = 10**6) -> Encoded:
    workdir = path.parent / f"work-{encoder}"
    workdir.mkdir()
    profile = factories.profile(still=factories.still_rules("jpeg", "png", "webp", "avif"))
    job = EncodeJob(
        source=probe(path, sha256=""), profile=profile, cap_bytes=cap_bytes, workdir=workdir, tick=lambda *_: None
    )
    rung = next(rung for rung in plan_ladder(job.source, profile, 10).rungs if rung.encoder == encoder)
    return ENCODERS[encoder](job).encode(EncodeSpec(rung=rung, knob_value=80.0 if rung.knob else None))


def fates(encoded: Encoded) -> dict[str, Fate]:
    return {fate.item.split(" (")[0]: fate.fate for fate in encoded.fates}


def kinds(path: Path, name: str = "jpeg") -> dict[str, StillItem]:
    return {block.item.kind: block.item for block in anatomy.blocks(path, name)}


@pytest.mark.parametrize("encoder", ["jpeg", "jpeg-recode"])
def test_a_jpegs_blocks_are_in_the_next_jpeg_byte_for_byte(encoder: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(still_kinds.rich_jpeg())
    encoded = encode(tmp_path / "a.jpg", encoder)
    before, after = kinds(tmp_path / "a.jpg"), kinds(encoded.path)
    assert {kind: item.sha256 for kind, item in before.items() if kind != "c2pa"} == {
        kind: item.sha256 for kind, item in after.items()
    }
    assert fates(encoded)["JPEG APP11 C2PA manifest"] is Fate.LOST
    assert {fate for item, fate in fates(encoded).items() if not item.startswith(("JPEG APP11", "picture"))} == {
        Fate.KEPT
    }


@pytest.mark.parametrize(("cap", "fate"), [(10**6, Fate.KEPT), (100, Fate.LOST)])
def test_what_lies_behind_a_jpeg_goes_along_where_there_is_room(cap: int, fate: Fate, tmp_path: Path) -> None:
    tail = b"motion photo " * 300
    (tmp_path / "a.jpg").write_bytes(still_kinds.jpeg() + tail)
    encoded = encode(tmp_path / "a.jpg", "jpeg-recode", cap)
    assert fates(encoded)["data behind the end of the picture"] is fate
    assert encoded.path.read_bytes().endswith(tail) == (fate is Fate.KEPT)


@pytest.mark.parametrize(("cap", "fate"), [(10**6, Fate.KEPT), (100, Fate.LOST)])
def test_further_views_stay_readable_or_are_listed(cap: int, fate: Fate, tmp_path: Path) -> None:
    first, second = pictures.rgb(96, 64, seed=1), pictures.rgb(96, 64, seed=2)
    first.save(tmp_path / "a.mpo", "MPO", save_all=True, append_images=[second], quality=92)
    encoded = encode(tmp_path / "a.mpo", "jpeg-recode", cap)
    assert fates(encoded)["further picture behind the first"] is fate
    with Image.open(encoded.path) as image:
        assert getattr(image, "n_frames", 1) == (2 if fate is Fate.KEPT else 1)
        if fate is Fate.KEPT:
            image.seek(1)
            assert stills.pixels_equal(image, stills.load(tmp_path / "a.mpo", 1))


def test_blocks_nobody_reads_do_not_take_the_room_of_the_picture(tmp_path: Path) -> None:
    huge = [Segment(0xE7, b"FLIR\0" + bytes(60_000), 0) for _ in range(6)]
    small = Segment(0xE5, b"small\0block", 0)
    kept, notes = carrying.within([small, *huge], 1_000_000)
    assert kept == [small]
    assert set(notes.values()) == {"it would take more than 25% of the cap"}
    assert carrying.within([small, *huge], 2_000_000) == ([small, *huge], {})


def test_a_png_keeps_its_chunks_and_what_jpeg_cannot_hold_is_said(tmp_path: Path) -> None:
    name, make = still_kinds.MADE_KINDS["PNG with every kind of block"]
    (tmp_path / name).write_bytes(make())
    lossless = fates(encode(tmp_path / name, "png-recode"))
    assert lossless["PNG chunk prIv"] is lossless["PNG chunk tIME time of last change"] is Fate.KEPT
    assert lossless["PNG chunk caBX C2PA manifest"] is Fate.LOST
    assert lossless["data behind the end of the picture"] is Fate.LOST
    encoded = encode(tmp_path / name, "jpeg")
    lossy = fates(encoded)
    assert lossy["PNG chunk tEXt"] is Fate.CONVERTED
    assert lossy["PNG chunk prIv"] is lossy["PNG chunk gAMA gamma"] is Fate.LOST
    with Image.open(encoded.path) as image:
        assert image.info["dpi"] == (96, 96)
    assert b"Author: A. N. Other" in encoded.path.read_bytes()


def test_a_tiffs_tags_travel_in_an_exif_block(tmp_path: Path) -> None:
    name, make = still_kinds.MADE_KINDS["TIFF with tags of its own"]
    (tmp_path / name).write_bytes(make())
    for encoder in ("png-recode", "jpeg", "webp"):
        encoded = encode(tmp_path / name, encoder)
        found = fates(encoded)
        assert found["TIFF tag 270 ImageDescription"] is found["TIFF tag 274 Orientation"] is Fate.CONVERTED
        assert found["TIFF tag 65000"] is Fate.LOST
        made = stills.identify(encoded.path)
        assert made is not None
        assert (made.orientation, made.width, made.height) == (6, still_kinds.WIDTH, still_kinds.HEIGHT)


@pytest.mark.parametrize(("encoder", "fate"), [("webp", Fate.KEPT), ("avif", Fate.CONVERTED)])
def test_transparency_stays_where_the_format_has_it(encoder: str, fate: Fate, tmp_path: Path) -> None:
    image = pictures.rgb(64, 48).convert("RGBA")
    alpha = Image.linear_gradient("L").resize((64, 48))
    image.putalpha(alpha)
    image.save(tmp_path / "a.png")
    encoded = encode(tmp_path / "a.png", encoder)
    assert fates(encoded)["transparency"] is fate
    made = np.asarray(stills.load(encoded.path).getchannel("A"), int)
    difference = np.abs(made - np.asarray(alpha, int))
    assert difference.max() == 0 if encoder == "webp" else difference.mean() < 4


def test_transparency_laid_on_white_is_said_of_jpeg(tmp_path: Path) -> None:
    name, make = still_kinds.MADE_KINDS["PNG, transparent"]
    (tmp_path / name).write_bytes(make())
    notes = [fate.note for fate in encode(tmp_path / name, "jpeg").fates if fate.item == "pixels"]
    assert notes == ["transparency was laid on white"]


def test_sixteen_bits_that_eight_could_hold_stay_sixteen(tmp_path: Path) -> None:
    name, make = still_kinds.MADE_KINDS["PNG, 16 bits, grey"]
    (tmp_path / name).write_bytes(make())
    made = stills.load(encode(tmp_path / name, "png-recode").path)
    assert made.mode == "I;16"


def test_a_damaged_picture_says_so_on_every_rung(tmp_path: Path) -> None:
    out = io.BytesIO()
    pictures.rgb(96, 64).save(out, "JPEG", quality=90)
    (tmp_path / "a.jpg").write_bytes(out.getvalue()[: len(out.getvalue()) // 2])
    source = probe(tmp_path / "a.jpg", sha256="")
    profile = factories.profile(still=factories.still_rules("jpeg", "png"))
    for rung in plan_ladder(source, profile, 10**6).rungs:
        if rung.fates:
            (note,) = [fate.note for fate in rung.fates if fate.fate is Fate.DAMAGED]
            assert note.startswith("rows ")
    lost = [fate.item for fate in encode(tmp_path / "a.jpg", "jpeg-recode").fates if fate.fate is Fate.LOST]
    assert lost == ["data that does not decode"]

"""Files of several pictures: every page or frame is delivered, measured against its own, and said to be which."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers import pictures, still_kinds
from transcoder import errors, transcode, verify
from transcoder.media import stills
from transcoder.model import Delivery, Verdict
from transcoder.profile import load


def pieces(delivery: Delivery) -> list[dict[str, object]]:
    found = delivery.statement["predicate"]["pieces"]["items"]  # type: ignore[index]
    assert isinstance(found, list)
    return found


def test_every_page_is_a_file_with_its_own_pixels(tmp_path: Path) -> None:
    pages = [pictures.rgb(96 + 16 * number, 64, seed=number) for number in range(3)]
    source = tmp_path / "scan.tif"
    pages[0].save(source, save_all=True, append_images=pages[1:], tiffinfo={306: "2024:01:02 03:04:05"})
    delivery = transcode(source, out=tmp_path / "out")
    assert (delivery.verdict, delivery.rung) == (Verdict.LOSSLESS, "split")
    files = [item.path for item in delivery.files if item.role == "page"]
    assert [path.name.rsplit("_", 1)[1] for path in files] == [f"page-0{n}-of-03.png" for n in (1, 2, 3)]
    assert all(stills.pixels_equal(stills.load(path), page) for path, page in zip(files, pages, strict=True))
    assert [item["page"] for item in pieces(delivery)] == [1, 2, 3]
    fates = {fate["item"]: fate["fate"] for fate in delivery.statement["predicate"]["fates"]}  # type: ignore[index]
    assert fates["page 2 (112x64)"] == "kept"
    assert fates["page 2: TIFF tag 306 DateTime (20 bytes)"] == "converted"
    (result,) = verify(tmp_path / "out", source=source)
    assert result.ok, result
    # A page in place of another is found, although both are the master's.
    first, third = files[0].read_bytes(), files[2].read_bytes()
    files[0].write_bytes(third)
    files[2].write_bytes(first)
    assert not verify(tmp_path / "out", source=source)[0].ok


def test_a_page_that_needs_it_is_compressed_and_measured_against_itself(tmp_path: Path) -> None:
    """Two pages under a small cap: a document that is lossless, and a photo that is not."""
    photo = pictures.rgb(320, 240)
    document = Image.new("RGB", (320, 240), "white")
    document.paste(Image.new("RGB", (100, 8), "black"), (40, 100))
    source = tmp_path / "mixed.tif"
    document.save(source, save_all=True, append_images=[photo])
    delivery = transcode(source, profile=load("cps-twif-1mb").with_cap(60_000), out=tmp_path / "out")
    assert delivery.verdict is Verdict.MEETS_FLOOR
    one, two = pieces(delivery)
    assert (one["lossless"], two["lossless"]) == (True, False)
    assert isinstance(two["p1"], dict)
    assert 0.75 <= two["p1"]["tile"] < 1
    assert delivery.fidelity is not None
    assert delivery.fidelity.frames == 2
    assert delivery.fidelity.score("tile").p1 == pytest.approx(two["p1"]["tile"], abs=1e-6)
    assert max(item.bytes for item in delivery.files) <= 60_000
    assert verify(tmp_path / "out", source=source)[0].ok


@pytest.mark.parametrize("kind", ["PNG, animated", "WebP, animated"])
def test_frames_of_a_short_animation_keep_how_long_they_are_shown(kind: str, tmp_path: Path) -> None:
    name, make = still_kinds.MADE_KINDS[kind]
    (tmp_path / name).write_bytes(make())
    profile = load("cps-twif-1mb").with_cap(50_000)
    if name.endswith("png"):  # it is small enough to go as it is; make it too large
        data = (tmp_path / name).read_bytes()
        padded = still_kinds.with_chunks(data, (b"paDd", bytes(60_000)))
        (tmp_path / name).write_bytes(padded)
    delivery = transcode(tmp_path / name, profile=profile, out=tmp_path / "out")
    assert [item["shown_ms"] for item in pieces(delivery)] == [100, 200, 300]
    assert [item.role for item in delivery.files].count("frame") == 3
    assert verify(tmp_path / "out", source=tmp_path / name)[0].ok


def test_a_page_that_does_not_decode_costs_only_itself(tmp_path: Path) -> None:
    source = tmp_path / "scan.tif"
    pages = [pictures.rgb(96, 64, seed=number) for number in range(3)]
    pages[0].save(source, save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate")
    data = bytearray(source.read_bytes())
    with Image.open(source) as image:
        image.seek(1)
        (start,), (length,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
    data[start : start + length] = bytes(length)
    source.write_bytes(data)
    delivery = transcode(source, out=tmp_path / "out")
    assert [item["page"] for item in pieces(delivery)] == [1, 3] or any(
        fate["item"] == "page 2"
        for fate in delivery.statement["predicate"]["fates"]  # type: ignore[index]
    )
    damaged = [f for f in delivery.statement["predicate"]["fates"] if f["fate"] == "damaged"]  # type: ignore[index]
    assert [fate["item"] for fate in damaged] == ["page 2"]
    assert verify(tmp_path / "out", source=source)[0].ok


def test_more_pages_than_files_allowed_is_a_refusal_with_the_number(tmp_path: Path) -> None:
    source = tmp_path / "scan.tif"
    pages = [pictures.rgb(32, 24, seed=number) for number in range(5)]
    pages[0].save(source, save_all=True, append_images=pages[1:])
    with pytest.raises(errors.NoAcceptableEncoding) as caught:
        transcode(source, profile=load("cps-twif-1mb").with_max_parts(3), out=tmp_path / "out")
    assert "5 pages" in str(caught.value)
    assert "--max-parts 5" in str(caught.value)
    with pytest.raises(errors.NoAcceptableEncoding):
        transcode(source, profile=load("cps-twif-1mb").with_max_parts(1), out=tmp_path / "one")


def test_a_loop_of_directories_ends(tmp_path: Path) -> None:
    source = tmp_path / "loop.tif"
    pictures.rgb(32, 24).save(source)
    data = bytearray(source.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    source.write_bytes(data)
    still = stills.identify(source)
    assert still is not None
    assert still.pages == 1

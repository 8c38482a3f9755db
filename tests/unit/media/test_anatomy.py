"""What a picture's file holds beside its samples: every block by name and bytes, and nothing that makes it raise."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, MpoImagePlugin  # noqa: F401 - registers the format

from tests.helpers import exif, pictures, still_kinds
from transcoder.media import anatomy, stills
from transcoder.media.anatomy import jpeg, tiff
from transcoder.model import StillItem


def items(path: Path, data: bytes, name: str) -> dict[str, StillItem]:
    path.write_bytes(data)
    return {block.item.kind: block.item for block in anatomy.blocks(path, name)}


def test_every_block_of_a_jpeg_is_named(tmp_path: Path) -> None:
    data = still_kinds.rich_jpeg() + b"hidden"
    found = items(tmp_path / "a.jpg", data, "jpeg")
    assert set(found) == {
        "app", "c2pa", "photoshop", "density", "exif", "xmp", "xmp-extended", "comment", "icc", "trailing"
    }  # fmt: skip
    assert found["exif"].bytes == len(exif.block(6, prefix=False))
    assert (found["icc"].bytes, found["xmp"].bytes) == (len(still_kinds.ICC), len(still_kinds.XMP))
    assert found["photoshop"].detail == "IPTC"
    assert found["trailing"].bytes == 6


@pytest.mark.parametrize(
    ("data", "meaning"),
    [
        (b"PK\3\4zip", "ZIP"),
        (b"\0\0\0\x18ftypmp42", "video"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"abcdefgh", "'abcdefgh'"),
    ],
)
def test_data_behind_the_end_is_described(data: bytes, meaning: str, tmp_path: Path) -> None:
    assert meaning in items(tmp_path / "a.jpg", still_kinds.jpeg() + data, "jpeg")["trailing"].detail
    png = io.BytesIO()
    pictures.rgb(8, 8).save(png, "PNG")
    assert meaning in items(tmp_path / "a.png", png.getvalue() + data, "png")["trailing"].detail


def test_every_chunk_of_a_png_is_named(tmp_path: Path) -> None:
    name, make = still_kinds.MADE_KINDS["PNG with every kind of block"]
    path = tmp_path / name
    path.write_bytes(make())
    names = " ".join(block.item.label for block in anatomy.blocks(path, "png"))
    for word in ("EXIF", "ICC", "XMP", "(Author)", "(Comment)", "gAMA", "tIME", "pHYs", "caBX", "prIv", "behind"):
        assert word in names
    text = next(block for block in anatomy.blocks(path, "png") if "zTXt" in block.item.name)
    assert text.payload.decode() == f"Comment: {still_kinds.TEXT * 40}"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif"])
def test_the_same_block_has_the_same_hash_in_every_format(name: str, tmp_path: Path) -> None:
    block = exif.block(1, others=3)
    pictures.rgb(32, 16).save(tmp_path / name, exif=block, icc_profile=still_kinds.ICC)
    format_name = {"jpg": "jpeg"}.get(name[2:], name[2:])
    found = {item.item.kind: item.payload for item in anatomy.blocks(tmp_path / name, format_name)}
    assert found["icc"] == still_kinds.ICC
    if format_name != "avif":  # whose encoder writes EXIF anew
        assert found["exif"] == block.removeprefix(b"Exif\0\0")


def test_tags_of_a_tiff_are_listed_by_number_and_fit_an_exif_block(tmp_path: Path) -> None:
    pictures.rgb(32, 16).save(
        tmp_path / "a.tif", tiffinfo={270: "gate 7, north", 274: 8, 306: "2024:01:02 03:04:05", 65000: "own"}
    )
    data = (tmp_path / "a.tif").read_bytes()
    names = [block.item.name for block in anatomy.blocks(tmp_path / "a.tif", "tiff")]
    assert "TIFF tag 270 ImageDescription" in names
    assert "TIFF tag 65000" in names
    assert [name for name in names if tiff.carried(name)] == [name for name in names if "65000" not in name]
    made = Image.Exif()
    made.load(tiff.exif_block(data))
    assert (made[270], made[274], made[306]) == ("gate 7, north", 8, "2024:01:02 03:04:05")
    assert 65000 not in made


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiffs_gps_goes_into_the_exif_block(order: str) -> None:
    """A TIFF with a description and a GPS directory, whose values lie anywhere in the file."""
    text, latitude = b"north gate\0\0", struct.pack(order + "6I", 51, 1, 30, 1, 26, 1)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(text) + len(latitude))
    start = len(head) + len(text) + len(latitude)
    gps = struct.pack(order + "HHHI4s", 1, 1, 2, 2, b"N\0\0\0") + struct.pack(order + "HHII", 2, 5, 3, 8 + len(text))
    gps = struct.pack(order + "H", 2) + gps[2:] + bytes(4)
    main = struct.pack(order + "H", 2) + struct.pack(order + "HHII", 270, 2, 11, 8)
    main += struct.pack(order + "HHII", 34853, 4, 1, start + 30) + bytes(4)
    data = head + text + latitude + main + gps
    made = Image.Exif()
    made.load(tiff.exif_block(data))
    assert made[270] == "north gate"
    assert made.get_ifd(34853)[1] == "N"
    assert [float(value) for value in made.get_ifd(34853)[2]] == [51, 30, 26]


def test_items_of_a_heif_are_named(tmp_path: Path) -> None:
    file: Any = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]
    for number in (1, 2):
        file.add_from_pillow(pictures.rgb(256, 192, seed=number))
    file.save(tmp_path / "a.heic", quality=60, exif=exif.block(1), xmp=still_kinds.XMP)
    found = anatomy.blocks(tmp_path / "a.heic", "heif")
    kinds = {block.item.kind: block for block in found}
    assert kinds["exif"].payload == exif.block(1, prefix=False)
    assert kinds["xmp"].payload == still_kinds.XMP
    assert kinds["picture"].item.bytes > 100


def test_further_views_are_found_by_their_index_and_follow_when_the_file_shrinks(tmp_path: Path) -> None:
    first, second = pictures.rgb(64, 48, seed=1), pictures.rgb(64, 48, seed=2)
    first.save(tmp_path / "a.mpo", "MPO", save_all=True, append_images=[second], quality=90)
    data = (tmp_path / "a.mpo").read_bytes()
    kinds = [block.item.kind for block in anatomy.blocks(tmp_path / "a.mpo", "jpeg")]
    assert kinds.count("picture") == 1
    shape = jpeg.layout(data)
    assert shape.end is not None
    index = next(segment for segment in shape.segments if segment.payload.startswith(b"MPF\0"))
    longer = data[:2] + still_kinds.segment(0xE5, bytes(1000)) + data[2:]
    moved = jpeg.reindexed(index.payload, 0, shape.end + 1004)
    assert moved is not None
    (tmp_path / "b.mpo").write_bytes(longer.replace(index.payload, moved))
    with Image.open(tmp_path / "b.mpo") as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]
        image.seek(1)
        assert image.convert("RGB").tobytes() == stills.load(tmp_path / "a.mpo", 1).tobytes()


SEEDS = {
    "jpeg": still_kinds.rich_jpeg(),
    "png": still_kinds.MADE_KINDS["PNG with every kind of block"][1](),
    "tiff": still_kinds.MADE_KINDS["TIFF with tags of its own"][1](),
    "heif": still_kinds.MADE_KINDS["HEIC with several pictures"][1](),
    "webp": still_kinds.MADE_KINDS["WebP with EXIF, ICC and XMP"][1](),
    "gif": still_kinds.MADE_KINDS["GIF with a transparent colour and a comment"][1](),
    "bmp": still_kinds.MADE_KINDS["BMP with alpha"][1](),
    "tga": still_kinds.MADE_KINDS["TGA"][1](),
    "ico": b"\0\0\1\0\3\0" + bytes(range(48)),
    "jpeg2000": b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14xml <a/>" + bytes(20),
}


@given(name=st.sampled_from(sorted(SEEDS)), data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cut_or_garbled_file_never_raises(name: str, data: st.DataObject, tmp_path: Path) -> None:
    seed = bytearray(SEEDS[name])
    for place in data.draw(st.lists(st.integers(0, len(seed) - 1), max_size=6)):
        seed[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(seed)))
    path = tmp_path / f"a.{name}"
    path.write_bytes(bytes(seed[:cut]))
    found = anatomy.blocks(path, name)
    assert sum(block.item.bytes for block in found if block.item.kind == "trailing") <= cut

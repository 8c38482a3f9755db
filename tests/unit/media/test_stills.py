"""Pictures: what they are, their pixels as a viewer shows them, and metadata as bytes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests.helpers import exif, pictures
from transcoder.errors import InputError
from transcoder.media import anatomy, stills

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>\xc3\xa9</a></x:xmpmeta>'


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def test_a_jpeg_is_described(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.jpg", pictures.rgb(64, 48), quality=90, subsampling="4:2:2", exif=exif.block(6), icc_profile=ICC,
        xmp=XMP,
    )  # fmt: skip
    still = stills.identify(path)
    assert still is not None
    assert (still.format, still.mode, still.width, still.height) == ("jpeg", "RGB", 64, 48)
    assert (still.subsampling, still.orientation, still.bit_depth, still.pages) == ("4:2:2", 6, 8, 1)
    assert (still.exif_bytes, still.icc_bytes, still.xmp_bytes) == (len(exif.block(6)), len(ICC), len(XMP))
    assert still.extras == ()


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_chroma_sampling_is_read(sampling: str, tmp_path: Path) -> None:
    still = stills.identify(save(tmp_path / "a.jpg", pictures.rgb(32, 32), subsampling=sampling))
    assert still is not None
    assert still.subsampling == sampling


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [("a.png", "RGB", "png"), ("a.bmp", "RGB", "bmp"), ("a.tif", "CMYK", "tiff"), ("a.gif", "P", "gif"),
     ("a.webp", "RGB", "webp"), ("a.tga", "RGB", "tga"), ("a.ppm", "RGB", "ppm"), ("a.png", "1", "png")],
)  # fmt: skip
def test_formats_are_known_by_content_not_name(name: str, mode: str, expected: str, tmp_path: Path) -> None:
    path = save(tmp_path / name, pictures.rgb(32, 24).convert(mode))
    disguised = path.rename(tmp_path / "evidence.dat")
    still = stills.identify(disguised)
    assert still is not None
    assert (still.format, still.width, still.height) == (expected, 32, 24)


def test_depth_pages_and_transparency(tmp_path: Path) -> None:
    deep = save(tmp_path / "deep.png", Image.fromarray(np.full((9, 9), 40_000, np.uint16)))
    pages = save(tmp_path / "pages.tif", pictures.rgb(16, 16), save_all=True, append_images=[pictures.rgb(16, 16)] * 2)
    clear = save(tmp_path / "clear.png", Image.new("RGBA", (8, 8), (1, 2, 3, 4)))
    described = [stills.identify(path) for path in (deep, pages, clear)]
    assert all(described)
    assert [still.bit_depth for still in described if still] == [16, 8, 8]
    assert [still.pages for still in described if still] == [1, 3, 1]
    assert [still.has_transparency for still in described if still] == [False, False, True]
    assert described[1] is not None
    assert "2 further picture(s)" in described[1].extras


def test_what_is_not_a_still_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("this is no picture")
    (tmp_path / "head.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    frames = [pictures.rgb(16, 16, seed=n).convert("P") for n in range(3)]
    moving = save(tmp_path / "moving.gif", frames[0], save_all=True, append_images=frames[1:], duration=100)
    for path in (tmp_path / "text.jpg", tmp_path / "head.jpg", moving):
        assert stills.identify(path) is None


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = b"P5 40000 40000 255\n"
    (tmp_path / "bomb.pgm").write_bytes(header)
    with pytest.raises(InputError) as caught:
        stills.identify(tmp_path / "bomb.pgm")
    assert caught.value.code == "too-many-pixels"


def test_a_picture_of_which_nothing_decodes_is_an_error_of_ours(tmp_path: Path) -> None:
    data = save(tmp_path / "a.png", pictures.rgb(64, 64)).read_bytes()
    for name, content in (("head.png", data[:60]), ("text.png", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as caught:
            stills.load(tmp_path / name)
        assert caught.value.code == "input-damaged"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_metadata_is_the_bytes_it_was(name: str, tmp_path: Path) -> None:
    extra: dict[str, Any] = {"xmp": XMP}
    if name.endswith("png"):
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        extra = {"pnginfo": info}
    path = save(tmp_path / name, pictures.rgb(16, 16), exif=exif.block(3), icc_profile=ICC, **extra)
    found_exif, found_icc, found_xmp = stills.read_metadata(path)
    assert found_exif.removeprefix(b"Exif\0\0") == exif.block(3, prefix=False)
    assert found_icc == ICC
    assert found_xmp == XMP


def test_no_metadata_is_empty(tmp_path: Path) -> None:
    assert stills.read_metadata(save(tmp_path / "a.bmp", pictures.rgb(8, 8))) == (b"", b"", b"")


def behind(path: Path) -> list[bytes]:
    """Payloads of what lies behind the picture."""
    return [block.payload for block in anatomy.blocks(path, "jpeg") if block.item.kind in ("trailing", "picture")]


def _jpeg(**options: Any) -> bytes:
    out = io.BytesIO()
    pictures.rgb(64, 48).save(out, "JPEG", quality=92, **options)
    return out.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restart", [0, 1])
def test_bytes_behind_the_picture_are_counted(progressive: bool, restart: int, tmp_path: Path) -> None:
    data = _jpeg(progressive=progressive, restart_marker_rows=restart)
    for tail, found in ((b"", []), (b"\0" * 50, []), (b"motion photo", [b"motion photo"]), (_jpeg(), [_jpeg()])):
        (tmp_path / "a.jpg").write_bytes(data + tail)
        assert behind(tmp_path / "a.jpg") == found


def test_an_embedded_thumbnail_is_not_the_end(tmp_path: Path) -> None:
    thumbnail = _jpeg()[:3000] + b"\xff\xd9"
    (tmp_path / "a.jpg").write_bytes(_jpeg(exif=b"Exif\0\0" + thumbnail) + b"tail")
    assert behind(tmp_path / "a.jpg") == [b"tail"]


def test_fill_bytes_before_a_marker_are_legal(tmp_path: Path) -> None:
    data = _jpeg()
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xff\xff" + data[2:] + b"motion photo")
    assert behind(tmp_path / "a.jpg") == [b"motion photo"]


@pytest.mark.parametrize("cut", range(0, 700, 23))
def test_a_cut_or_garbled_jpeg_never_hangs(cut: int, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(_jpeg()[:cut] + b"\xff\xc0\0\0" * 20)
    assert len(anatomy.blocks(tmp_path / "a.jpg", "jpeg")) >= 0


def rgb_of(image: Image.Image) -> tuple[Image.Image, str]:
    converted, notes = stills.as_rgb(image)
    return converted, " ".join(notes)


def test_plain_rgb_and_grey_are_left_as_they_are() -> None:
    for mode in ("RGB", "L"):
        image = pictures.rgb(16, 12).convert(mode)
        converted, notes = rgb_of(image)
        assert converted.mode == mode
        assert np.array_equal(np.asarray(converted), np.asarray(image))
        assert notes == ""


def test_one_bit_becomes_grey() -> None:
    converted, _ = rgb_of(pictures.rgb(16, 12).convert("1"))
    assert converted.mode == "L"
    assert set(np.unique(np.asarray(converted))) == {0, 255}


def test_an_opaque_alpha_channel_is_left_out_and_said() -> None:
    image = pictures.rgb(16, 12)
    converted, notes = rgb_of(image.convert("RGBA"))
    assert converted.mode == "RGB"
    assert np.array_equal(np.asarray(converted), np.asarray(image))
    assert "opaque" in notes


def test_transparency_is_laid_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (200, 0, 0, 255))
    image.putpixel((1, 0), (200, 0, 0, 0))
    converted, notes = rgb_of(image)
    assert converted.getpixel((0, 0)) == (200, 0, 0)
    assert converted.getpixel((1, 0)) == (255, 255, 255)
    assert "white" in notes


def test_a_transparent_palette_entry_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 1
    converted, notes = rgb_of(image)
    assert converted.getpixel((0, 0)) == (10, 20, 30)
    assert converted.getpixel((1, 0)) == (255, 255, 255)
    assert "white" in notes


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_sixteen_bits_keep_their_upper_eight(dtype: str) -> None:
    values = np.array([[0, 255, 256, 40_000, 65_535]], dtype=dtype)
    mode = "I;16" if dtype == "<u2" else "I;16B"
    image = Image.frombytes(mode, (5, 1), values.tobytes())
    converted, notes = rgb_of(image)
    assert converted.mode == "L"
    assert np.asarray(converted).tolist() == [[0, 0, 1, 156, 255]]
    assert "16-bit" in notes


def test_float_samples_are_scaled_and_said() -> None:
    converted, notes = rgb_of(Image.fromarray(np.array([[-1.0, 0.0, 1.0]], dtype=np.float32)))
    assert np.asarray(converted).tolist() == [[0, 127, 255]]
    assert "scaled" in notes


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV"])
def test_other_colour_models_become_rgb(mode: str) -> None:
    image = pictures.rgb(16, 12)
    converted, notes = rgb_of(image.convert(mode))
    assert converted.mode == "RGB"
    assert mode in notes
    assert np.abs(np.asarray(converted).astype(int) - np.asarray(image)).mean() < 3


def test_planes_for_comparison() -> None:
    colour = stills.ycbcr_planes(pictures.rgb(17, 9))
    grey = stills.ycbcr_planes(pictures.rgb(17, 9).convert("L"))
    assert [plane.shape for plane in colour] == [(9, 17)] * 3
    assert [plane.shape for plane in grey] == [(9, 17)]
    assert all(plane.dtype == np.uint8 for plane in (*colour, *grey))


def test_pixels_equal_sees_one_sample_and_looks_through_palettes() -> None:
    image = pictures.rgb(16, 12).convert("P")
    assert stills.pixels_equal(image, image.convert("RGB"))
    other = image.convert("RGB")
    pixel = other.getpixel((3, 3))
    assert isinstance(pixel, tuple)
    other.putpixel((3, 3), (pixel[0] ^ 1, pixel[1], pixel[2]))
    assert not stills.pixels_equal(image, other)
    assert not stills.pixels_equal(image, image.resize((12, 16)))

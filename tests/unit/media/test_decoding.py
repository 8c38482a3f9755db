"""Damaged pictures: what decodes is there, and the rows that do not are named."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers import pictures, still_kinds
from transcoder.errors import InputError
from transcoder.media import decoding, stills

WIDTH, HEIGHT = 160, 120


def saved(name: str, **options: Any) -> bytes:
    out = io.BytesIO()
    pictures.rgb(WIDTH, HEIGHT).save(out, name, **options)
    return out.getvalue()


def decoded(path: Path, data: bytes) -> decoding.Decoded:
    path.write_bytes(data)
    return decoding.decode(path)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "BMP", "PPM", "TGA", "PCX", "GIF", "WEBP", "AVIF"])
def test_a_whole_picture_has_no_damage(name: str, tmp_path: Path) -> None:
    assert decoded(tmp_path / "a", saved(name)).damage == ""


@pytest.mark.parametrize("size", [(160, 120), (37, 53), (17, 8), (1, 1)])
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0", "grey"])
@pytest.mark.parametrize("progressive", [False, True])
def test_both_decoders_give_the_same_samples(
    progressive: bool, sampling: str, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if decoding._vips() is None:
        pytest.skip("libvips is not here")
    picture, out = pictures.rgb(*size), io.BytesIO()
    if sampling == "grey":
        picture.convert("L").save(out, "JPEG", quality=70, progressive=progressive)
    else:
        picture.save(out, "JPEG", quality=70, progressive=progressive, subsampling=sampling)
    monkeypatch.setattr(decoding, "_jpeg_fault", lambda _: pytest.fail("it was decoded twice"))
    found = decoded(tmp_path / "a.jpg", out.getvalue()).image
    assert stills.pixels_equal(found, Image.open(io.BytesIO(out.getvalue())))
    assert found.getpixel((0, 0)) == Image.open(io.BytesIO(out.getvalue())).getpixel((0, 0))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_cut_jpeg_is_grey_where_it_ends_and_says_from_which_row(progressive: bool, tmp_path: Path) -> None:
    data = saved("JPEG", quality=90, progressive=progressive)
    found = decoded(tmp_path / "a.jpg", data[: len(data) // 2])
    whole = np.asarray(Image.open(io.BytesIO(data)), int)
    samples = np.asarray(found.image)
    assert samples.shape == whole.shape
    if progressive:
        assert "detail may be wrong or missing" in found.damage
        return
    first = int(found.damage.split()[1])
    assert found.damage.startswith(f"rows {first} to {HEIGHT} could not be decoded whole and are grey there")
    assert (samples[first - 1 :, -8:] == 128).all()
    assert np.abs(samples[: first - 2].astype(int) - whole[: first - 2]).max() == 0


def test_a_jpeg_that_ends_too_soon_in_silence_is_found(tmp_path: Path) -> None:
    """Pillow decodes this one without a word: there is an end marker, only too early."""
    data = saved("JPEG", quality=90)
    found = decoded(tmp_path / "a.jpg", data[: len(data) // 2] + b"\xff\xd9")
    assert "grey" in found.damage
    with Image.open(tmp_path / "a.jpg") as silent:
        silent.load()


@pytest.mark.parametrize("name", ["PNG", "BMP", "PPM", "TGA"])
def test_rows_that_were_never_written_are_counted_exactly(name: str, tmp_path: Path) -> None:
    data = saved(name)
    found = decoded(tmp_path / "a", data[: len(data) // 2])
    whole, samples = np.asarray(pictures.rgb(WIDTH, HEIGHT)), np.asarray(found.image)
    same = (samples == whole).reshape(HEIGHT, -1).all(axis=1)
    words = found.damage.split()
    low, high = int(words[1]), int(words[3])
    assert not same[low - 1 : high].any()
    assert same[: low - 1].all()
    assert same[high:].all()


def test_nothing_decoded_is_an_error(tmp_path: Path) -> None:
    for name, data in (("a.png", saved("PNG")[:60]), ("a.webp", saved("WEBP")[:300]), ("a.jpg", saved("JPEG")[:600])):
        with pytest.raises(InputError) as caught:
            decoded(tmp_path / name, data)
        assert caught.value.code == "input-damaged"


def test_pillow_is_left_strict(tmp_path: Path) -> None:
    decoded(tmp_path / "a.png", saved("PNG")[:9000])
    with pytest.raises(OSError, match="truncated"), Image.open(tmp_path / "a.png") as image:
        image.load()


def test_our_own_pictures_must_be_whole(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(saved("PNG")[:9000])
    assert stills.load(tmp_path / "a.png").size == (WIDTH, HEIGHT)
    with pytest.raises(InputError):
        stills.load_whole(tmp_path / "a.png")


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_tiffs_pixels_are_not_turned(orientation: int, compression: str | None, tmp_path: Path) -> None:
    image = pictures.rgb(40, 24)
    image.save(tmp_path / "a.tif", compression=compression, tiffinfo={274: orientation})
    still = stills.identify(tmp_path / "a.tif")
    assert still is not None
    assert (still.width, still.height, still.orientation) == (40, 24, orientation)
    assert stills.pixels_equal(stills.load(tmp_path / "a.tif"), image)


def test_each_page_has_its_own_pixels(tmp_path: Path) -> None:
    pages = [pictures.rgb(40 + 8 * number, 24, seed=number) for number in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    for number, page in enumerate(pages):
        assert stills.pixels_equal(stills.load(tmp_path / "a.tif", number), page)


def test_a_file_that_changed_is_decoded_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved("PNG"))
    assert stills.load(path).size == (WIDTH, HEIGHT)
    pictures.rgb(24, 16).save(path)
    assert stills.load(path).size == (24, 16)


def test_a_forgotten_channel_of_a_bitmap_is_listed(tmp_path: Path) -> None:
    name, make = still_kinds.MADE_KINDS["BMP with alpha"]
    (tmp_path / name).write_bytes(make())
    still = stills.identify(tmp_path / name)
    assert still is not None
    assert any("fourth channel" in item.name for item in still.items)

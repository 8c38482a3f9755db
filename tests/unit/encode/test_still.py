"""Pictures: metadata travels as the bytes it was, or its loss is said; pixels are never turned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.helpers import exif, factories, pictures
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import ENCODERS, plan_ladder
from transcoder.media import stills
from transcoder.media.probe import probe
from transcoder.model import Encoded, EncodeSpec, Fate

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>caf\xc3\xa9</a></x:xmpmeta>'
LOSSY = ("jpeg", "webp", "avif")


def encode(path: Path, encoder: str, quality: float | None = 80.0) -> Encoded:
    workdir = path.parent / f"work-{encoder}"
    workdir.mkdir()
    profile = factories.profile(still=factories.still_rules("jpeg", "png", "webp", "avif"))
    job = EncodeJob(
        source=probe(path, sha256=""), profile=profile, cap_bytes=10**6, workdir=workdir, tick=lambda *_: None
    )
    rung = next(rung for rung in plan_ladder(job.source, profile, 10).rungs if rung.encoder == encoder)
    return ENCODERS[encoder](job).encode(EncodeSpec(rung=rung, knob_value=quality if rung.knob else None))


def source(folder: Path, **options: Any) -> Path:
    pictures.rgb(96, 64).save(folder / "a.jpg", quality=95, **options)
    return folder / "a.jpg"


def fates(encoded: Encoded, word: str) -> set[Fate]:
    return {item.fate for item in encoded.fates if item.item.startswith(word)}


@pytest.mark.parametrize("encoder", ["jpeg", "webp", "jpeg-recode"])
def test_metadata_travels_as_bytes_and_is_said_to(encoder: str, tmp_path: Path) -> None:
    encoded = encode(source(tmp_path, exif=exif.block(6), icc_profile=ICC, xmp=XMP), encoder)
    found_exif, found_icc, found_xmp = stills.read_metadata(encoded.path)
    assert found_exif.removeprefix(b"Exif\0\0") == exif.block(6, prefix=False)
    assert found_icc == ICC
    assert found_xmp == XMP
    for word in ("EXIF", "ICC", "XMP"):
        assert fates(encoded, word) == {Fate.KEPT}


def test_avif_moves_the_rotation_out_of_exif_and_that_is_said(tmp_path: Path) -> None:
    encoded = encode(source(tmp_path, exif=exif.block(6), icc_profile=ICC, xmp=XMP), "avif")
    assert fates(encoded, "EXIF") == {Fate.CONVERTED}
    assert fates(encoded, "ICC") == fates(encoded, "XMP") == {Fate.KEPT}


@pytest.mark.parametrize("encoder", [*LOSSY, "jpeg-recode"])
def test_the_orientation_tag_stays_a_tag(encoder: str, tmp_path: Path) -> None:
    encoded = encode(source(tmp_path, exif=exif.block(6)), encoder)
    made = stills.identify(encoded.path)
    assert made is not None
    assert (made.width, made.height) == (96, 64)
    assert made.orientation == 6
    before = np.asarray(pictures.rgb(96, 64).convert("L"), dtype=int)
    after = np.asarray(stills.load(encoded.path).convert("L"), dtype=int)
    assert np.abs(before - after).mean() < 12


@pytest.mark.parametrize("encoder", LOSSY)
def test_without_metadata_none_is_claimed(encoder: str, tmp_path: Path) -> None:
    encoded = encode(source(tmp_path), encoder)
    assert not [item for item in encoded.fates if item.item.startswith(("EXIF", "ICC", "XMP"))]
    assert stills.read_metadata(encoded.path) == (b"", b"", b"")


def test_what_a_jpeg_cannot_carry_is_lost_aloud(tmp_path: Path) -> None:
    huge = XMP + b" " * 70_000
    pictures.rgb(96, 64).save(tmp_path / "a.webp", xmp=huge, exif=exif.block(1) + bytes(70_000), lossless=True)
    encoded = encode(tmp_path / "a.webp", "jpeg")
    assert fates(encoded, "XMP") == fates(encoded, "EXIF") == {Fate.LOST}


@pytest.mark.parametrize("encoder", LOSSY)
def test_a_print_profile_is_not_attached_to_screen_colours(encoder: str, tmp_path: Path) -> None:
    cmyk = bytearray(ICC)
    cmyk[16:20] = b"CMYK"
    pictures.rgb(64, 48).convert("CMYK").save(tmp_path / "a.tif", icc_profile=bytes(cmyk))
    encoded = encode(tmp_path / "a.tif", encoder)
    assert stills.read_metadata(encoded.path)[1] == b""
    assert fates(encoded, "ICC") == {Fate.LOST}
    assert any("CMYK" in item.note for item in encoded.fates)


@pytest.mark.parametrize(("sampling", "expected"), [("4:4:4", "4:4:4"), ("4:2:0", "4:2:0")])
def test_the_chroma_of_the_rung_is_the_chroma_of_the_file(sampling: str, expected: str, tmp_path: Path) -> None:
    encoded = encode(source(tmp_path, subsampling=sampling), "jpeg")
    made = stills.identify(encoded.path)
    assert made is not None
    assert made.subsampling == expected


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_png_keeps_every_sample_of_every_mode(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":
        values = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 21
        image = Image.fromarray(values)
    else:
        image = pictures.rgb(64, 48).convert(mode)
    path = tmp_path / ("a.png" if mode in ("LA", "RGBA", "I;16") else "a.tif")
    image.save(path)
    encoded = encode(path, "png-recode", None)
    assert encoded.lossless_proof
    assert stills.pixels_equal(image, stills.load(encoded.path))


@pytest.mark.parametrize("progressive", [False, True])
def test_recoded_jpeg_keeps_its_coefficients(progressive: bool, tmp_path: Path) -> None:
    path = source(tmp_path, progressive=progressive)
    encoded = encode(path, "jpeg-recode", None)
    assert encoded.bytes <= path.stat().st_size
    assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(encoded.path)))
    first, second = Image.open(path), Image.open(encoded.path)
    assert first.quantization == second.quantization  # type: ignore[attr-defined]

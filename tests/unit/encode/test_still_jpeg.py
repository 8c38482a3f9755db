"""The JPEG encoder: the same pixels give the same bytes, and metadata is spliced in as the bytes it was."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.helpers import exif, factories, pictures
from transcoder.encode import jpeg
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import plan_ladder
from transcoder.encode.still import LossyStill
from transcoder.errors import EncodeError
from transcoder.media import stills
from transcoder.media.probe import probe
from transcoder.model import Encoded, EncodeSpec, Fate

SAMPLINGS = ("4:4:4", "4:2:0")
FACTORS = {"4:4:4": (1, 1), "4:2:0": (2, 2)}


@pytest.fixture(params=["mozjpeg", "libjpeg-turbo"])
def encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both encoders; the second as if libvips were missing."""
    if request.param == "libjpeg-turbo":
        monkeypatch.setattr(jpeg, "_vips", lambda: None)
    return str(request.param)


def encode(picture: Image.Image, quality: int = 60, sampling: str = "4:4:4") -> bytes:
    return jpeg.encode(picture, quality, sampling, "a.png")[0]


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def markers(data: bytes) -> list[int]:
    """The marker codes up to the first scan."""
    found, position = [], 2
    while data[position + 1] != 0xDA:
        assert data[position] == 0xFF
        found.append(data[position + 1])
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return found


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (17, 33), (255, 3), (3, 400)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_size_and_mode(encoder: str, size: tuple[int, int], mode: str, sampling: str) -> None:
    picture = pictures.rgb(*size).convert(mode)
    data, used = jpeg.encode(picture, 90, sampling, "a.png")
    made = opened(data)
    assert used == encoder
    assert (made.size, made.mode) == (size, mode)
    assert made.info["progressive"]
    assert np.abs(np.asarray(made, dtype=int) - np.asarray(picture, dtype=int)).mean() < 40
    if mode == "RGB":
        assert made.layer[0][1:3] == FACTORS[sampling]  # type: ignore[attr-defined]


def test_the_same_pixels_give_the_same_bytes_in_any_thread(encoder: str) -> None:
    picture = pictures.rgb(200, 120)
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: encode(picture), range(12)))
    assert len(made) == 1


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_more_quality_is_more_bytes(encoder: str, sampling: str) -> None:
    picture = pictures.rgb(240, 160)
    sizes = [len(encode(picture, quality, sampling)) for quality in (5, 15, 30, 45, 60, 75, 85, 92, 97, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 5


def test_no_metadata_unless_given(encoder: str) -> None:
    data = jpeg.with_metadata(encode(pictures.rgb(32, 32)), b"", b"", b"")
    assert markers(data)[0] == 0xE0
    assert not {0xE1, 0xE2, 0xEE, 0xFE} & set(markers(data))
    assert opened(data).info["jfif"]


@settings(max_examples=40, deadline=None)
@given(
    exif=st.binary(max_size=300),
    icc=st.binary(max_size=300),
    xmp=st.binary(max_size=300),
    comment=st.binary(max_size=99),
)
def test_blocks_are_read_back_as_they_were_and_no_pixel_changes(
    exif: bytes, icc: bytes, xmp: bytes, comment: bytes
) -> None:
    bare = encode(pictures.rgb(24, 16))
    made = opened(jpeg.with_metadata(bare, exif, icc, xmp, comment))
    assert stills.metadata_of(made) == (b"Exif\0\0" + exif if exif else b"", icc, xmp)
    assert made.info.get("comment", b"") == comment
    assert made.tobytes() == opened(bare).tobytes()


@pytest.mark.parametrize("size", [65_519, 65_520, 200_000])
def test_a_profile_larger_than_a_segment_is_spread(size: int) -> None:
    icc = np.random.default_rng(3).bytes(size)
    data = jpeg.with_metadata(encode(pictures.rgb(24, 16)), b"", icc, b"")
    assert opened(data).info["icc_profile"] == icc
    assert markers(data).count(0xE2) == -(-size // 65_519)


def test_the_largest_blocks_fit_and_larger_ones_are_refused() -> None:
    bare = encode(pictures.rgb(24, 16))
    exif, xmp, comment = bytes(65_527), b"x" * 65_504, b"c" * 65_533
    made = opened(jpeg.with_metadata(bare, exif, b"", xmp, comment))
    assert (len(made.info["exif"]), made.info["xmp"], made.info["comment"]) == (65_533, xmp, comment)
    for blocks in ((exif + b"0", b"", b"", b""), (b"", b"", xmp + b"x", b""), (b"", b"", b"", comment + b"c")):
        with pytest.raises(ValueError, match="JPEG segment"):
            jpeg.with_metadata(bare, *blocks)
    with pytest.raises(ValueError, match="256"):
        jpeg.with_metadata(bare, b"", bytes(255 * 65_519 + 1), b"")


def test_too_wide_for_a_jpeg_is_an_error_of_ours() -> None:
    with pytest.raises(EncodeError, match=r"a\.png"):
        encode(Image.new("L", (65_536, 1)))


def attempt(path: Path) -> Encoded:
    profile = factories.profile(still=factories.still_rules("jpeg"))
    job = EncodeJob(
        source=probe(path, sha256=""), profile=profile, cap_bytes=10**6, workdir=path.parent, tick=lambda *_: None
    )
    rung = plan_ladder(job.source, profile, 10).rungs[-1]
    return LossyStill(job).encode(EncodeSpec(rung=rung, knob_value=70.0))


def test_the_settings_name_the_encoder_that_was_there(encoder: str, tmp_path: Path) -> None:
    pictures.rgb(96, 64).save(tmp_path / "a.png")
    made = attempt(tmp_path / "a.png")
    assert made.settings["encoder"] == encoder
    assert made.settings["quality"] == 70
    assert made.settings["subsampling"] == "4:2:0"


def test_exif_of_another_format_gets_the_prefix_a_jpeg_needs(encoder: str, tmp_path: Path) -> None:
    pictures.rgb(96, 64).save(tmp_path / "a.webp", exif=exif.block(6, prefix=False), lossless=True)
    made = attempt(tmp_path / "a.webp")
    assert stills.read_metadata(made.path)[0] == exif.block(6)
    assert {item.fate for item in made.fates if item.item.startswith("EXIF")} == {Fate.KEPT}


def test_a_comment_goes_along(encoder: str, tmp_path: Path) -> None:
    pictures.rgb(96, 64).save(tmp_path / "a.jpg", comment=b"exhibit 7", quality=95)
    assert stills.load(attempt(tmp_path / "a.jpg").path).info["comment"] == b"exhibit 7"


def made_under(cap_bytes: int, tmp_path: Path) -> tuple[Encoded, int]:
    """The file of a picture of more than a million pixels, and the bytes of one with searched scans."""
    tmp_path.mkdir(exist_ok=True)
    large = pictures.rgb(1400, 1000, seed=3)
    large.save(tmp_path / "a.png")
    source = probe(tmp_path / "a.png", sha256="0" * 64)
    profile = factories.profile()
    rung = next(rung for rung in plan_ladder(source, profile, cap_bytes).rungs if rung.encoder == "jpeg")
    job = EncodeJob(source=source, profile=profile, cap_bytes=cap_bytes, workdir=tmp_path, tick=lambda *_: None)
    encoded = LossyStill(job).encode(EncodeSpec(rung=rung, knob_value=70))
    return encoded, len(jpeg.encode(large, 70, str(rung.settings["subsampling"]), "a.png")[0])


def test_scans_are_searched_only_where_the_same_quality_would_not_fit_without(tmp_path: Path) -> None:
    roomy, searched_bytes = made_under(50_000_000, tmp_path / "roomy")
    assert roomy.settings["progressive"] is False
    assert not opened(roomy.path.read_bytes()).info.get("progressive")
    tight, _ = made_under(round(searched_bytes * 1.005), tmp_path / "tight")
    assert tight.settings["progressive"] is True
    assert tight.bytes < roomy.bytes
    # The same levels, but for what the search of scans rounds otherwise.
    pair = [np.asarray(opened(made.path.read_bytes()), dtype=int) for made in (roomy, tight)]
    assert np.abs(pair[0] - pair[1]).mean() < 0.5


def test_a_sequential_file_that_turns_out_over_the_cap_is_made_with_searched_scans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LossyStill, "_fits_sequential", lambda *_: True)
    encoded, searched_bytes = made_under(1000, tmp_path)
    assert encoded.settings["progressive"] is True
    assert encoded.bytes < searched_bytes * 1.01

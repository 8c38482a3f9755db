"""Every format that is delivered, and three strangers: OpenSSL, an independent Content Credentials reader, exiftool."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers import clips, pictures
from tests.helpers.credentials import second_opinion
from tests.helpers.deliveries import outcomes
from transcoder import Delivery, transcode, verify
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.verify import Outcome
from transcoder.profile import Profile, read_text

FORMATS = ("jpg", "png", "webp", "avif", "mp4", "mov", "mkv", "pdf")
"""AVI comes in and never goes out; manifests in it are tested with the others (tests/unit/credentials)."""
BESIDE = ("mkv", "pdf")
_SAID_OF_PNG = "IFD0 pointer references previous JUMBFBox directory"
"""exiftool 12.57 takes the EXIF block of a PNG for the manifest before it, overlooks it, and says so."""


def profile(name: str, **lists: str) -> Profile:
    """A shipped profile with the first list of a name replaced."""
    lines = read_text(name)[0].splitlines()
    for key, value in lists.items():
        place = next(number for number, line in enumerate(lines) if line.startswith(f"{key} ="))
        lines[place] = f'{key} = ["{value}"]'
    return Profile.from_toml("\n".join(lines), origin="mine.toml")


def picture(folder: Path, name: str) -> Path:
    noise = np.random.default_rng(5).integers(-14, 15, (300, 400, 3))
    samples = (pictures.luma(400, 300).astype(np.int16)[..., None] + noise).clip(0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    for tag, value in ((0x011A, 72.0), (0x011B, 72.0), (0x0128, 2), (0x0213, 1)):  # what the standard requires
        exif[tag] = value
    Image.fromarray(samples).save(folder / name, exif=exif.tobytes(), quality=97)
    return folder / name


def clip(folder: Path, name: str) -> Path:
    return clips.write_clip(folder / name, frames=40, size=(320, 240), codec="mjpeg", pixel_format="yuvj420p",
                            restless=True, bit_rate=8_000_000)  # fmt: skip


def deliver(suffix: str, folder: Path) -> Delivery:
    """One delivery in a format, smaller than its master but for what goes as it came."""
    out = folder / "out"
    if suffix in ("mp4", "mov", "mkv"):
        rules = profile("cps-twif-1mb", containers=suffix).with_cap(300_000)
        return transcode(clip(folder, "clip.avi"), profile=rules, out=out)
    if suffix == "pdf":
        return transcode(picture(folder, "photo.jpg"), profile=profile("documents-1mb").with_cap(150_000), out=out)
    if suffix == "png":  # a bitmap becomes one, without loss
        Image.open(picture(folder, "photo.png")).crop((0, 0, 200, 150)).save(folder / "photo.bmp")
        return transcode(folder / "photo.bmp", profile="cps-twif-1mb", out=out)
    rules = profile("modern-1mb", formats={"jpg": "jpeg"}.get(suffix, suffix)).with_cap(120_000)
    return transcode(picture(folder, "photo.png"), profile=rules, out=out)


@pytest.fixture(params=FORMATS)
def delivered(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Path]:
    """Format, media and folder."""
    suffix = str(request.param)
    delivery = deliver(suffix, tmp_path)
    (media,) = [item.path for item in delivery.files if item.path.suffix == f".{suffix}"]
    return suffix, media, tmp_path / "out"


def said_by_exiftool(path: Path, options: Sequence[str] = ()) -> dict[str, Any]:
    command = ["exiftool", "-json", "-G1", "-a", *options, str(path)]
    (found,) = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    return dict(found)


def test_strangers_agree(delivered: tuple[str, Path, Path], pair: KeyPair, keys_folder: Path) -> None:
    suffix, media, folder = delivered
    store = media.with_name(f"{media.name}.c2pa")
    assert store.exists() == (suffix in BESIDE)
    if suffix != "mkv":  # which this reader does not know; ours reads it in step 10
        report = second_opinion(media.read_bytes(), suffix, pair, store.read_bytes() if store.exists() else None)
        assert (report["integrity"], report["signature"], report["hard_binding"]) == ("valid", "valid", "match")
        assert report["validation_state"] == "Trusted"
    (result,) = verify(folder)
    assert result.ok, result.steps
    assert outcomes(result)[10] is Outcome.PASSED
    # What is coded was hashed before the manifest went in, and is read here after it.
    assert outcomes(result)[13] is Outcome.PASSED

    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (certificate,) = folder.glob("*.certificate.json")
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", f"{certificate}.p7s", "-content",
               str(certificate), "-CAfile", str(keys_folder / "ca.pem"), "-no-CApath", "-no-CAstore", "-out",
               "/dev/null"]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "CMS Verification successful" in said.stderr


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_finds_nothing_wrong(delivered: tuple[str, Path, Path]) -> None:
    suffix, media, _ = delivered
    said = said_by_exiftool(media, ["-validate", "-warning", "-error"])
    complaints = {value for key, value in said.items() if key.endswith((":Error", ":Warning"))}
    assert complaints <= ({_SAID_OF_PNG} if suffix == "png" else set())

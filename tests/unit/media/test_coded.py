"""What is coded in a file keeps its hash when a manifest goes into it, and has another when anything else changes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers import clips, pictures
from tests.helpers.credentials import embedded
from transcoder.certificate.keys import KeyPair
from transcoder.errors import TranscodeError
from transcoder.media import coded

STILLS = ("jpg", "png", "webp", "avif")
VIDEOS = ("mp4", "mov")
_CODED = {"mp4": b"mdat", "mov": b"mdat", "webp": b"VP8", "avif": b"mdat"}


def make(folder: Path, suffix: str) -> Path:
    path = folder / f"plain.{suffix}"
    if suffix in (*VIDEOS, "mkv"):
        return clips.write_clip(path, frames=8, audio="aac")
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    Image.fromarray(pictures.luma(64, 48)).convert("RGB").save(path, exif=exif.tobytes())
    return path


@pytest.mark.parametrize("suffix", (*STILLS, *VIDEOS))
def test_a_manifest_leaves_the_hash_and_a_flipped_bit_does_not(suffix: str, pair: KeyPair, tmp_path: Path) -> None:
    plain, signed = make(tmp_path, suffix), tmp_path / f"signed.{suffix}"
    signed.write_bytes(embedded(plain.read_bytes(), suffix, pair))
    assert signed.read_bytes() != plain.read_bytes()
    assert coded.digest(signed) == coded.digest(plain)
    data = bytearray(signed.read_bytes())
    place = data.index(_CODED[suffix]) + 60 if suffix in _CODED else len(data) - 20
    data[place] ^= 1
    signed.write_bytes(data)
    assert coded.digest(signed) != coded.digest(plain)


def test_times_count(tmp_path: Path) -> None:
    one, other = tmp_path / "one.mkv", tmp_path / "other.mkv"
    clips.write_clip(one, frames=4, pts=[0, 1, 2, 3])
    clips.write_clip(other, frames=4, pts=[0, 1, 2, 4])
    assert coded.digest(one) != coded.digest(other)


def test_other_files_are_taken_whole(tmp_path: Path) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(b"%PDF-1.5")
    before = coded.digest(path)
    path.write_bytes(b"%PDF-1.6")
    assert coded.digest(path) != before


def test_a_video_that_is_none_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(TranscodeError):
        coded.digest(path)


@pytest.mark.parametrize("suffix", STILLS)
@pytest.mark.parametrize("size", [0, 7, 30, 200])
def test_pictures_cut_short_have_a_hash_all_the_same(suffix: str, size: int, tmp_path: Path) -> None:
    path = make(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[:size])
    assert len(coded.digest(path)) == 64


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
@pytest.mark.parametrize("suffix", (*VIDEOS, "mkv"))
def test_the_documented_command_gives_the_same(suffix: str, tmp_path: Path) -> None:
    path = make(tmp_path, suffix)
    guide = Path(__file__).resolve().parents[3] / "docs" / "certificate.md"
    (command,) = re.findall(r"^(ffprobe .+)$", guide.read_text(encoding="utf-8"), re.MULTILINE)
    shown = subprocess.run(["sh", "-c", command.replace("X.mp4", path.name)], cwd=tmp_path, capture_output=True,
                           text=True, check=True)  # fmt: skip
    assert shown.stdout.split()[0] == coded.digest(path)

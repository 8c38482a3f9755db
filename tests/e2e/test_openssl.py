"""A stranger with OpenSSL: the guide's commands accept our certificates and refuse changed ones."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from transcoder import transcode, verify

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def delivered(samples: Path, tmp_path: Path, keys_folder: Path) -> Path:
    """A delivery with the authority's certificate beside it, as a receiver would have it."""
    transcode(samples / "cctv_still.jpg", out=tmp_path, cap_bytes=200_000)
    shutil.copy(keys_folder / "ca.pem", tmp_path / "ca.pem")
    return tmp_path


def _commands(folder: Path) -> list[list[str]]:
    """The commands of docs/certificate.md with this delivery's names put in."""
    stem = next(folder.glob("*.certificate.json")).name.removesuffix(".certificate.json")
    text = (ROOT / "docs" / "certificate.md").read_text(encoding="utf-8")
    lines = re.findall(r"^openssl .+$", text, re.MULTILINE)
    assert len(lines) == 2
    return [line.replace("X.mp4", f"{stem}.jpg").replace("X.", f"{stem}.").split() for line in lines]


def test_the_guide_works(delivered: Path) -> None:
    check, digest = (
        subprocess.run(command, cwd=delivered, capture_output=True, text=True, check=False)
        for command in _commands(delivered)
    )
    assert check.returncode == 0, check.stderr
    assert "CMS Verification successful" in check.stderr
    certified = json.loads(next(delivered.glob("*.certificate.json")).read_text())["predicate"]["files"][0]["sha256"]
    assert digest.stdout.strip().endswith(certified)


def test_openssl_refuses_a_changed_certificate(delivered: Path) -> None:
    certificate = next(delivered.glob("*.certificate.json"))
    certificate.write_text(certificate.read_text().replace('"verdict":"meets-floor"', '"verdict":"identical"'))
    result = subprocess.run(_commands(delivered)[0], cwd=delivered, capture_output=True, text=True, check=False)
    assert result.returncode != 0


def test_one_flipped_byte_anywhere_is_found(delivered: Path) -> None:
    """Media, certificate and signature, at positions spread over each file."""
    for pattern in ("*.jpg", "*.certificate.json", "*.p7s"):
        path = next(delivered.glob(pattern))
        original = path.read_bytes()
        for position in range(0, len(original), max(1, len(original) // 40)):
            changed = bytearray(original)
            changed[position] ^= 0x20
            path.write_bytes(changed)
            assert not verify(delivered)[0].ok, f"{path.name} at {position}"
        path.write_bytes(original)
    assert verify(delivered)[0].ok

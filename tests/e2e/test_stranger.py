"""A stranger with OpenSSL and a Content Credentials reader: the guide is run as it is printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from transcoder import transcode

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "verify-without-this-tool.md"
COMMANDS = re.findall(r"^```sh\n(.+?)\n```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
TYPES = {".jpg": "image/jpeg", ".mp4": "video/mp4"}


@pytest.fixture(params=["cctv_still.jpg", "cctv_day.avi"])
def delivered(request: pytest.FixtureRequest, samples: Path, keys_folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A delivery with the authority's certificate beside it, as a receiver would have it, and its master."""
    folder = tmp_path / "delivered"
    master = samples / str(request.param)
    transcode(master, out=folder, cap_bytes=200_000)
    shutil.copy(keys_folder / "ca.pem", folder / "ca.pem")
    return folder, master


def run(folder: Path, master: Path) -> Mapping[str, subprocess.CompletedProcess[str]]:
    """Every command of the guide, in order, in one folder, as it is printed."""
    (media,) = (path for path in folder.iterdir() if path.suffix in TYPES)
    environment = os.environ | {
        "FILE": media.name, "MASTER": str(master), "TYPE": TYPES[media.suffix],
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    setting = next(command for command in COMMANDS if command.startswith("X="))
    return {
        command: subprocess.run(
            ["sh", "-c", f"{setting}\n{command}"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for command in COMMANDS
    }


def one(results: Mapping[str, subprocess.CompletedProcess[str]], words: str) -> subprocess.CompletedProcess[str]:
    """The result of the only command with these words."""
    (found,) = (result for command, result in results.items() if words in command)
    return found


def test_every_command_does_what_the_guide_says(delivered: tuple[Path, Path]) -> None:
    results = run(*delivered)
    assert [result.stderr for result in results.values() if result.returncode] == []
    assert "sha256 Fingerprint=" in one(results, "openssl x509").stdout
    assert "CMS Verification successful" in one(results, "cms -verify").stderr
    assert "signingTime" in one(results, "cms -cmsout").stdout
    assert one(results, '-r "$FILE"').stdout.strip() == "1"
    assert one(results, '-r "$MASTER"').stdout.strip() == "1"
    assert '"predicate"' in one(results, "json.tool").stdout
    assert one(results, "encypher_c2pa").stdout.strip() == "Trusted match"


def test_a_changed_file_and_a_changed_certificate_are_noticed(delivered: tuple[Path, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(delivered[0], tmp_path / "changed"))
    (media,) = (path for path in folder.iterdir() if path.suffix in TYPES)
    data = bytearray(media.read_bytes())
    data[len(data) // 2] ^= 1
    media.write_bytes(data)
    (certificate,) = folder.glob("*.certificate.json")
    certificate.write_bytes(certificate.read_bytes().replace(b'"meets-floor"', b'"identical"'))
    results = run(folder, delivered[1])
    assert one(results, "cms -verify").returncode != 0
    assert one(results, '-r "$FILE"').stdout.strip() == "0"
    assert "Trusted match" not in one(results, "encypher_c2pa").stdout

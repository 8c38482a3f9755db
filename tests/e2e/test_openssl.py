"""A stranger with OpenSSL: the guide's commands accept our certificates and refuse changed ones."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers import authorities, factories, tsa
from transcoder import transcode, verify
from transcoder.certificate import sealing
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.certificate.timestamp import HttpTimeStamper
from transcoder.certificate.trusted import Trust
from transcoder.certificate.verify import check_signature
from transcoder.settings import Settings

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
    assert len(lines) == 7  # two for the certificate, five for its time-stamp
    return [line.replace("X.mp4", f"{stem}.jpg").replace("X.", f"{stem}.").split() for line in lines]


def test_the_guide_works(delivered: Path) -> None:
    check, digest = (
        subprocess.run(command, cwd=delivered, capture_output=True, text=True, check=False)
        for command in _commands(delivered)[:2]
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


def test_the_guide_finds_and_checks_a_time_stamp(samples: Path, tmp_path: Path, keys_folder: Path) -> None:
    """By our own test authority, and OpenSSL's opinion of it."""
    by = tsa.authority(kind="rsa")
    authorities.write_certificates(tmp_path / "tsa-ca.pem", by.root)
    with tsa.serving(by.answer) as (url, _):
        settings = Settings(
            keys_dir=keys_folder, trust_dir=tmp_path / "trust", tsa_url=url, tsa_ca=tmp_path / "tsa-ca.pem"
        )
        transcode(samples / "cctv_still.jpg", out=tmp_path, cap_bytes=200_000, settings=settings)
    shutil.copy(keys_folder / "ca.pem", tmp_path / "ca.pem")

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    check, _, listing, signature, stamp, verifying, showing = _commands(tmp_path)
    assert "CMS Verification successful" in run(check).stderr
    lines = run(listing).stdout.splitlines()
    named = next(number for number, line in enumerate(lines) if "id-smime-aa-timeStampToken" in line)
    octets = max(number for number in range(named) if "OCTET STRING" in lines[number])
    places = {"SIGNATURE": lines[octets].split(":")[0].strip(), "TOKEN": lines[named + 2].split(":")[0].strip()}
    for command in (signature, stamp):
        done = run([places.get(word, word) for word in command])
        assert done.returncode == 0, done.stderr
    done = run(verifying)
    assert "Verification: OK" in done.stdout, done.stderr
    assert "Time stamp:" in run(showing).stdout


_TSA = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/leaf.pem
signer_key = {folder}/key.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
ordering = yes
"""


def test_a_time_stamp_of_openssls_own_making_is_taken(tmp_path: Path, pair: KeyPair) -> None:
    by = tsa.authority(kind="rsa")
    authorities.write_key(tmp_path / "key.pem", by.key)
    authorities.write_certificates(tmp_path / "leaf.pem", by.chain[0])
    (tmp_path / "tsa.cnf").write_text(_TSA.format(folder=tmp_path))

    def answer(request: bytes) -> bytes:
        (tmp_path / "request").write_bytes(request)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request", "-out", "answer"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        return (tmp_path / "answer").read_bytes()

    believed = Trust(anchors=pair.chain, time_anchors=[by.root])
    with tsa.serving(answer) as (url, _):
        sealed = sealing.seal(factories.statement(), PemSigner(pair), HttpTimeStamper(url, believed))
    assert sealed.statement["predicate"]["warnings"] == []
    assert check_signature(sealed.content, sealed.signature, believed).time_stamp is not None

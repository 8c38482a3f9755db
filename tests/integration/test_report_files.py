"""``transcoder report``: HTML, PDF or both, each made in the sandbox, nothing overwritten."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from tests.helpers import deliveries
from tests.helpers.pango import needs_pango
from transcoder.certificate.keys import KeyPair
from transcoder.cli.main import app
from transcoder.errors import TranscodeError


def report(folder: Path, pair: KeyPair, *options: str) -> tuple[int, str]:
    parcel = deliveries.make(folder, pair) if not (folder / "delivery").exists() else None
    authority = folder / "ca.pem"
    authority.write_bytes(b"".join(item.public_bytes(Encoding.PEM) for item in pair.chain))
    certificate = parcel.certificate if parcel else folder / "delivery" / "clip.certificate.json"
    done = CliRunner().invoke(app, ["report", str(certificate), "--ca", str(authority), *options])
    if isinstance(done.exception, TranscodeError):
        return 1, str(done.exception)
    return done.exit_code, done.output


@needs_pango
def test_both_are_written_and_named(tmp_path: Path, pair: KeyPair) -> None:
    page, paper = tmp_path / "r.html", tmp_path / "r.pdf"
    code, said = report(tmp_path, pair, "--out", str(page), "--pdf", str(paper))
    assert code == 0, said
    assert said.split() == [str(page), str(paper)]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert paper.read_bytes().startswith(b"%PDF-")


@needs_pango
def test_nothing_is_overwritten_and_nothing_half_done(tmp_path: Path, pair: KeyPair) -> None:
    paper = tmp_path / "r.pdf"
    paper.write_bytes(b"mine")
    code, said = report(tmp_path, pair, "--out", str(tmp_path / "r.html"), "--pdf", str(paper))
    assert code != 0
    assert "r.pdf" in said
    assert paper.read_bytes() == b"mine"
    assert not (tmp_path / "r.html").exists()


def test_a_file_must_be_named(tmp_path: Path, pair: KeyPair) -> None:
    code, said = report(tmp_path, pair)
    assert code != 0
    assert "--pdf" in said

"""Documents: pictures on the pages of PDFs, for receivers that take nothing else."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from transcoder import errors, join, transcode, verify
from transcoder.media import documents, stills
from transcoder.model import Verdict
from transcoder.profile import Profile, load, read_text


def test_a_jpeg_goes_onto_a_page_untouched(samples: Path, tmp_path: Path) -> None:
    source = samples / "cctv_still.jpg"
    delivery = transcode(source, profile="documents-1mb", out=tmp_path)
    path = delivery.file("still").path
    assert (delivery.verdict, delivery.rung, path.suffix) == (Verdict.LOSSLESS, "rewrap", ".pdf")
    assert documents.picture_in(path) == source.read_bytes()
    if shutil.which("pdfimages"):
        subprocess.run(["pdfimages", "-all", path, tmp_path / "out"], check=True)
        assert (tmp_path / "out-000.jpg").read_bytes() == source.read_bytes()
    (listed,) = delivery.statement["predicate"]["documents"]  # type: ignore[index]
    assert listed["picture_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert verify(tmp_path, source=source)[0].ok


def test_a_lossy_page_fills_the_cap_and_is_measured(samples: Path, tmp_path: Path) -> None:
    source = samples / "cctv_still.jpg"
    delivery = transcode(source, profile="documents-1mb", cap_bytes=200_000, out=tmp_path)
    assert (delivery.verdict, delivery.rung) == (Verdict.MEETS_FLOOR, "re-encode")
    assert 190_000 <= delivery.file("still").bytes <= 200_000
    assert delivery.fidelity is not None
    assert delivery.fidelity.score("frame").mean < 1
    assert verify(tmp_path, source=source)[0].ok


def test_pieces_are_pages_and_join_pixel_for_pixel(tmp_path: Path) -> None:
    source = tmp_path / "noise.png"
    Image.merge("RGB", [Image.effect_noise((400, 300), 90) for _ in range(3)]).save(source)
    out = tmp_path / "out"
    delivery = transcode(source, profile="documents-1mb", cap_bytes=33_000, out=out)
    assert (delivery.verdict, delivery.rung) == (Verdict.LOSSLESS, "split")
    tiles = [item for item in delivery.files if item.role == "tile"]
    assert {item.path.suffix for item in tiles} == {".pdf"}
    assert max(item.bytes for item in delivery.files) <= 33_000
    assert verify(out, source=source)[0].ok
    join(out, out=tmp_path / "joined.png")
    assert stills.pixels_equal(stills.load(tmp_path / "joined.png"), stills.load(source))


def test_a_video_is_refused_and_its_best_frames_go_as_pages(samples: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.NoAcceptableEncoding, match="takes no video"):
        transcode(samples / "cctv_day.avi", profile="documents-1mb", out=tmp_path, stills=2)
    (result,) = verify(tmp_path)
    assert result.ok
    assert result.statement is not None
    predicate = result.statement["predicate"]
    names = [item["name"] for item in predicate["stills"]]
    assert [item["name"] for item in predicate["documents"]] == names
    assert all(name.endswith(".pdf") for name in names)
    assert documents.load(tmp_path / names[0]).size == (640, 360)


def test_what_a_page_cannot_hold_untouched_goes_another_way(tmp_path: Path) -> None:
    source = tmp_path / "clear.png"
    Image.merge("RGBA", [Image.effect_noise((64, 48), 90) for _ in range(4)]).save(source)
    delivery = transcode(source, profile="documents-1mb", out=tmp_path / "out")
    assert delivery.rung == "re-encode"
    assert any("transparency" in reason for _, reason in delivery.rejected)


def test_a_profile_for_pages_names_what_pages_hold() -> None:
    text = read_text("documents-1mb")[0].replace('["jpeg", "png"]', '["jpeg", "webp"]')
    with pytest.raises(errors.ProfileError, match=r"still\.formats.*JPEG and PNG only"):
        Profile.from_toml(text, origin="mine.toml")
    assert load("documents-1mb").as_documents
    assert not load("cps-twif-1mb").as_documents


def test_a_document_is_no_source(samples: Path, tmp_path: Path) -> None:
    delivery = transcode(samples / "cctv_still.jpg", profile="documents-1mb", out=tmp_path)
    with pytest.raises(errors.InputError):
        transcode(delivery.file("still").path, out=tmp_path / "again")

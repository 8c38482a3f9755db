"""Whole deliveries with Content Credentials: under the cap, read by a stranger, honest about the source's own."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.helpers import clips, pictures
from tests.helpers.credentials import FACTS, embedded, second_opinion, second_opinion_of
from transcoder import Delivery, checking, join, transcode, verify
from transcoder.certificate import form
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.certificate.verify import Verification
from transcoder.media import stills
from transcoder.profile import Profile, load, read_text

ONVIF_SEI = b"\6\5\x18" + bytes.fromhex("005bc93f2d715e95ada4796f90877a6f") + b"\xaa" * 8 + b"\x80"


def noisy_picture(path: Path, size: tuple[int, int] = (700, 500)) -> Path:
    rng = np.random.default_rng(5)
    base = pictures.luma(*size).astype(np.int16)[..., None] + rng.integers(-14, 15, (size[1], size[0], 3))
    image = Image.fromarray(base.clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    if path.suffix == ".jpg":
        image.save(path, quality=96, exif=exif)
    else:
        image.save(path)
    return path


def section(delivery: Delivery) -> dict[str, Any]:
    predicate = delivery.statement["predicate"]
    assert isinstance(predicate, dict)
    found = predicate["credentials"]
    assert isinstance(found, dict)
    return found


def carriers(delivery: Delivery) -> list[str]:
    return [entry["carrier"] for entry in section(delivery)["files"]]


def step(result: Verification, number: int = 10) -> tuple[str, str]:
    (found,) = [item for item in result.steps if item.number == number]
    return str(found.outcome), found.detail


def media_of(delivery: Delivery) -> list[Path]:
    return [item.path for item in delivery.files if item.path.suffix in (".jpg", ".png", ".mp4", ".webp", ".avif")]


def fate(delivery: Delivery, start: str) -> tuple[str, str]:
    predicate = delivery.statement["predicate"]
    assert isinstance(predicate, dict)
    (found,) = [item for item in predicate["fates"] if item["item"].startswith(start)]
    return found["fate"], found["note"]


def test_a_picture_fills_the_cap_with_its_manifest(tmp_path: Path, pair: KeyPair) -> None:
    source = noisy_picture(tmp_path / "photo.jpg")
    cap = int(source.stat().st_size * 0.8)
    delivery = transcode(source, out=tmp_path / "out", cap_bytes=cap, profile="cps-twif-1mb")
    (path,) = media_of(delivery)
    assert 0.8 * cap < path.stat().st_size <= cap
    assert carriers(delivery) == ["embedded"]
    predicate: Any = delivery.statement["predicate"]
    assert predicate["delivery"]["bytes"] == path.stat().st_size
    report = second_opinion_of(path, pair)
    assert (report["integrity"], report["validation_state"]) == ("valid", "Trusted")
    with Image.open(path) as image:
        assert image.getexif()[0x010F] == "A camera"
    (result,) = verify(tmp_path / "out", source=source)
    assert result.ok
    assert step(result) == ("passed", "1 in their files, 0 beside them")


def test_a_video_fills_the_cap_with_its_manifest(tmp_path: Path, pair: KeyPair) -> None:
    source = clips.write_clip(tmp_path / "clip.avi", frames=60, size=(320, 240), codec="mjpeg", pixel_format="yuvj420p",
                              restless=True, bit_rate=8_000_000)  # fmt: skip
    delivery = transcode(source, out=tmp_path / "out", cap_bytes=250_000, profile="cps-twif-1mb")
    (path,) = media_of(delivery)
    assert path.suffix == ".mp4"
    assert 0.97 * 250_000 < path.stat().st_size <= 250_000
    assert second_opinion_of(path, pair)["integrity"] == "valid"
    (result,) = verify(tmp_path / "out", source=source)
    assert result.ok


def test_the_same_bytes_have_their_manifest_beside_them(tmp_path: Path, pair: KeyPair) -> None:
    source = noisy_picture(tmp_path / "photo.jpg", (200, 150))
    delivery = transcode(source, out=tmp_path / "out", profile="cps-twif-1mb")
    (path,) = media_of(delivery)
    assert path.read_bytes() == source.read_bytes()
    store = delivery.file("credentials").path
    assert store.name == f"{path.name}.c2pa"
    assert second_opinion(path.read_bytes(), "jpg", pair, store.read_bytes())["integrity"] == "valid"
    assert step(verify(tmp_path / "out", source=source)[0]) == ("passed", "0 in their files, 1 beside them")
    store.unlink()
    assert not verify(tmp_path / "out")[0].ok


def test_a_document_and_other_containers_have_it_beside_them(tmp_path: Path) -> None:
    source = noisy_picture(tmp_path / "photo.jpg", (200, 150))
    delivery = transcode(source, out=tmp_path / "pdf", profile="documents-1mb")
    assert carriers(delivery) == ["sidecar"]
    assert step(verify(tmp_path / "pdf", source=source)[0])[0] == "passed"
    text = read_text("cps-twif-1mb")[0].replace('containers = ["mp4"]', 'containers = ["mkv"]')
    clip = clips.write_clip(tmp_path / "clip.avi", frames=20)
    delivery = transcode(clip, out=tmp_path / "mkv", profile=Profile.from_toml(text, origin="mine.toml"))
    assert carriers(delivery) == ["sidecar"]
    assert step(verify(tmp_path / "mkv", source=clip)[0])[0] == "passed"


def test_a_lossless_copy_near_the_cap_keeps_all_of_it(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "clip.mkv", frames=60, restless=True, size=(320, 240), bit_rate=2_000_000)
    whole = transcode(source, out=tmp_path / "whole", profile="cps-twif-1mb")
    assert (whole.rung, carriers(whole)) == ("rewrap", ["embedded"])
    (path,) = media_of(whole)
    bare = path.stat().st_size - section(whole)["files"][0]["bytes"]
    delivery = transcode(source, out=tmp_path / "tight", profile="cps-twif-1mb", cap_bytes=bare + 500)
    assert (delivery.rung, carriers(delivery)) == ("rewrap", ["sidecar"])
    assert verify(tmp_path / "tight", source=source)[0].ok


def test_under_a_very_small_cap_the_evidence_comes_first(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "clip.avi", frames=30, codec="mjpeg", pixel_format="yuvj420p",
                              restless=True, bit_rate=8_000_000)  # fmt: skip
    delivery = transcode(source, out=tmp_path / "out", cap_bytes=50_000, profile="cps-twif-1mb")
    (entry,) = section(delivery)["files"]
    assert (entry["carrier"], entry["bytes"]) == ("none", 0)
    assert "evidence comes first" in entry["note"]
    (result,) = verify(tmp_path / "out", source=source)
    assert result.ok
    assert step(result) == ("skipped", "the certificate names none")
    (report,) = (tmp_path / "out").glob("*.report.html")
    assert "evidence comes first" in report.read_text(encoding="utf-8")


def test_every_tile_has_one_and_the_tiles_still_join(tmp_path: Path, pair: KeyPair) -> None:
    source = tmp_path / "noise.png"
    Image.merge("RGB", [Image.effect_noise((900, 700), 90) for _ in range(3)]).save(source)
    delivery = transcode(source, out=tmp_path / "out", cap_bytes=150_000, profile="cps-twif-1mb")
    assert delivery.rung == "split"
    paths = media_of(delivery)
    assert len(paths) > 3
    assert set(carriers(delivery)) == {"embedded"}
    assert all(path.stat().st_size <= 150_000 for path in paths)
    assert all(second_opinion_of(path, pair)["integrity"] == "valid" for path in paths)
    assert verify(tmp_path / "out", source=source)[0].ok
    joined = join(tmp_path / "out", out=tmp_path / "joined.png")
    assert joined.kind == "picture"
    assert stills.pixels_equal(stills.load(tmp_path / "joined.png"), stills.load(source))


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_a_manifest_in_the_source_is_validated_and_goes_along(
    mode: str, tmp_path: Path, pair: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSCODER_SANDBOX", mode)
    plain = noisy_picture(tmp_path / "plain.jpg", (1100, 800))
    source = tmp_path / "signed.jpg"
    camera = replace(FACTS, source_name="sensor", master_sha256="cd" * 32)
    source.write_bytes(embedded(plain.read_bytes(), "jpg", pair, camera))
    cap = int(source.stat().st_size * 0.8)
    delivery = transcode(source, out=tmp_path / "out", cap_bytes=cap, profile="cps-twif-1mb")
    incoming = section(delivery)["incoming"]
    assert (incoming["state"], incoming["kept"]) == ("valid", True)
    assert incoming["signer"] in pair.certificate.subject.rfc4514_string()
    assert fate(delivery, "C2PA manifest") == (
        "kept", f"before: valid, signed by {incoming['signer']}; carried in the new manifest as that of its ingredient"
    )  # fmt: skip
    (path,) = media_of(delivery)
    assert second_opinion_of(path, pair)["integrity"] == "valid"
    assert verify(tmp_path / "out", source=source)[0].ok


def test_a_changed_or_malformed_manifest_is_a_fact_and_no_obstacle(tmp_path: Path, pair: KeyPair) -> None:
    whole = embedded(noisy_picture(tmp_path / "plain.jpg").read_bytes(), "jpg", pair)
    changed, malformed = bytearray(whole), bytearray(whole)
    changed[-200] ^= 1
    place = malformed.index(b"c2pa.claim")
    malformed[place - 30 : place] = bytes(30)
    for name, data, states in (("changed", changed, {"invalid"}), ("malformed", malformed, {"malformed", "invalid"})):
        source = tmp_path / f"{name}.jpg"
        source.write_bytes(bytes(data))
        delivery = transcode(source, out=tmp_path / name, cap_bytes=int(len(whole) * 0.8), profile="cps-twif-1mb")
        incoming = section(delivery)["incoming"]
        assert incoming["state"] in states
        assert incoming["problems"]
        assert f"before: {incoming['state']}" in fate(delivery, "C2PA manifest")[1]
        assert verify(tmp_path / name, source=source)[0].ok


def test_other_signatures_are_named_with_what_became_of_them(tmp_path: Path) -> None:
    clip = clips.write_clip(tmp_path / "clip.h264", frames=24, size=(320, 240), container="h264", restless=True,
                            options={"x264-params": "keyint=8"}, bit_rate=3_000_000)  # fmt: skip
    plain = clip.read_bytes()
    signed = plain + b"\0\0\0\1" + ONVIF_SEI
    clip.write_bytes(signed)
    delivery = transcode(clip, out=tmp_path / "lost", cap_bytes=150_000, profile="cps-twif-1mb")
    (other,) = section(delivery)["other"]
    assert (other["kind"], other["before"], other["after"]) == (
        "onvif-media-signing", "present, not verified", "lost"
    )  # fmt: skip
    assert fate(delivery, "ONVIF signing SEI")[0] == "lost"


def test_a_rewrap_keeps_other_signatures(tmp_path: Path) -> None:
    raw = clips.write_clip(tmp_path / "raw.h264", frames=24, container="h264")
    data = raw.read_bytes()
    first = data.index(b"\0\0\1\x65")  # the first key picture
    raw.write_bytes(data[:first] + b"\0\0\1" + ONVIF_SEI + data[first:])
    source = tmp_path / "clip.mkv"
    with av.open(str(raw), "r") as inputs, av.open(str(source), "w") as output:
        stream = output.add_stream_from_template(inputs.streams.video[0])
        stream.time_base = Fraction(1, 25)
        for number, packet in enumerate(item for item in inputs.demux(video=0) if item.size):
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), stream
            output.mux(packet)
    delivery = transcode(source, out=tmp_path / "out", profile="cps-twif-1mb")
    assert delivery.rung == "rewrap"
    (other,) = section(delivery)["other"]
    assert (other["messages"], other["after"]) == (1, "kept")
    assert fate(delivery, "ONVIF signing SEI")[0] == "kept"
    assert carriers(delivery) == ["embedded"]


def test_a_manifest_of_another_signer_or_master_fails_step_10(tmp_path: Path, pair: KeyPair) -> None:
    source = noisy_picture(tmp_path / "photo.jpg")
    out = tmp_path / "out"
    transcode(source, out=out, cap_bytes=int(source.stat().st_size * 0.8), profile="cps-twif-1mb")
    (certificate,) = out.glob("*.certificate.json")
    statement = json.loads(certificate.read_bytes())
    # A sender who signs another certificate about the same files.
    statement["predicate"]["source"]["sha256"] = "00" * 32
    content = form.canonical(statement)
    certificate.write_bytes(content)
    Path(f"{certificate}.p7s").write_bytes(PemSigner(pair).sign(content))
    (result,) = checking.verify(out)
    outcome, detail = step(result)
    assert outcome == "failed"
    assert "another master" in detail


def test_old_certificates_without_the_section_verify(tmp_path: Path, pair: KeyPair) -> None:
    source = noisy_picture(tmp_path / "photo.jpg")
    out = tmp_path / "out"
    transcode(source, out=out, cap_bytes=int(source.stat().st_size * 0.8), profile="cps-twif-1mb")
    (certificate,) = out.glob("*.certificate.json")
    statement = json.loads(certificate.read_bytes())
    del statement["predicate"]["credentials"]
    content = form.canonical(statement)
    certificate.write_bytes(content)
    Path(f"{certificate}.p7s").write_bytes(PemSigner(pair).sign(content))
    (result,) = checking.verify(out)
    assert result.ok
    assert step(result) == ("skipped", "the certificate names none")


def test_profiles_that_deliver_webp_and_avif(tmp_path: Path, pair: KeyPair) -> None:
    source = noisy_picture(tmp_path / "photo.png")
    for name in ("webp", "avif"):
        text = read_text("modern-1mb")[0].replace('formats = ["avif", "webp", "jpeg", "png"]', f'formats = ["{name}"]')
        profile = Profile.from_toml(text, origin="mine.toml").with_cap(300_000)
        delivery = transcode(source, out=tmp_path / name, profile=profile)
        (path,) = media_of(delivery)
        assert (path.suffix, carriers(delivery)) == (f".{name}", ["embedded"])
        assert second_opinion_of(path, pair)["integrity"] == "valid"
    assert load("modern-1mb").still.formats[0] == "avif"

"""Reducing, as far as a profile allows it: declared, measured at the source's size, never by default."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from PIL import Image

from tests.helpers import clips
from transcoder import transcode, verify
from transcoder.certificate import statement as statements
from transcoder.metrics import packing
from transcoder.model import RungName, Verdict
from transcoder.profile import Profile, load, read_text, shipped_names

ORDER = '"re-encode", "split", "refuse"]'


def profile(
    steps: str, *, order: str = '"re-encode", "reduce", "refuse"]', floor: float = 0.9, rules: str = ""
) -> Profile:
    text = read_text("cps-twif-1mb")[0]
    assert ORDER in text
    lines = [line for line in text.replace(ORDER, order).splitlines() if not line.startswith(("frame =", "tile ="))]
    body = "\n".join(lines).replace("[floors]", f"[floors]\nframe = {floor}\ntile = 0.0")
    return Profile.from_toml(f"{body}\n[reduce]\nsteps = {steps}\n{rules}", origin="mine.toml")


def test_no_profile_for_the_prosecution_reduces_anything() -> None:
    for name in shipped_names():
        assert RungName.REDUCE not in load(name).fallback


def test_repeated_frames_are_left_out_and_listed(tmp_path: Path) -> None:
    shows = [number // 4 for number in range(120)]
    source = clips.write_clip(tmp_path / "dvr.mkv", codec="ffv1", size=(320, 240), frames=120, shows=shows)
    mine = profile('["repeats"]', order='"reduce", "refuse"]', floor=0.5).with_cap(200_000)
    delivery = transcode(source, profile=mine, out=tmp_path / "out")
    assert (delivery.verdict, delivery.rung) == (Verdict.MEETS_FLOOR, "reduce")
    assert delivery.fidelity is not None
    assert delivery.fidelity.frames == 120
    repeats = delivery.statement["predicate"]["timing"]["repeats"]  # type: ignore[index]
    wanted = [number for number in range(120) if number % 4 and number != 119]
    assert packing.unpack_numbers(repeats["frames"]) == wanted == list(delivery.fidelity.repeats)
    with av.open(str(delivery.file("media").path)) as made:
        stamps = sorted(packet.pts for packet in made.demux(video=0) if packet.size and packet.pts is not None)
        base = made.streams.video[0].time_base
    assert base is not None
    kept = [number for number in range(120) if number not in set(wanted)]
    assert [float((stamp - stamps[0]) * base) for stamp in stamps] == pytest.approx([n / 25 for n in kept], abs=0.001)
    assert verify(tmp_path / "out", source=source)[0].ok
    assert "left out because they are the same as the one before" in delivery.file("report").path.read_text(
        encoding="utf-8"
    )


def test_a_certificate_that_lists_other_repeats_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shows = [number // 2 for number in range(30)]
    source = clips.write_clip(tmp_path / "dvr.mkv", codec="ffv1", frames=30, shows=shows)
    mine = profile('["repeats"]', order='"reduce", "refuse"]', floor=0.5).with_cap(60_000)
    honest = statements.build

    def forged(facts: statements.StatementInput) -> dict[str, object]:
        made = honest(facts)
        made["predicate"]["timing"]["repeats"]["frames"] = packing.pack_numbers([1, 3])  # type: ignore[index]
        return made

    monkeypatch.setenv("TRANSCODER_SANDBOX", "off")
    monkeypatch.setattr(statements, "build", forged)
    transcode(source, profile=mine, out=tmp_path / "out")
    (result,) = verify(tmp_path / "out", source=source)
    assert not result.ok
    assert any("other frames are missing" in step.detail for step in result.steps)


def test_where_nothing_repeats_no_encode_is_spent_on_it(samples: Path, tmp_path: Path) -> None:
    mine = profile('["repeats"]', order='"reduce", "split", "refuse"]', floor=0.5).with_cap(200_000)
    delivery = transcode(samples / "cctv_day.avi", profile=mine, out=tmp_path)
    assert delivery.rung == "split"
    assert (
        "reduce (h264, without repeated frames)",
        "cctv_day.avi: no frame repeats the one before",
    ) in delivery.rejected


def test_a_scaled_video_is_measured_at_the_sources_size(samples: Path, tmp_path: Path) -> None:
    source = samples / "cctv_day.avi"
    mine = profile('["scale"]', order='"reduce", "refuse"]', floor=0.5, rules="scales = [0.5]")
    text = dict.fromkeys(mine.floors, 0.0)
    from dataclasses import replace

    mine = replace(mine, floors={**text, "frame": 0.5}).with_cap(100_000)
    delivery = transcode(source, profile=mine, out=tmp_path)
    assert delivery.rung == "reduce"
    with av.open(str(delivery.file("media").path)) as made:
        stream = made.streams.video[0]
        assert (stream.width, stream.height) == (320, 180)
    assert delivery.fidelity is not None
    assert delivery.fidelity.tile_grid == (10, 6)
    assert 0.6 < delivery.fidelity.score("frame").mean < 0.97
    fates = delivery.statement["predicate"]["fates"]  # type: ignore[index]
    assert any(fate["item"] == "picture size 640x360" and fate["fate"] == "converted" for fate in fates)
    assert not any(fate["item"] == "picture size" for fate in fates)
    assert verify(tmp_path, source=source)[0].ok


def test_audio_is_reduced_first_and_the_picture_gets_its_room(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "talk.mkv", codec="ffv1", frames=100, audio="pcm_s16le")
    mine = profile('["audio"]', order='"reduce", "refuse"]', floor=0.5, rules="audio_bitrate_bps = 8_000").with_cap(
        60_000
    )
    delivery = transcode(source, profile=mine, out=tmp_path / "out")
    assert delivery.rung == "reduce"
    fates = delivery.statement["predicate"]["fates"]  # type: ignore[index]
    assert any("AAC at 8000 bit/s" in fate["note"] for fate in fates)
    settings = delivery.statement["predicate"]["delivery"]["settings"]  # type: ignore[index]
    assert settings["reduced_audio_bps"] == 8000
    assert settings["audio_bytes"] < 4 * 8000 / 8 * 1.5
    assert verify(tmp_path / "out", source=source)[0].ok


def test_a_scaled_picture_is_measured_at_the_sources_size(samples: Path, tmp_path: Path) -> None:
    source = samples / "cctv_still.jpg"
    mine = profile('["scale"]', order='"reduce", "refuse"]', floor=0.5, rules="scales = [0.5]")
    from dataclasses import replace

    mine = replace(mine, floors=dict.fromkeys(mine.floors, 0.0)).with_cap(60_000)
    delivery = transcode(source, profile=mine, out=tmp_path)
    assert delivery.rung == "reduce"
    with Image.open(source) as master, Image.open(delivery.file("still").path) as made:
        assert made.size == (round(master.width / 2), round(master.height / 2))
    assert verify(tmp_path, source=source)[0].ok

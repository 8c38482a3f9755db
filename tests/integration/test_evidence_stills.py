"""Evidence stills of a video: exact frames, named and certified."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from transcoder import errors, transcode, verify
from transcoder.media import stills
from transcoder.media.frames import picture_of
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.profile import Profile, load, read_text


def test_the_best_frames_go_along_and_are_what_they_are_said_to_be(samples: Path, tmp_path: Path) -> None:
    source = samples / "cctv_day.avi"
    delivery = transcode(source, out=tmp_path, cap_bytes=400_000, stills=3)
    listed = delivery.statement["predicate"]["stills"]  # type: ignore[index]
    assert [item.path.name for item in delivery.files if item.role == "evidence"] == [item["name"] for item in listed]
    assert len(listed) == 3
    assert max(item.bytes for item in delivery.files) <= 400_000
    track = probe(source, sha256="").video
    assert track is not None
    frames = list(read_frames(source, track))
    for item in listed:
        timed = frames[item["frame"]]
        assert timed.pts * track.time_base == Fraction(item["at_s"])
        picture, written = picture_of(timed.frame), stills.load(tmp_path / item["name"])
        assert stills.pixels_equal(picture, written) is item["lossless"]
        assert item["ssim"] > 0.9
    assert verify(tmp_path, source=source)[0].ok

    victim = next(item.path for item in delivery.files if item.role == "evidence")
    Image.new("RGB", (640, 360)).save(victim)
    assert not verify(tmp_path)[0].ok


def test_a_profile_can_ask_for_them_and_they_go_beside_a_refusal(samples: Path, tmp_path: Path) -> None:
    text = read_text("cps-twif-1mb")[0].replace("max_parts = 24", "max_parts = 1\nstills = 2\noriginals = true")
    profile = Profile.from_toml(text, origin="mine.toml").with_cap(60_000)
    assert (profile.evidence_stills, profile.originals, load("cps-twif-1mb").evidence_stills) == (2, True, 0)
    with pytest.raises(errors.NoAcceptableEncoding):
        transcode(samples / "cctv_day.avi", profile=profile, out=tmp_path)
    (result,) = verify(tmp_path)
    assert result.ok
    assert result.verdict == "refused"
    assert result.statement is not None
    predicate = result.statement["predicate"]
    assert len(predicate["stills"]) == 2
    assert predicate["original"]["bytes"] == (samples / "cctv_day.avi").stat().st_size

"""Rewrap: the same packets at the same times in another container, or an error."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import clips, factories
from transcoder.encode.base import EncodeJob
from transcoder.encode.fates import rewrap as fates_of
from transcoder.encode.rewrap import Rewrap
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.metrics.measure import measure_video
from transcoder.metrics.pairing import Output
from transcoder.model import Encoded, EncodeSpec, Rung, RungName


def rewrap(path: Path, container: str = "mp4") -> Encoded:
    workdir = path.parent / f"work-{container}"
    workdir.mkdir()
    source = probe(path, sha256="")
    job = EncodeJob(source=source, profile=factories.profile(), cap_bytes=10**6, workdir=workdir, tick=lambda *_: None)
    rung = Rung(
        name=RungName.REWRAP,
        encoder="remux",
        extension=container,
        settings={"container": container},
        fates=fates_of(source),
    )
    return Rewrap(job).encode(EncodeSpec(rung=rung))


CLIPS: dict[str, dict[str, Any]] = {
    "variable.mkv": {"pts": [0, 40, 100, 101, 300, 340, 400, 1000], "time_base": Fraction(1, 1000)},
    "reordered.mkv": {"frames": 25, "options": {"bf": "3"}},
    "sound.mkv": {"frames": 25, "audio": "aac"},
    "broadcast.ts": {"frames": 25, "options": {"bf": "2"}, "audio": "aac"},
    "plain.avi": {"frames": 25, "options": {"bf": "0"}},
    "phone.mov": {"matrix": clips.MATRIX_90},
    "anamorphic.mkv": {"sample_aspect": Fraction(16, 11), "color_range": 2},
    "hevc.mkv": {"codec": "libx265", "frames": 25, "options": {"x265-params": "log-level=none"}},
    "late.mkv": {"pts": [90_000_000 + 40 * n for n in range(12)], "time_base": Fraction(1, 1000)},
}


@pytest.mark.parametrize("container", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("name", CLIPS)
def test_every_sample_time_and_property_is_kept(name: str, container: str, tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / name, **CLIPS[name])
    encoded = rewrap(path, container)
    before, after = probe(path, sha256=""), probe(encoded.path, sha256="")
    assert before.video is not None
    assert after.video is not None
    assert encoded.lossless_proof
    assert encoded.bytes == encoded.path.stat().st_size
    output = Output(encoded.path, encoded.timing_offset_s)
    measured = measure_video(path, before.video, [output], lambda *_: None).fidelity
    assert measured.score("frame").minimum == 1.0
    assert measured.frames == sum(1 for _ in read_frames(path, before.video))
    assert (after.video.codec, after.video.rotation_deg, after.video.sample_aspect or 1, after.video.color_range) == (
        before.video.codec,
        before.video.rotation_deg,
        before.video.sample_aspect or 1,
        before.video.color_range,
    )
    assert [track.codec for track in after.audio] == [track.codec for track in before.audio]


def test_the_result_is_repeatable(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", audio="aac")
    other = tmp_path / "again" / "a.mkv"
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    assert rewrap(path).path.read_bytes() == rewrap(other).path.read_bytes()

"""Measuring while encoding gives what measuring the finished file gives, or nothing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.helpers import clips, factories
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import ENCODERS, plan_ladder
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.metrics.measure import Measurement, measure_video
from transcoder.metrics.pairing import Output
from transcoder.metrics.underway import Underway
from transcoder.model import Box, Encoded, EncodeSpec, Region, RegionKind, RungName, Sighting

CAP = 60_000
VFR = [0, 40, 100, 101, 300, 340, 400, 1000, 1040, 1080]


class Followed:
    """A clip, what was made of it, and what was measured on the way."""

    def __init__(self, path: Path, workdir: Path, codec: str = "h264", container: str = "mp4") -> None:
        rules = factories.video_rules(preset="veryfast", codecs=(codec,), containers=(container,))
        profile = factories.profile(video=rules)
        source = probe(path, sha256="0" * 64)
        assert source.video is not None
        self.path, self.track = path, source.video
        moments = [timed.pts for timed in read_frames(path, self.track)]
        self.regions = [region(moments)]
        self.made: dict[Path, Underway] = {}
        workdir.mkdir(exist_ok=True)
        job = EncodeJob(
            source=source, profile=profile, cap_bytes=CAP, workdir=workdir, tick=lambda *_: None, onlook=self.onlook
        )
        plan = plan_ladder(source, profile, CAP)
        rung = next(rung for rung in plan.rungs if rung.name is RungName.RE_ENCODE and rung.encoder == codec)
        self.encoded: Encoded = ENCODERS[codec](job).encode(EncodeSpec(rung=rung, knob_value=float(CAP)))

    def onlook(self, path: Path) -> Underway:
        self.made[path] = Underway(self.track, self.regions)
        return self.made[path]

    def underway(self, **changes: Any) -> Measurement | None:
        found = replace(self.encoded, **changes)
        return self.made[self.encoded.path].measurement(found.path, found.timing_offset_s)

    def afterwards(self) -> Measurement:
        output = Output(self.encoded.path, self.encoded.timing_offset_s)
        return measure_video(self.path, self.track, [output], lambda *_: None, self.regions)


def region(moments: list[int]) -> Region:
    sightings = tuple(Sighting(pts, (Box(16, 16, 48, 32),)) for pts in moments[len(moments) > 4 :])
    return Region(id="motion-1", kind=RegionKind.MOTION, found_by="motion", sightings=sightings, key=sightings[-1])


SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "reordered": ("a.mp4", {"frames": 40, "options": {"bf": "2"}}),
    "variable": ("a.mkv", {"pts": VFR, "time_base": Fraction(1, 1000)}),
    "far-away": ("a.mkv", {"pts": [26 * 3_600_000 + n for n in VFR], "time_base": Fraction(1, 1000)}),
    "interlaced": ("a.mp4", {"frames": 20, "interlaced": True, "options": {"x264-params": "tff=1"}}),
    "full-range": ("a.avi", {"codec": "mjpeg", "pixel_format": "yuvj422p", "bit_rate": 4_000_000}),
    "odd": ("a.avi", {"codec": "ffv1", "pixel_format": "yuv444p", "size": (161, 121)}),
    "sound": ("a.mp4", {"frames": 40, "audio": "aac"}),
    "one": ("a.mp4", {"frames": 1}),
}


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("name", SOURCES)
def test_the_same_figures_as_afterwards(name: str, container: str, tmp_path: Path) -> None:
    file, options = SOURCES[name]
    followed = Followed(clips.write_clip(tmp_path / file, **options), tmp_path / "work", container=container)
    underway, afterwards = followed.underway(), followed.afterwards()
    assert underway is not None
    assert underway.fidelity == afterwards.fidelity
    assert (underway.before, underway.after) == (afterwards.before, afterwards.after)
    assert [view.after for view in underway.views] == [view.after for view in afterwards.views]


def test_a_file_that_holds_other_pictures_is_not_what_was_measured(tmp_path: Path) -> None:
    followed = Followed(clips.write_clip(tmp_path / "a.mp4", frames=40), tmp_path / "work")
    other = Followed(clips.write_clip(tmp_path / "b.mp4", frames=40, restless=True), tmp_path / "other")
    assert followed.underway(path=other.encoded.path) is None


def test_one_changed_bit_of_a_picture_is_seen(tmp_path: Path) -> None:
    followed = Followed(clips.write_clip(tmp_path / "a.mp4", frames=40, restless=True), tmp_path / "work")
    data = bytearray(followed.encoded.path.read_bytes())
    data[data.index(b"mdat") + len(data) // 2] ^= 1
    followed.encoded.path.write_bytes(data)
    assert followed.underway() is None


@pytest.mark.parametrize("shift_s", [Fraction(1, 25), Fraction(-1, 25), Fraction(1, 1000)])
def test_pictures_at_other_times_are_not_what_was_measured(shift_s: Fraction, tmp_path: Path) -> None:
    followed = Followed(clips.write_clip(tmp_path / "a.mp4", frames=40), tmp_path / "work")
    assert followed.underway(timing_offset_s=followed.encoded.timing_offset_s + shift_s) is None


def test_an_encoder_that_stopped_was_not_measured(tmp_path: Path) -> None:
    followed = Followed(clips.write_clip(tmp_path / "a.mp4", frames=40), tmp_path / "work")
    with pytest.raises(ZeroDivisionError), Underway(followed.track, []) as underway:
        for timed in read_frames(followed.path, followed.track):
            underway.frame(timed)
            if timed.pts > 20 * 512:
                raise ZeroDivisionError
    assert underway.measurement(followed.encoded.path, Fraction(0)) is None


def test_what_cannot_be_followed_holds_nobody_up(tmp_path: Path) -> None:
    """Many packets that no decoder takes: the encoder goes on, and the file is measured afterwards."""
    followed = Followed(clips.write_clip(tmp_path / "a.mp4", frames=40), tmp_path / "work")
    with Underway(followed.track, []) as underway:
        for number, timed in enumerate(read_frames(followed.path, followed.track)):
            underway.frame(timed)
            packet = av.Packet(bytes([0, 0, 1, 0x65, *range(250)]))
            packet.pts = packet.dts = number
            for _ in range(4):
                underway.packet(packet, "h264", b"\0\0\1nonsense")
    assert underway.measurement(followed.encoded.path, Fraction(0)) is None

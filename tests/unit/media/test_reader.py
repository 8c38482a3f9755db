"""Reading frames: the same timestamps on every pass, and damage that costs only what it damaged."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import clips
from transcoder.errors import InputError
from transcoder.media.frames import planes_of
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.model import VideoTrack


def track_of(path: Path) -> VideoTrack:
    video = probe(path, sha256="").video
    assert video is not None
    return video


def times(path: Path) -> list[Fraction]:
    track = track_of(path)
    return [item.pts * track.time_base for item in read_frames(path, track)]


def test_variable_times_are_exact(tmp_path: Path) -> None:
    pts = [0, 40, 100, 101, 300, 340, 400, 1000]
    path = clips.write_clip(tmp_path / "a.mkv", pts=pts, time_base=Fraction(1, 1000))
    assert times(path) == [Fraction(stamp, 1000) for stamp in pts]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov"])
def test_reordered_frames_come_in_presentation_order(name: str, tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / name, frames=25, options={"bf": "3"})
    found = times(path)
    assert len(found) == 25
    expected = [Fraction(n, 25) for n in range(25)]
    assert all(abs(b - a - Fraction(1, 25)) <= Fraction(1, 1000) for a, b in pairwise(found))
    assert abs(found[-1] - found[0] - expected[-1]) <= Fraction(1, 1000)


def test_decode_order_only_is_rebuilt(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", frames=25, options={"bf": "2"})
    found = times(path)
    assert len(found) == 25
    assert all(b - a == Fraction(1, 25) for a, b in pairwise(found))


def test_a_raw_stream_is_counted(tmp_path: Path) -> None:
    found = times(clips.write_clip(tmp_path / "a.h264", frames=10))
    assert len(found) == 10
    assert all(b - a == Fraction(1, 25) for a, b in pairwise(found))


def test_every_pass_gives_the_same(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", options={"bf": "2"})
    track = track_of(path)
    first = [(item.pts, planes_of(item.frame)[0].copy()) for item in read_frames(path, track)]
    second = [(item.pts, planes_of(item.frame)[0].copy()) for item in read_frames(path, track)]
    assert all(a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in zip(first, second, strict=True))


def test_a_cut_file_gives_its_whole_frames(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", codec="mpeg4", frames=40)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    found = times(path)
    assert 5 < len(found) < 40
    assert all(a < b for a, b in pairwise(found))


def test_damage_in_the_middle_costs_little(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", codec="mjpeg", pixel_format="yuvj420p", frames=30)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    path.write_bytes(data)
    assert len(times(path)) >= 27


def test_a_picture_that_changes_its_size_is_refused(tmp_path: Path) -> None:
    small = clips.write_clip(tmp_path / "small.ts", frames=10, size=(96, 64)).read_bytes()
    large = clips.write_clip(tmp_path / "large.ts", frames=10).read_bytes()
    (tmp_path / "both.ts").write_bytes(large + small)
    with pytest.raises(InputError) as caught:
        times(tmp_path / "both.ts")
    assert caught.value.code == "size-changes"

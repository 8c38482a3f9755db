"""Runs of frames: read from anywhere in a file, they are what reading from the start gives."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.clips import write_clip
from transcoder.errors import InputError
from transcoder.media.index import FrameIndex, cut
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.model import SourceInfo

FRAMES = 48
KINDS = {
    "b-frames, many key frames": ("mp4", {"x264-params": "bframes=3:keyint=10:scenecut=0"}),
    "open groups of pictures": ("mkv", {"x264-params": "bframes=3:keyint=12:open-gop=1:scenecut=0"}),
    "intra refresh": ("mkv", {"x264-params": "intra-refresh=1:keyint=15"}),
    "one key frame": ("mp4", {"x264-params": "keyint=500:scenecut=0"}),
    "transport stream": ("ts", {"x264-params": "bframes=2:keyint=9"}),
    "uneven": ("mp4", {"x264-params": "bframes=2:keyint=11"}),
    "no timestamps": ("h264", {"x264-params": "bframes=2:keyint=11"}),
}


def decoded(source: SourceInfo) -> list[tuple[int, bytes]]:
    assert source.video is not None
    return [(item.pts, np.asarray(item.frame.to_ndarray(format="gray")).tobytes())
            for item in read_frames(source.path, source.video)]  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SourceInfo, FrameIndex, list[tuple[int, bytes]]]:
    ending, options = KINDS[request.param]
    pts = [number * 3 + number % 2 for number in range(FRAMES)] if request.param == "uneven" else None
    path = tmp_path_factory.mktemp("clip") / f"clip.{ending}"
    write_clip(path, frames=FRAMES, pts=pts, options=options)
    source = probe(path, sha256="")
    assert source.video is not None
    index = FrameIndex()
    for _ in index.noting(read_frames(path, source.video)):
        pass
    return source, index, decoded(source)


@given(data=st.data())
def test_a_span_is_a_slice(whole: tuple[SourceInfo, FrameIndex, list[tuple[int, bytes]]], data: st.DataObject) -> None:
    source, index, frames = whole
    first = data.draw(st.integers(0, len(frames) - 1))
    end = data.draw(st.integers(first + 1, len(frames)))
    part = cut(source, index, first, end)
    assert decoded(part) == frames[first:end]
    assert part.video is not None
    assert part.video.frames == end - first


@given(cuts=st.sets(st.integers(1, FRAMES - 1), max_size=5))
def test_spans_share_the_time_without_gap_or_overlap(
    whole: tuple[SourceInfo, FrameIndex, list[tuple[int, bytes]]], cuts: set[int]
) -> None:
    source, index, frames = whole
    edges = [0, *sorted(edge for edge in cuts if edge < len(frames)), len(frames)]
    parts = [cut(source, index, a, b).video for a, b in itertools.pairwise(edges)]
    for before, after in itertools.pairwise(parts):
        assert before is not None
        assert after is not None
        assert before.start_s + before.duration_s == after.start_s


def test_frames_that_are_gone_are_an_error(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=20)
    source = probe(path, sha256="")
    assert source.video is not None
    index = FrameIndex()
    for _ in index.noting(read_frames(path, source.video)):
        pass
    part = cut(source, index, 10, 20)
    write_clip(path, frames=12)
    with pytest.raises(InputError) as caught:
        decoded(part)
    assert caught.value.code == "source-changed"

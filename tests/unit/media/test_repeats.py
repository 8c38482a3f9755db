"""Repeated frames: what counts as one, and what is kept."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import clips
from transcoder.media.probe import probe
from transcoder.media.reader import TimedFrame, read_frames
from transcoder.media.repeats import largest_difference, without_repeats


def flat(value: int, *, chroma: int = 128, name: str = "yuv420p") -> av.VideoFrame:
    luma, rest = np.full((16, 16), value, np.uint8), np.full((8, 16), chroma, np.uint8)
    return av.VideoFrame.from_ndarray(np.concatenate([luma, rest]), format="yuv420p").reformat(format=name, threads=1)


def test_the_largest_difference_of_any_sample_counts() -> None:
    one, other = flat(50), flat(50)
    assert largest_difference(one, other) == 0
    assert largest_difference(flat(50), flat(53)) == 3
    assert largest_difference(flat(53), flat(50)) == 3
    assert largest_difference(flat(50), flat(50, chroma=121)) == 7
    spot = np.full((24, 16), 50, np.uint8)
    spot[3, 5] = 250
    assert largest_difference(flat(50, chroma=50), av.VideoFrame.from_ndarray(spot, format="yuv420p")) == 200
    assert largest_difference(flat(50, name="rgb24"), flat(200, name="rgb24")) > 100


@given(st.lists(st.integers(0, 255), min_size=1, max_size=12), st.integers(0, 20))
def test_what_is_left_out_is_near_what_is_shown_instead(values: list[int], difference: int) -> None:
    timed = [TimedFrame(number, flat(value)) for number, value in enumerate(values)]
    kept = list(without_repeats(iter(timed), difference))
    numbers = [item.pts for item in kept]
    assert numbers[0] == 0
    assert numbers[-1] == len(values) - 1
    assert numbers == sorted(set(numbers))
    for number in range(len(values)):
        shown = max(item for item in numbers if item <= number)
        assert abs(values[number] - values[shown]) <= difference


@pytest.mark.parametrize("shows", [[0, 0, 0, 1, 1, 2, 3, 3], [5, 5, 5, 5], [0, 1, 2]])
def test_a_recorder_that_stores_pictures_twice(shows: list[int], tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", codec="ffv1", frames=len(shows), shows=shows)
    track = probe(path, sha256="").video
    assert track is not None
    kept = list(without_repeats(read_frames(path, track), 0))
    firsts = [number for number, step in enumerate(shows) if number == 0 or step != shows[number - 1]]
    wanted = sorted({*firsts, len(shows) - 1})
    all_times = [item.pts for item in read_frames(path, track)]
    assert [item.pts for item in kept] == [all_times[number] for number in wanted]

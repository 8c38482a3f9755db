"""Measuring pairs frames by time: equal counts prove nothing, and chroma, depth and places are judged too."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import clips, pictures
from transcoder.errors import OutputMismatch
from transcoder.media.probe import probe
from transcoder.metrics.measure import Measurement, compare_stills, measure_still, measure_video
from transcoder.metrics.pairing import Output
from transcoder.model import Box, Region, RegionKind, Sighting

MS = Fraction(1, 1000)


def measure(source: Path, output: Path, offset: Fraction = Fraction(0)) -> Measurement:
    track = probe(source, sha256="").video
    assert track is not None
    return measure_video(source, track, [Output(output, offset)], lambda *_: None)


def lossless(path: Path, pts: list[int]) -> Path:
    return clips.write_clip(path, codec="ffv1", pts=pts, time_base=MS)


def test_the_same_file_is_exactly_one_everywhere(tmp_path: Path) -> None:
    path = lossless(tmp_path / "a.mkv", [0, 40, 100, 300])
    found = measure(path, path).fidelity
    assert found.frames == 4
    assert list(found.times_s) == [0.0, 0.04, 0.1, 0.3]
    assert all(score.mean == score.minimum == 1.0 for score in found.scores if score.metric == "ssim")
    assert found.score("frame", metric="psnr").mean == 100
    assert found.max_time_error_s == 0
    assert {score.plane for score in found.scores if score.metric == "ssim"} == {"y", "cb", "cr"}
    with pytest.raises(KeyError):
        found.score("face")


@pytest.mark.parametrize("other", [[0, 40, 80], [0, 40, 80, 120, 160]], ids=["dropped", "added"])
def test_a_missing_or_added_frame_is_an_error_not_a_lower_score(other: list[int], tmp_path: Path) -> None:
    source = lossless(tmp_path / "a.mkv", [0, 40, 80, 120])
    with pytest.raises(OutputMismatch):
        measure(source, lossless(tmp_path / "b.mkv", other))


def test_the_same_number_of_frames_at_other_times_is_an_error(tmp_path: Path) -> None:
    source = lossless(tmp_path / "a.mkv", [0, 40, 80, 120])
    for times in ([0, 40, 82, 120], [0, 33, 66, 100], [5, 45, 85, 125]):
        with pytest.raises(OutputMismatch) as caught:
            measure(source, lossless(tmp_path / "b.mkv", times))
        assert caught.value.code == "timestamps-differ"
    found = measure(source, lossless(tmp_path / "c.mkv", [0, 40, 81, 120])).fidelity  # within one tick
    assert found.max_time_error_s == MS


def test_a_declared_shift_is_taken_into_account(tmp_path: Path) -> None:
    source = lossless(tmp_path / "a.mkv", [5000, 5040, 5080])
    output = lossless(tmp_path / "b.mkv", [0, 40, 80])
    assert measure(source, output, Fraction(5)).fidelity.frames == 3
    with pytest.raises(OutputMismatch):
        measure(source, output)


def test_another_size_is_an_error(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "a.mkv")
    with pytest.raises(OutputMismatch):
        measure(source, clips.write_clip(tmp_path / "b.mkv", size=(320, 240)))


def test_the_worst_frame_its_time_and_its_pictures(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "a.mkv", codec="ffv1")
    output = clips.write_clip(tmp_path / "b.mkv", bit_rate=60_000)
    found = measure(source, output)
    worst = int(np.argmin(found.fidelity.worst_tile))
    assert found.fidelity.worst_at_s == found.fidelity.times_s[worst]
    assert found.fidelity.score("tile").minimum == min(found.fidelity.worst_tile)
    assert found.fidelity.score("frame").minimum == min(found.fidelity.ssim_y)
    assert found.before.size == found.after.size == (160, 120)
    assert found.before.tobytes() != found.after.tobytes()
    x, y, width, height = found.fidelity.worst_tile_box
    assert 0 <= x < x + width <= 160
    assert 0 <= y < y + height <= 120


def still_pair(folder: Path, harm: Image.Image | None = None) -> tuple[Path, Path]:
    pictures.rgb(320, 240).save(folder / "a.png")
    (harm or pictures.rgb(320, 240)).save(folder / "b.png")
    return folder / "a.png", folder / "b.png"


def test_stills_are_judged_by_their_tiles(tmp_path: Path) -> None:
    assert measure_still(*still_pair(tmp_path)).fidelity.score("tile").minimum == 1.0
    harmed = pictures.rgb(320, 240)
    harmed.paste((90, 90, 90), (200, 130, 250, 180))
    found = measure_still(*still_pair(tmp_path, harmed)).fidelity
    assert found.score("frame").mean > 0.9
    assert found.score("tile").p1 < 0.8
    x, y, width, height = found.worst_tile_box
    assert x < 250
    assert x + width > 200
    assert y < 180
    assert y + height > 130


def test_a_comparison_made_before_regions_are_known_gives_the_same_scores(tmp_path: Path) -> None:
    source, output = still_pair(tmp_path, pictures.rgb(320, 240, seed=5))
    box = Box(40, 40, 64, 48)
    region = Region(id="t1", kind=RegionKind.TEXT, found_by="drawn", sightings=(Sighting(0, (box,)),),
                    key=Sighting(0, (box,)))  # fmt: skip
    at_once = measure_still(source, output, [region]).fidelity
    assert measure_still(source, output, [region], compared=compare_stills(source, output)).fidelity == at_once
    assert at_once.score("text").minimum < 1


def test_lost_colour_shows_although_luma_is_kept(tmp_path: Path) -> None:
    y = pictures.rgb(320, 240).convert("YCbCr").getchannel("Y")
    flat = Image.new("L", (320, 240), 128)
    grey = Image.merge("YCbCr", (y, flat, flat)).convert("RGB")
    found = measure_still(*still_pair(tmp_path, grey)).fidelity
    assert found.score("frame", "cb").mean < 0.95
    assert found.score("frame", "cr").mean < 0.95
    assert found.score("frame").mean > 0.99


def test_stills_of_other_sizes_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputMismatch):
        measure_still(*still_pair(tmp_path, pictures.rgb(321, 240)))


def test_grey_against_colour_is_compared_in_colour(tmp_path: Path) -> None:
    found = measure_still(*still_pair(tmp_path, pictures.rgb(320, 240).convert("L"))).fidelity
    assert found.score("frame", "cb").mean < 0.95

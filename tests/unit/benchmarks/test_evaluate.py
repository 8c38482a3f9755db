"""The study's judge on answers that are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

from benchmarks.evaluate.showing import pair, times_s
from benchmarks.evaluate.still import WHOLE_PIXELS, score_still, windows
from benchmarks.evaluate.video import score_video, ssim_map, worst_tile
from benchmarks.peers.searched import best_under
from transcoder.media.probe import probe
from transcoder.metrics import measure
from transcoder.metrics.pairing import Output

SIZE = (128, 192)
RATE = 25


def picture(number: int) -> np.ndarray:
    """A texture that differs from frame to frame, so that a neighbour is not mistaken for the frame itself.

    Smooth, on a grid of 11 pixels: flat squares of 8 would lie exactly in the product's windows of 8 and not in
    scikit-image's of 7, and the two would differ by the pattern instead of by the measure.
    """
    values = np.random.default_rng(number).integers(40, 200, (-(-SIZE[0] // 11), -(-SIZE[1] // 11)), dtype=np.uint8)
    return np.asarray(Image.fromarray(values).resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC))


def write(path: Path, numbers: Sequence[int], *, at: Sequence[int] | None = None, noise: int = 0) -> Path:
    """A lossless clip of these pictures, at these ticks of 1/25 s."""
    random = np.random.default_rng(99)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for tick, number in zip(at or range(len(numbers)), numbers, strict=True):
            luma = picture(number).astype(np.int16)
            if noise:
                luma += random.integers(-noise, noise + 1, luma.shape)
            planes = np.full((SIZE[0] * 3 // 2, SIZE[1]), 128, dtype=np.uint8)
            planes[: SIZE[0]] = luma.clip(16, 235)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = tick, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source.mkv", range(10))


def test_a_copy_of_itself_is_perfect(source: Path) -> None:
    score = score_video(source, source, np.ones((10, 8, 12), dtype=np.bool_), vmaf=False)
    assert (score.mean, score.worst_percent, score.worst_tile, score.moving) == (1, 1, 1, 1)
    assert (score.frames_copy, score.on_time, score.same_size) == (10, 10, True)


def test_pictures_one_frame_late_are_found(source: Path, tmp_path: Path) -> None:
    late = write(tmp_path / "late.mkv", [0, *range(9)])
    score = score_video(source, late, vmaf=False)
    assert score.on_time == 10  # the times are right, only the pictures are not
    assert score.mean < 0.5


def test_dropped_frames_are_counted_and_judged_by_what_is_shown_instead(source: Path, tmp_path: Path) -> None:
    kept = [0, 1, 2, 3, 6, 7, 8, 9]
    score = score_video(source, write(tmp_path / "dropped.mkv", kept, at=kept), vmaf=False)
    assert (score.frames_source, score.frames_copy, score.on_time) == (10, 8, 8)
    assert 0.8 <= score.mean < 0.9  # eight perfect frames of ten, and two that show another picture


def test_a_constant_shift_is_forgiven_and_a_stretch_is_not() -> None:
    source_s = [0.0, 0.04, 0.08, 0.12]
    assert pair(source_s, [at + 0.5 for at in source_s]).on_time == 4
    assert pair(source_s, [at * 1.25 for at in source_s]).on_time == 1
    assert pair(source_s, [0.0, 0.08]).shown == (0, 0, 1, 1)


def test_times_of_a_variable_rate_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "vfr.mkv", range(4), at=[0, 1, 4, 9])
    assert times_s(path) == pytest.approx([0, 0.04, 0.16, 0.36], abs=0.001)


def test_a_bad_corner_shows_in_the_worst_tile() -> None:
    values = np.ones((128, 192))
    values[:64, 128:] = 0.25
    assert worst_tile(values) == 0.25


def test_damage_outside_what_moves_does_not_count_there(source: Path, tmp_path: Path) -> None:
    worse = write(tmp_path / "worse.mkv", range(10), noise=20)
    nothing = np.zeros((10, 8, 12), dtype=np.bool_)
    assert score_video(source, worse, nothing, vmaf=False).moving is None
    assert score_video(source, worse, ~nothing, vmaf=False).moving < 1  # type: ignore[operator]


def test_agrees_with_the_products_own_figure(source: Path, tmp_path: Path) -> None:
    """Two implementations with other windows: near each other, and in the same order."""
    ours, product = [], []
    for noise in (4, 20):
        copy = write(tmp_path / f"noise{noise}.mkv", range(10), noise=noise)
        track = probe(source, sha256="").video
        assert track is not None
        measured = measure.measure_video(source, track, [Output(copy, Fraction(0))], lambda *_: None).fidelity
        ours.append(score_video(source, copy, vmaf=False).mean)
        product.append(measured.score("frame").mean)
    assert ours == pytest.approx(product, abs=0.05)  # windows of 7 and of 8 pixels, under heavy noise
    assert ours[0] > ours[1]


def test_stills_identical_smaller_and_turned(tmp_path: Path) -> None:
    large = Image.fromarray(picture(3)).convert("RGB")
    large.save(tmp_path / "a.png")
    large.resize((96, 64)).save(tmp_path / "small.png")
    turned = large.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise, which undoes it
    turned.save(tmp_path / "turned.png", exif=exif)
    same = score_still(tmp_path / "a.png", tmp_path / "a.png")
    assert (same.mean, same.worst_tile, same.same_size) == (1, 1, True)
    assert score_still(tmp_path / "a.png", tmp_path / "turned.png").mean == 1
    small = score_still(tmp_path / "a.png", tmp_path / "small.png")
    assert not small.same_size
    assert small.mean < 1


def test_a_search_takes_the_best_quality_that_fits() -> None:
    found = best_under(500, lambda quality: bytes(quality * 10))
    assert found is not None
    assert len(found) == 500
    assert best_under(10, lambda quality: bytes(quality * 10)) is None


@pytest.mark.parametrize("noise", [2, 60])
def test_the_map_is_scikit_images_at_every_pixel(noise: int) -> None:
    random = np.random.default_rng(5)
    before = picture(1)
    after = (before + random.integers(-noise, noise + 1, before.shape)).clip(0, 255).astype(np.uint8)
    _, wanted = structural_similarity(before, after, data_range=255, full=True)  # type: ignore[no-untyped-call, unused-ignore]
    assert np.abs(ssim_map(before, after) - wanted).max() < 1e-9


def test_a_large_picture_is_looked_at_in_windows_inside_it() -> None:
    assert windows(1600, 900) == [(0, 0, 1600, 900)]
    found = windows(4000, 3000)
    assert len(set(found)) == 6
    assert all(0 <= left < right <= 4000 and 0 <= top < bottom <= 3000 for left, top, right, bottom in found)
    assert sum((right - left) * (bottom - top) for left, top, right, bottom in found) > WHOLE_PIXELS
    narrow = windows(10_000, 600)  # a panorama is lower than a window
    assert all(bottom - top == 600 for _, top, _, bottom in narrow)


def test_the_best_score_is_of_a_copy_that_is_the_same(tmp_path: Path) -> None:
    pytest.importorskip("ssimulacra2")
    large = Image.fromarray(picture(3)).convert("RGB")
    large.save(tmp_path / "a.png")
    large.save(tmp_path / "a.jpg", quality=20)
    same, worse = (score_still(tmp_path / "a.png", tmp_path / name).ssimulacra2 for name in ("a.png", "a.jpg"))
    assert same == 100
    assert worse is not None
    assert worse < 95

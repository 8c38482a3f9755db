"""Micro benchmarks of what runs once a frame or once a delivery: the SSIM map, tiles, hashing, packing.

Run with ``python -m pytest benchmarks --benchmark-only``. Nothing here asserts a time: machines differ, and
a benchmark that fails on a busy one teaches people to ignore it. The values are asserted, so that a fast
wrong answer is not taken for a fast one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from skimage.metrics import structural_similarity

from transcoder.metrics import packing, ssim
from transcoder.storage import local

Luma = NDArray[np.uint8]

SIZES_PX = {"1080p": (1920, 1080), "768x432": (768, 432)}
HASHED_BYTES = 16 * 1024 * 1024
SERIES_FRAMES = 9000
"""Six minutes at 25 frames a second."""


@pytest.fixture(params=sorted(SIZES_PX))
def size_px(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SIZES_PX[str(request.param)]


@pytest.fixture
def pair(size_px: tuple[int, int]) -> tuple[Luma, Luma]:
    """A smooth picture with texture, and the same with coding-like noise."""
    width, height = size_px
    random = np.random.default_rng(20240501)
    y, x = np.mgrid[0:height, 0:width]
    scene = 128 + 60 * np.sin(x / 37) * np.cos(y / 23) + random.normal(0, 6, (height, width))
    coded = scene + random.normal(0, 4, (height, width))
    return scene.clip(0, 255).astype(np.uint8), coded.clip(0, 255).astype(np.uint8)


@pytest.mark.benchmark(group="SSIM of one luma plane")
def test_ssim_map(benchmark: BenchmarkFixture, pair: tuple[Luma, Luma]) -> None:
    source, output = pair
    ssim.ssim_map(source, output)  # compile, or load what was compiled before
    values, mean_squared_error = benchmark(ssim.ssim_map, source, output)
    assert 0 < ssim.mean(values) < 1
    assert mean_squared_error > 0


@pytest.mark.benchmark(group="SSIM of one luma plane")
def test_ssim_by_scikit_image(benchmark: BenchmarkFixture, pair: tuple[Luma, Luma]) -> None:
    """The oracle of the tests with its Gaussian windows, as the 2004 paper has them."""
    source, output = pair
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    value = benchmark(structural_similarity, source, output, data_range=255, **gaussian)
    assert 0 < value < 1


@pytest.mark.benchmark(group="SSIM of one luma plane")
def test_ssim_by_scikit_image_box_windows(benchmark: BenchmarkFixture, pair: tuple[Luma, Luma]) -> None:
    """scikit-image's quickest way: 7x7 box windows, its default."""
    source, output = pair
    value = benchmark(structural_similarity, source, output, data_range=255)
    assert 0 < value < 1


@pytest.mark.benchmark(group="tiles of one map")
def test_tile_means(benchmark: BenchmarkFixture, pair: tuple[Luma, Luma], size_px: tuple[int, int]) -> None:
    values, _ = ssim.ssim_map(*pair)
    grid = ssim.TileGrid(*size_px)
    grid.means(values)
    means = benchmark(grid.means, values)
    assert means.shape == (grid.rows, grid.columns)


@pytest.mark.benchmark(group="hash of 16 MiB")
def test_hash_file(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    content = np.random.default_rng(7).integers(0, 256, HASHED_BYTES, dtype=np.uint8).tobytes()
    path = tmp_path / "master.bin"
    path.write_bytes(content)
    digest = benchmark(local.sha256_of, path)
    assert digest == hashlib.sha256(content).hexdigest()


@pytest.mark.benchmark(group="hash of 16 MiB")
def test_hash_memory(benchmark: BenchmarkFixture) -> None:
    """The floor: hashlib alone, nothing read."""
    content = bytes(HASHED_BYTES)
    benchmark(lambda: hashlib.sha256(content).hexdigest())


@pytest.fixture
def scores() -> list[float]:
    """Per-frame scores that drift slowly and flicker a little, as real ones do."""
    random = np.random.default_rng(11)
    drift = 0.97 + 0.015 * np.sin(np.arange(SERIES_FRAMES) / 400)
    return [float(value) for value in (drift + random.normal(0, 0.0015, SERIES_FRAMES)).clip(-1, 1)]


@pytest.mark.benchmark(group="series of 9000 frames")
def test_pack(benchmark: BenchmarkFixture, scores: list[float]) -> None:
    packed = benchmark(packing.pack, scores, max_bytes=1_000_000)
    assert (packed.count, packed.group) == (SERIES_FRAMES, 1)


@pytest.mark.benchmark(group="series of 9000 frames")
def test_pack_into_little_room(benchmark: BenchmarkFixture, scores: list[float]) -> None:
    """Grouping until it fits: several packings."""
    packed = benchmark(packing.pack, scores, max_bytes=2_000)
    assert len(packed.data) <= 2_000


@pytest.mark.benchmark(group="series of 9000 frames")
def test_unpack(benchmark: BenchmarkFixture, scores: list[float]) -> None:
    packed = packing.pack(scores, max_bytes=1_000_000)
    values = benchmark(packing.unpack, packed.data)
    assert values == [round(value, 4) for value in scores]

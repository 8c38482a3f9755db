"""The SSIM map by itself: exact where it must be exact, and sensible at every size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.helpers import pictures
from transcoder.metrics import ssim


@pytest.mark.parametrize("size", [(1, 1), (3, 8), (8, 3), (7, 7), (8, 8), (9, 11), (12, 8), (64, 48), (101, 67)])
@pytest.mark.parametrize("bits", [8, 10, 16])
def test_identical_planes_give_exactly_one(size: tuple[int, int], bits: int) -> None:
    numbers = np.random.default_rng(1).integers(0, 1 << bits, size[::-1])
    plane = numbers.astype(np.uint8) if bits == 8 else numbers.astype(np.uint16)
    values, error = ssim.ssim_map(plane, plane.copy(), bit_depth=bits)
    assert np.all(values == 1)
    assert ssim.mean(values) == 1.0
    assert error == 0.0


@pytest.mark.parametrize(
    ("width", "height"), [(8, 8), (9, 9), (12, 8), (64, 48), (101, 67), (1, 1), (5, 30), (30, 5), (640, 1)]
)
def test_one_value_for_each_window_on_the_grid(width: int, height: int) -> None:
    plane = pictures.luma(width, height)
    values, _ = ssim.ssim_map(plane, plane)
    assert values.shape == (max(8, height) // 4 - 1, max(8, width) // 4 - 1)
    assert values.dtype == np.float32


def test_the_formula_on_one_window_by_hand() -> None:
    """Wang et al. 2004, eq. 13, over one 8x8 window with FFmpeg's unbiased variance."""
    a = pictures.luma(8, 8, seed=4)
    b = pictures.noisy(a, 20)
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    covariance = np.cov(x, y, ddof=1)
    expected = ((2 * x.mean() * y.mean() + c1) * (2 * covariance[0, 1] + c2)) / (
        (x.mean() ** 2 + y.mean() ** 2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2)
    )
    values, error = ssim.ssim_map(a, b)
    assert values.shape == (1, 1)
    assert float(values[0, 0]) == pytest.approx(expected, abs=2e-4)
    assert error == pytest.approx(float(((x - y) ** 2).mean()))


def test_views_with_strides_give_what_copies_give() -> None:
    wide, tall = pictures.luma(150, 70), pictures.noisy(pictures.luma(150, 70), 9)
    a, b = wide[3:61, 5:121], tall[3:61, 5:121]
    assert not a.flags["C_CONTIGUOUS"]
    expected, error = ssim.ssim_map(a.copy(), b.copy())
    seen, seen_error = ssim.ssim_map(a, b)
    assert np.array_equal(seen, expected)
    assert seen_error == error
    mixed, _ = ssim.ssim_map(a, b.copy())
    assert np.array_equal(mixed, expected)


def test_the_margin_beyond_the_grid_does_not_count() -> None:
    a = pictures.luma(67, 51)
    b = a.copy()
    b[48:, :], b[:, 64:] = 0, 255
    assert ssim.mean(ssim.ssim_map(a, b)[0]) == 1.0


def test_more_noise_is_never_better() -> None:
    plane = pictures.luma(160, 120)
    means = [ssim.mean(ssim.ssim_map(plane, pictures.noisy(plane, sigma))[0]) for sigma in range(0, 40, 3)]
    assert means == sorted(means, reverse=True)
    assert means[0] == 1.0
    assert means[-1] < 0.5


def test_depth_matters_and_not_only_the_container() -> None:
    """The same relative error gives nearly the same score in 8 and in 10 bits."""
    a = pictures.luma(96, 64)
    b = pictures.noisy(a, 6)
    eight = ssim.mean(ssim.ssim_map(a, b)[0])
    ten = ssim.mean(ssim.ssim_map(*((p.astype(np.uint16) * 4).astype(np.uint16) for p in (a, b)), bit_depth=10)[0])
    assert ten == pytest.approx(eight, abs=2e-3)


def test_an_inverted_picture_scores_below_zero() -> None:
    plane = pictures.noisy(np.full((64, 64), 128, np.uint8), 30)
    inverted = np.subtract(255, plane).astype(np.uint8)
    assert ssim.mean(ssim.ssim_map(plane, inverted)[0]) < -0.5


def test_planes_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        ssim.ssim_map(pictures.luma(16, 16), pictures.luma(16, 20))


def test_psnr() -> None:
    assert ssim.psnr_db(0.0) == 100.0
    assert ssim.psnr_db(255.0**2) == pytest.approx(0.0)
    assert ssim.psnr_db(1.0) == pytest.approx(48.1308, abs=1e-4)
    assert ssim.psnr_db(1.0, bit_depth=10) == pytest.approx(20 * math.log10(1023), abs=1e-9)
    assert ssim.psnr_db(1e-12) == 100.0
    assert ssim.psnr_db(2.0) < ssim.psnr_db(1.0)

"""Properties of the SSIM map on planes of any size and content."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from numpy.typing import NDArray

from tests.helpers import strategies
from transcoder.metrics import ssim

Plane = NDArray[Any]


@given(strategies.plane_pairs())
def test_symmetric_and_in_range(pair: tuple[Plane, Plane]) -> None:
    there, error = ssim.ssim_map(*pair)
    back, error_back = ssim.ssim_map(*reversed(pair))
    assert np.array_equal(there, back)
    assert error == error_back >= 0
    assert np.all((there >= -1) & (there <= 1))
    assert 0 <= ssim.psnr_db(error) <= 100


@given(strategies.planes(np.uint16, 16))
def test_identical_is_one_at_any_depth(plane: Plane) -> None:
    values, error = ssim.ssim_map(plane, plane, bit_depth=16)
    assert np.all(values == 1)
    assert error == 0


@given(strategies.plane_pairs())
def test_different_windows_never_score_one(pair: tuple[Plane, Plane]) -> None:
    a, b = pair
    height, width = (size // 4 * 4 for size in a.shape)
    if min(a.shape) < 8 or not np.any(a[:height, :width] != b[:height, :width]):
        return
    values, error = ssim.ssim_map(a, b)
    assert error > 0
    assert float(values.min()) < 1

"""scikit-image's Gaussian SSIM is another definition: agreement is a correlation and a bound, not equality."""

from __future__ import annotations

import numpy as np

from tests.helpers import pictures
from transcoder.certificate.remeasure import ORACLE_BOUND, reference_ssim
from transcoder.metrics import ssim


def test_both_order_distortions_alike_and_stay_close() -> None:
    ours, theirs = [], []
    for seed in range(3):
        plane = pictures.luma(320, 240, seed=seed, shift=20 * seed)
        harmed = [pictures.noisy(plane, sigma) for sigma in (1, 2, 4, 6)]
        harmed += [pictures.blurred(plane, radius) for radius in (1, 2, 3)]
        harmed += [pictures.requantised(plane, step) for step in (4, 8, 16, 24)]
        harmed += [np.clip(plane.astype(np.int64) + shift, 0, 255).astype(np.uint8) for shift in (3, 10, -15)]
        for other in harmed:
            ours.append(ssim.mean(ssim.ssim_map(plane, other)[0]))
            theirs.append(reference_ssim(plane, other))
    assert max(ours) - min(ours) > 0.2
    assert float(np.corrcoef(ours, theirs)[0, 1]) > 0.95
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < ORACLE_BOUND

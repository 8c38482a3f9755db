"""A certificate stays small however long the footage is: it goes over the same interface as the evidence."""

from __future__ import annotations

import random

from tests.helpers import factories
from transcoder.certificate import form

HOUR_FRAMES = 3600 * 25


def test_an_hour_of_restless_scores_stays_under_200_kb() -> None:
    chance = random.Random(1)
    scores = tuple(0.9 + 0.1 * chance.random() for _ in range(HOUR_FRAMES))
    measured = factories.fidelity(
        frames=HOUR_FRAMES,
        times_s=tuple(number / 25 for number in range(HOUR_FRAMES)),
        ssim_y=scores,
        worst_tile=scores,
    )
    used = factories.profile()
    statement = factories.statement(measured=measured, used=used)
    series = statement["predicate"]["fidelity"]["series"]
    assert used.payload_cap_bytes == 1_000_000
    assert len(form.canonical(statement)) < 120_000  # 80,000 more may go into regions
    assert all(series[name]["count"] == HOUR_FRAMES for name in ("ssim_y", "worst_tile"))
    assert all(series[name]["frames_per_value"] > 1 for name in ("ssim_y", "worst_tile"))

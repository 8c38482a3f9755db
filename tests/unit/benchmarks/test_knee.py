"""The arithmetic of the knee study: the fit, the scenes, the light, the figure."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import knee_fit, knee_scenes
from benchmarks.knee_figures import figure
from benchmarks.knee_samples import Sample, holds
from benchmarks.knee_scenes import Light
from benchmarks.knee_targets import FRAMES, Target
from transcoder.model import Box, RegionKind


def _drawn(samples: int = 4000) -> tuple[list[float], list[bool], list[str]]:
    """Samples of a known curve: half succeed at 0.8, 90 % at 0.8 + ln(9) / 30."""
    random = np.random.default_rng(1)
    x = random.uniform(0.5, 1.0, samples)
    won = random.uniform(size=samples) < 1 / (1 + np.exp(-30 * (x - 0.8)))
    return x.tolist(), won.tolist(), [f"g{number % 20}" for number in range(samples)]


def test_fit_finds_the_curve_that_made_the_samples() -> None:
    found = knee_fit.knees(*_drawn())
    assert found is not None
    half, ninety, _ = found.knees
    assert half.x == pytest.approx(0.8, abs=0.01)
    assert ninety.x == pytest.approx(0.8 + math.log(9) / 30, abs=0.01)
    assert half.low < half.x < half.high
    assert 0 < found.gain < 1


def test_the_same_samples_give_the_same_interval() -> None:
    assert knee_fit.knees(*_drawn(400)) == knee_fit.knees(*_drawn(400))


def test_weights_count_like_repeated_samples() -> None:
    x, won, _ = _drawn(200)
    values, outcome = np.array(x), np.array(won)
    once = knee_fit.fit(np.concatenate([values, values[:50]]), np.concatenate([outcome, outcome[:50]]))
    weighed = knee_fit.fit(values, outcome, np.where(np.arange(200) < 50, 2.0, 1.0))
    assert weighed.where(0.5) == pytest.approx(once.where(0.5), abs=1e-6)


def test_separated_samples_give_a_knee_between_them() -> None:
    curve = knee_fit.fit(np.array([0.5, 0.6, 0.9, 0.95]), np.array([False, False, True, True]))
    assert 0.6 < curve.where(0.5) < 0.9


def test_nothing_is_fitted_to_a_handful_of_failures() -> None:
    assert knee_fit.knees([0.9] * 20, [True] * 17 + [False] * 3, ["a"] * 20) is None


def test_share_names_the_worst_group() -> None:
    found = knee_fit.share([True, True, False, True], ["a", "a", "b", "b"])
    assert (found.share, found.samples, found.groups, found.worst_group) == (0.75, 4, 2, 0.5)
    assert math.isnan(knee_fit.share([], []).share)


@pytest.mark.parametrize(("width", "expected"), [(240, [240, 160, 120, 80, 60, 40]), (78, [78, 60, 40]), (30, [30])])
def test_targets_are_never_enlarged(width: int, expected: list[int]) -> None:
    target = Target(kind=RegionKind.PLATE, source="a.jpg", box=Box(0, 0, width, 20), group="a")
    assert knee_scenes.sizes(target) == expected


def test_a_scene_pans_and_its_box_follows() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    target = Target(kind=RegionKind.PLATE, source="a.jpg", box=Box(200, 150, 160, 40), group="a")
    made = knee_scenes.scene(target, [picture], 80, Light.DAY)
    assert len(made.frames) == len(made.boxes) == FRAMES
    assert all(frame.shape == made.frames[0].shape for frame in made.frames)
    assert made.boxes[0].width == pytest.approx(80, abs=1)
    assert made.boxes[0].x - made.boxes[-1].x == pytest.approx(knee_scenes.PAN_X * (FRAMES - 1), abs=1)
    again = knee_scenes.scene(target, [picture], 80, Light.DAY)
    assert np.array_equal(made.frames[5], again.frames[5])


def test_low_light_is_darker_and_gain_makes_it_noisy() -> None:
    grey = np.full((64, 64, 3), 128, dtype=np.uint8)
    dark, noisy = (knee_scenes.relit(grey, light, np.random.default_rng(0)) for light in (Light.DARK, Light.NOISY))
    assert dark.mean() < noisy.mean() < 128
    assert noisy.std() > 2 * dark.std()
    assert knee_scenes.relit(grey, Light.DAY, np.random.default_rng(0)) is grey


def test_a_plate_is_intact_when_its_signs_are_read_among_others() -> None:
    assert holds("cz WSQ 3021", "WSQ3021")
    assert holds("RK-101A0", "RK101AO")
    assert not holds("WSQ 3027", "WSQ3021")


def test_the_figure_is_well_formed() -> None:
    x, won, groups = _drawn(120)
    samples = [
        Sample(
            kind="plate",
            group=group,
            target=group,
            size_px=(150, 80, 40)[number % 3],
            light=list(Light)[number // 3 % 3],
            codec="jpeg",
            quality=50,
            bits_per_pixel=value,
            ssim=value,
            frame_ssim=value,
            similarity=float(success),
            intact=success,
            confidence=1.0,
        )
        for number, (value, success, group) in enumerate(zip(x, won, groups, strict=True))
    ]
    drawn = figure(RegionKind.PLATE, samples, lambda sample: sample.similarity >= 1, "plates", 0.9)
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert "<polyline" in drawn

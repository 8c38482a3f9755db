"""The knee study's tables as Markdown."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.knee_figures import Success
from benchmarks.knee_fit import Knee, decades, knees, share, ssim_of
from benchmarks.knee_gather import Shot
from benchmarks.knee_samples import Sample
from benchmarks.knee_scenes import BUCKETS, Light, bucket
from transcoder.model import RegionKind

FLOORS = (0.80, 0.85, 0.88, 0.90, 0.92, 0.95)
BAND = 0.03
"""Samples from a floor to this much above stand for a file that just meets it."""
SURE = 0.98
"""Confidence of the source's reading from which a second look reads the same; below it the reader itself wavers."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Samples that belong together."""

    name: str
    samples: list[Sample]


def strata(kind: RegionKind, samples: Sequence[Sample]) -> Iterator[Stratum]:
    """All, each light, each size, what was read surely in the source, and each size in each light."""
    yield Stratum("all", list(samples))
    for light in Light:
        yield Stratum(f"{light}", [sample for sample in samples if sample.light == light])
    for size, _ in BUCKETS[kind]:
        yield Stratum(size, [sample for sample in samples if bucket(kind, sample.size_px) == size])
    if kind is not RegionKind.FACE:
        sure = [sample for sample in samples if sample.confidence >= SURE]
        yield Stratum(f"source read at {SURE:.2f} and surer", sure)
        for size, _ in BUCKETS[kind]:
            inside = [sample for sample in sure if bucket(kind, sample.size_px) == size]
            yield Stratum(f"source read at {SURE:.2f} and surer, {size}", inside)
    for light in Light:
        for size, _ in BUCKETS[kind]:
            inside = [s for s in samples if s.light == light and bucket(kind, s.size_px) == size]
            yield Stratum(f"{light}, {size}", inside)


def knee_table(kind: RegionKind, samples: Sequence[Sample], success: Success) -> str:
    """The region SSIM where the fit gives 50, 90 and 95 % success, with bootstrap intervals over groups."""
    return _fitted(strata(kind, samples), success, _ssim, _as_ssim)


def bits_table(kind: RegionKind, samples: Sequence[Sample], success: Success) -> str:
    """The same against bits per pixel, for each way of encoding: an inter frame has other bits than a picture."""
    parts = [
        Stratum(f"{codec}, {size}", [s for s in samples if s.codec == codec and bucket(kind, s.size_px) == size])
        for codec in sorted({sample.codec for sample in samples})
        for size, _ in BUCKETS[kind]
    ]
    return _fitted(parts, success, _log_bits, _as_bits)


def _fitted(
    parts: Iterable[Stratum],
    success: Success,
    quantity: Callable[[Sample], float],
    printed: Callable[[float], str],
) -> str:
    lines = [
        "| samples of | samples | groups | success | 50 % at | 90 % at | 95 % at | explained |\n",
        "|---|---:|---:|---:|---|---|---|---:|\n",
    ]
    for stratum in parts:
        chosen = stratum.samples
        if not chosen:
            continue
        won, groups = [success(sample) for sample in chosen], [sample.group for sample in chosen]
        found = knees([quantity(sample) for sample in chosen], won, groups)
        of_all = f"{stratum.name} | {len(chosen)} | {len(set(groups))} | {sum(won) / len(won):.1%}"
        if found is None:
            lines.append(f"| {of_all} | too few successes or failures to fit | | | |\n")
            continue
        span = (min(map(quantity, chosen)), max(map(quantity, chosen)))
        cells = " | ".join(_knee(knee, span, printed) for knee in found.knees)
        lines.append(f"| {of_all} | {cells} | {found.gain:.2f} |\n")
    return "".join(lines)


def _knee(knee: Knee, span: tuple[float, float], printed: Callable[[float], str]) -> str:
    if math.isnan(knee.x):
        return "no rise"
    value = "above all samples" if knee.x > span[1] else "below all samples" if knee.x < span[0] else printed(knee.x)
    low, high = (printed(min(span[1], max(span[0], end))) for end in (knee.low, knee.high))
    return f"{value} ({low} to {high})"


def share_table(kind: RegionKind, samples: Sequence[Sample], success: Success) -> str:
    """Success just at each candidate floor and everywhere above it."""
    names = [f"{floor:.2f}" for floor in FLOORS]
    lines = [f"| samples of | {' | '.join(names)} |\n", "|---|" + "---|" * len(names) + "\n"]
    for stratum in strata(kind, samples):
        if not stratum.samples:
            continue
        cells = []
        for floor in FLOORS:
            near = [sample for sample in stratum.samples if floor <= sample.ssim < floor + BAND]
            above = [sample for sample in stratum.samples if sample.ssim >= floor]
            cells.append(f"{_share(near, success)} / {_share(above, success)}")
        lines.append(f"| {stratum.name} | {' | '.join(cells)} |\n")
    return "".join(lines)


def _share(samples: Sequence[Sample], success: Success) -> str:
    found = share([success(sample) for sample in samples], [sample.group for sample in samples])
    return f"{found.share:.0%} ({found.samples}, {found.groups})" if found.samples else "none"


def scene_table(kind: RegionKind, shots: Sequence[Shot]) -> str:
    """How many scenes were made, and in how many the task worked before encoding."""
    lines = ["| size | " + " | ".join(Light) + " |\n", "|---|" + "---:|" * len(Light) + "\n"]
    for size, _ in BUCKETS[kind]:
        cells = []
        for light in Light:
            made = [shot for shot in shots if shot.light == light and bucket(kind, shot.size_px) == size]
            usable = [shot for shot in made if shot.usable]
            cells.append(f"{len(usable)} of {len(made)} ({len({shot.group for shot in usable})} groups)")
        lines.append(f"| {size} | {' | '.join(cells)} |\n")
    return "".join(lines)


def codec_table(samples: Sequence[Sample], success: Success, floors: Sequence[float]) -> str:
    """Success just at a floor, by how it was encoded."""
    codecs = sorted({sample.codec for sample in samples})
    lines = ["| region SSIM | " + " | ".join(codecs) + " |\n", "|---|" + "---|" * len(codecs) + "\n"]
    for floor in floors:
        near = [sample for sample in samples if floor <= sample.ssim < floor + BAND]
        cells = [_share([sample for sample in near if sample.codec == codec], success) for codec in codecs]
        lines.append(f"| {floor:.2f} to {floor + BAND:.2f} | {' | '.join(cells)} |\n")
    return "".join(lines)


def price_table(samples: Sequence[Sample], levels: Sequence[float]) -> str:
    """What a higher floor costs: bits of the whole scene when the region has a level, against those at the first level.

    Each scene has its own curve, interpolated; scenes that do not reach from the first to the level are left out.
    """
    base = levels[0]
    lines = [
        f"| codec | {' | '.join(f'{level:.2f}' for level in levels[1:])} |\n",
        "|---|" + "---|" * (len(levels) - 1) + "\n",
    ]
    curves: dict[tuple[str, str, int, str], list[tuple[float, float]]] = {}
    for sample in samples:
        key = (sample.codec, sample.target, sample.size_px, sample.light)
        curves.setdefault(key, []).append((decades(sample.ssim), _log_bits(sample)))
    for codec in sorted({sample.codec for sample in samples}):
        cells = []
        for level in levels[1:]:
            ratios = []
            for key, points in curves.items():
                ssims, bits = (np.array(column) for column in zip(*sorted(points), strict=True))
                if key[0] == codec and ssims[0] <= decades(base) and decades(level) <= ssims[-1]:
                    ratios.append(float(2 ** np.diff(np.interp([decades(base), decades(level)], ssims, bits))[0]))
            cells.append(f"{statistics.median(ratios):.2f} ({len(ratios)} scenes)" if ratios else "none")
        lines.append(f"| {codec} | {' | '.join(cells)} |\n")
    return "".join(lines)


def frame_table(samples: Sequence[Sample], success: Success, frame_floor: float, region_floor: float) -> str:
    """What the two floors would do in each light: whom the frame's refuses though the region's is met."""
    lines = [
        f"| light | region SSIM of {region_floor:.2f} to {region_floor + BAND:.2f}: median frame SSIM | success there "
        f"| frame SSIM below {frame_floor:.2f} | of these the task succeeds "
        f"| of these the region meets {region_floor:.2f} |\n",
        "|---|---:|---|---:|---:|---:|\n",
    ]
    for light in Light:
        lit = [sample for sample in samples if sample.light == light]
        near = [sample for sample in lit if region_floor <= sample.ssim < region_floor + BAND]
        refused = [sample for sample in lit if sample.frame_ssim < frame_floor]
        if not near or not refused:
            continue
        kept = sum(success(sample) for sample in refused) / len(refused)
        met = sum(sample.ssim >= region_floor for sample in refused) / len(refused)
        lines.append(
            f"| {light} | {statistics.median(sample.frame_ssim for sample in near):.3f} | {_share(near, success)} "
            f"| {len(refused)} of {len(lit)} | {kept:.0%} | {met:.0%} |\n"
        )
    return "".join(lines)


def confidence_table(samples: Sequence[Sample], success: Success, edges: Sequence[float]) -> str:
    """Success above region SSIM 0.90, by how sure the source's own reading was."""
    lines = ["| confidence of the source's reading | SSIM 0.90 to 0.95 | from 0.95 |\n", "|---|---|---|\n"]
    for low, high in itertools.pairwise(edges):
        inside = [sample for sample in samples if low <= sample.confidence < high]
        middle = [sample for sample in inside if 0.90 <= sample.ssim < 0.95]
        best = [sample for sample in inside if sample.ssim >= 0.95]
        lines.append(f"| {low:.2f} to {min(1.0, high):.2f} | {_share(middle, success)} | {_share(best, success)} |\n")
    return "".join(lines)


def _ssim(sample: Sample) -> float:
    return decades(sample.ssim)


def _as_ssim(value: float) -> str:
    return f"{ssim_of(value):.3f}"


def _log_bits(sample: Sample) -> float:
    return math.log2(max(1e-6, sample.bits_per_pixel))


def _as_bits(value: float) -> str:
    return f"{2**value:.2g}"

"""How well the task agrees with itself: two exposures of one scene that differ by nothing but the sensor's noise.

No encoder is involved. Where the second exposure is read or recognised no better than an encoding is, the encoding lost
nothing that the noise had not made uncertain already; and the SSIM between the two is what noise alone costs.
"""

from __future__ import annotations

import statistics
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks import knee_targets
from benchmarks.knee_gather import planned
from benchmarks.knee_samples import Judge, Sample, as_shown
from benchmarks.knee_scenes import BUCKETS, Light, bucket, exposed, scene, sizes
from benchmarks.knee_targets import Target
from transcoder.model import RegionKind

CODEC = "second exposure"
EXPOSURES = 3
"""Second ones, each against the same first."""


def retest(kind: RegionKind, *, quick: bool = False) -> list[Sample]:
    """Pairs of exposures of all scenes of a class in which the task works in the first."""
    judge = Judge(kind)
    chosen = knee_targets.targets(kind)
    found: list[Sample] = []
    for number, target in enumerate(chosen[::5] if quick else chosen):
        pictures = knee_targets.load(target)
        for size, light in planned(number, sizes(target)[: 2 if quick else None]):
            found += _pairs(judge, target, pictures, size, light)
    print(f"{kind}: {len(found)} pairs of exposures", flush=True)
    return found


def _pairs(judge: Judge, target: Target, pictures: Sequence[knee_targets.Rgb], size: int, light: Light) -> list[Sample]:
    clean = scene(target, pictures[:1], size, Light.DAY)
    noise = np.random.default_rng(zlib.crc32(f"again/{target.name}/{size}/{light}".encode()))
    task = judge.task(as_shown(exposed(clean.frames[0], light, noise)), clean.boxes[0], target.truth)
    if task is None:
        return []
    pairs = []
    for number in range(EXPOSURES):
        again = as_shown(exposed(clean.frames[0], light, noise))
        ssim, whole = task.scores(again)
        similarity, intact = task.similarity(again)
        pairs.append(
            Sample(
                kind=str(target.kind),
                group=target.group,
                target=target.name,
                size_px=size,
                light=str(light),
                codec=CODEC,
                quality=number,
                bits_per_pixel=0.0,
                ssim=ssim,
                frame_ssim=whole,
                similarity=similarity,
                intact=intact,
                confidence=1.0 if task.landmarks is not None else task.confidence,
            )
        )
    return pairs


def retest_table(kind: RegionKind, pairs: Sequence[Sample], criteria: Mapping[str, Callable[[Sample], bool]]) -> str:
    """Success and SSIM of a second exposure, by light and size.

    :param criteria: what counts as success, by name.
    """
    lines = [
        f"| light, size | pairs | groups | {' | '.join(criteria)} "
        "| median region SSIM (lowest) | median frame SSIM |\n",
        f"|---|---:|---:|{'---:|' * len(criteria)}---|---:|\n",
    ]
    for light in Light:
        for size, _ in BUCKETS[kind]:
            inside = [pair for pair in pairs if pair.light == light and bucket(kind, pair.size_px) == size]
            if inside:
                scores = [pair.ssim for pair in inside]
                shares = [f"{sum(map(won, inside)) / len(inside):.0%}" for won in criteria.values()]
                lines.append(
                    f"| {light}, {size} | {len(inside)} | {len({pair.group for pair in inside})} "
                    f"| {' | '.join(shares)} | {statistics.median(scores):.3f} ({min(scores):.3f}) "
                    f"| {statistics.median(pair.frame_ssim for pair in inside):.3f} |\n"
                )
    return "".join(lines)


def split(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Encodings, and pairs of exposures; a kept file holds both."""
    pairs = [sample for sample in samples if sample.codec == CODEC]
    return [sample for sample in samples if sample.codec != CODEC], pairs

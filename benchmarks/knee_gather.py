"""All samples of the knee study: which scenes there are, and a file that keeps what was measured.

Every target is shown at every size by day. Low light takes every second size, alternating from target to target and
between the two lights, which halves the work and covers every size.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import knee_targets
from benchmarks.knee_samples import Judge, Sample, samples
from benchmarks.knee_scenes import Light, scene, sizes
from transcoder.model import RegionKind

KINDS = (RegionKind.PLATE, RegionKind.FACE, RegionKind.TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One scene that was made, and whether the task worked in it before encoding."""

    kind: str
    group: str
    size_px: int
    light: str
    usable: bool


@dataclass(slots=True)
class Gathered:
    """What the study measured."""

    shots: list[Shot]
    samples: list[Sample]


def gather(kind: RegionKind, *, quick: bool = False) -> Gathered:
    """Measure all scenes of a class.

    :param quick: three targets, two sizes.
    """
    judge = Judge(kind)
    found = Gathered([], [])
    chosen = knee_targets.targets(kind)
    for number, target in enumerate(chosen[::5] if quick else chosen):
        pictures = knee_targets.load(target)
        before = len(found.samples)
        for size, light in planned(number, sizes(target)[: 2 if quick else None]):
            measured = list(samples(scene(target, pictures, size, light), judge))
            found.shots.append(
                Shot(kind=str(kind), group=target.group, size_px=size, light=str(light), usable=bool(measured))
            )
            found.samples += measured
        print(f"{kind} {target.name}: {len(found.samples) - before} samples", flush=True)
    return found


def planned(number: int, shown_at: Sequence[int]) -> Iterator[tuple[int, Light]]:
    """Sizes and lights of the target with this number."""
    for place, size in enumerate(shown_at):
        yield size, Light.DAY
        yield size, (Light.DARK, Light.NOISY)[(number + place) % 2]


def write(path: Path, found: Gathered) -> None:
    """Keep samples and scenes as two CSV files."""
    _write(path, found.samples)
    _write(path.with_suffix(".shots.csv"), found.shots)


def read(path: Path) -> Gathered:
    """What ``write`` kept."""
    return Gathered(
        [
            Shot(
                kind=row["kind"],
                group=row["group"],
                size_px=int(row["size_px"]),
                light=row["light"],
                usable=row["usable"] == "True",
            )
            for row in _rows(path.with_suffix(".shots.csv"))
        ],
        [
            Sample(
                kind=row["kind"],
                group=row["group"],
                target=row["target"],
                size_px=int(row["size_px"]),
                light=row["light"],
                codec=row["codec"],
                quality=int(row["quality"]),
                bits_per_pixel=float(row["bits_per_pixel"]),
                ssim=float(row["ssim"]),
                frame_ssim=float(row["frame_ssim"]),
                similarity=float(row["similarity"]),
                intact=row["intact"] == "True",
                confidence=float(row["confidence"]),
            )
            for row in _rows(path)
        ],
    )


def _write(path: Path, items: Sequence[Shot] | Sequence[Sample]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [dataclasses.asdict(item) for item in items]
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

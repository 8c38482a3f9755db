"""The knee study: at which SSIM of a region, and at how many bits, plates and text stop being read and faces to match.

``python -m benchmarks.study_knee [--quick] [--out FILE.md] [--keep FILE.csv] [--again FILE.csv] [--kinds KIND ...]``

Targets of the corpus are shown at several sizes, by day and in simulated low light, encoded by x264 and mozjpeg at
many qualities, and judged by the product's own task checks. About 25 minutes on two processors.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from benchmarks import knee_gather, knee_retest, knee_tables
from benchmarks.knee_figures import Success, figure
from benchmarks.knee_gather import KINDS, Gathered
from benchmarks.knee_samples import CRFS, JPEG_QUALITIES, Sample
from benchmarks.knee_words import FINDINGS, METHOD
from transcoder.encode.h264 import X264_PARAMETERS
from transcoder.metrics.tasks import FACE_SAME, FACE_WEAKENED, TEXT_TOLERANCE
from transcoder.model import RegionKind
from transcoder.version import __version__
from transcoder.vision import faces, text, weights

RESULT = Path(__file__).resolve().parent / "results" / "study_knee.md"
FLOORS = {RegionKind.PLATE: 0.95, RegionKind.FACE: 0.95, RegionKind.TEXT: 0.95}
"""As recommended: drawn into the figures, and used where one floor is looked at closely."""
FRAME_FLOOR = 0.90


@dataclass(frozen=True, slots=True)
class Criterion:
    """What counts as success."""

    name: str
    success: Success


def _exact(sample: Sample) -> bool:
    return sample.similarity >= 1


def _intact(sample: Sample) -> bool:
    return sample.intact


def _within_tolerance(sample: Sample) -> bool:
    return sample.similarity >= 1 - TEXT_TOLERANCE - 1e-9


def _same_face(sample: Sample) -> bool:
    return sample.similarity >= FACE_SAME


def _likeness(sample: Sample) -> bool:
    return sample.similarity >= FACE_WEAKENED


CRITERIA: Mapping[RegionKind, tuple[Criterion, ...]] = {
    RegionKind.PLATE: (
        Criterion("the reading is exactly the source's", _exact),
        Criterion("all signs of the plate are read, whatever is read beside them (O and 0 alike)", _intact),
    ),
    RegionKind.FACE: (
        Criterion(f"same: similarity of {FACE_SAME:.2f} and more", _same_face),
        Criterion(f"not different: similarity of {FACE_WEAKENED:.2f} and more", _likeness),
    ),
    RegionKind.TEXT: (
        Criterion(f"at most {TEXT_TOLERANCE:.0%} of the signs differ", _within_tolerance),
        Criterion("the reading is exactly the source's", _exact),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; 0 also where nothing could be studied, because the corpus is not in the repository."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the targets at two sizes")
    parser.add_argument("--out", type=Path, default=None, help="the Markdown file to write; figures go beside it")
    parser.add_argument("--keep", type=Path, default=None, help="write the samples as CSV")
    parser.add_argument("--again", type=Path, default=None, help="tables and figures from kept samples")
    parser.add_argument("--kinds", nargs="+", type=RegionKind, choices=KINDS, default=KINDS)
    options = parser.parse_args(arguments)
    whole = not options.quick and tuple(options.kinds) == KINDS
    out: Path = options.out or (RESULT if whole else RESULT.with_name("study_knee_part.md"))

    found = Gathered([], [])
    if options.again is not None:
        found = knee_gather.read(options.again)
    else:
        for kind in options.kinds:
            part = knee_gather.gather(kind, quick=options.quick)
            found.shots += part.shots
            found.samples += part.samples
            found.samples += knee_retest.retest(kind, quick=options.quick)
    if not found.samples:
        print("nothing was studied (the corpus is a folder beside the repository)")
        return 0
    if options.keep is not None:
        knee_gather.write(options.keep, found)
    parts = [f"# Where reading and matching fall off\n\n{METHOD}\n{_facts()}\n{FINDINGS if whole else ''}"]
    parts += [_section(RegionKind(kind), found, out) for kind in options.kinds]
    out.write_text("".join(parts), encoding="utf-8")
    print(f"written: {out.name}")
    return 0


def _section(kind: RegionKind, found: Gathered, out: Path) -> str:
    samples, pairs = knee_retest.split([sample for sample in found.samples if sample.kind == kind])
    shots = [shot for shot in found.shots if shot.kind == kind]
    if not samples:
        return ""
    first = CRITERIA[kind][0]
    lasting = CRITERIA[kind][0 if kind is RegionKind.TEXT else 1]
    floor = FLOORS[kind]
    drawing = out.with_name(f"{out.stem}_{kind}.svg")
    title = f"{kind}: {first.name}"
    drawing.write_text(figure(kind, samples, first.success, title, floor), encoding="utf-8")
    groups = len({sample.group for sample in samples})
    parts = [
        f"\n## {str(kind).capitalize()}\n\n{len(samples)} samples of {groups} independent targets.\n\n"
        f"![{title}]({drawing.name})\n\n"
        f"Scenes in which the task works before encoding (the others are left out):\n\n"
        f"{knee_tables.scene_table(kind, shots)}"
    ]
    for criterion in CRITERIA[kind]:
        parts.append(
            f"\n### {str(kind).capitalize()}: {criterion.name}\n\n"
            "Against region SSIM; 90 % intervals over groups:\n\n"
            f"{knee_tables.knee_table(kind, samples, criterion.success)}\n"
            f"Share that succeeds with a region SSIM from the floor to {knee_tables.BAND:.2f} above / anywhere above "
            "(samples, groups):\n\n"
            f"{knee_tables.share_table(kind, samples, criterion.success)}"
        )
    parts.append(
        f"\n### {str(kind).capitalize()}: against bits per pixel of the scene\n\n"
        f"{knee_tables.bits_table(kind, samples, first.success)}"
    )
    parts.append(
        f"\n### {str(kind).capitalize()}: what a higher floor costs\n\n"
        "Median of bits per pixel of the scene, times those at a region SSIM of 0.90, without weighing regions:\n\n"
        f"{knee_tables.price_table(samples, (0.90, 0.92, 0.94, 0.95, 0.96, 0.98))}"
    )
    bands = (0.80, 0.85, 0.90, 0.92, 0.95)
    parts.append(
        f"\n### {str(kind).capitalize()}: does it matter how it was encoded?\n\n"
        f"{knee_tables.codec_table(samples, first.success, bands)}"
        f"\n### {str(kind).capitalize()}: the frame's SSIM in low light\n\nSuccess: {lasting.name}.\n\n"
        f"{knee_tables.frame_table(samples, lasting.success, FRAME_FLOOR, floor)}"
    )
    parts.append(
        f"\n### {str(kind).capitalize()}: two exposures of one scene, nothing encoded\n\n"
        f"{knee_retest.retest_table(kind, pairs, {each.name: each.success for each in CRITERIA[kind]})}"
    )
    if kind is not RegionKind.FACE:
        parts.append(
            f"\n### {str(kind).capitalize()}: how sure the source's reading was\n\n"
            f"{knee_tables.confidence_table(samples, first.success, (0.6, 0.8, 0.9, 0.95, 0.98, 1.01))}"
        )
    return "".join(parts)


def _facts() -> str:
    rows = {
        "transcoder": f"{__version__}, PyAV {av.__version__}, NumPy {np.__version__}",
        "CPUs": f"{os.cpu_count()}, Python {platform.python_version()}",
        "x264": f"preset medium, crf {', '.join(map(str, CRFS))}; {X264_PARAMETERS}",
        "JPEG": f"mozjpeg, 4:2:0, quality {', '.join(map(str, JPEG_QUALITIES))}",
        "reading": f"PP-OCRv6 small, {text.PACKAGE} {weights.version_of(text.PACKAGE)}",
        "faces": f"YuNet and SFace, {faces.PACKAGE} {weights.version_of(faces.PACKAGE)}",
    }
    return "\n| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows.items())


if __name__ == "__main__":
    raise SystemExit(main())

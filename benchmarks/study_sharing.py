"""Two workers at one long file against one: separate processes, folders and processors, one Postgres and one S3.

Each worker is held to one processor, as two hosts of one processor would be: left alone, one worker takes both
processors of a machine of two, and a second one could add nothing. The storage is moto's S3 server in a process of its
own, so that the workers share nothing on disk; ``--folder`` takes a mounted folder instead. Needs the packages of the
service and of S3, and the development group.

    python -m benchmarks.study_sharing [FOOTAGE] [--cap 100000] [--folder]
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import product, scale_footage
from benchmarks.cluster import cluster

RESULT = product.ROOT / "benchmarks" / "results" / "study_sharing.md"
FOOTAGE_S = 64
_HELPED = "is made for another worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One delivery by so many workers."""

    workers: int
    wall_s: float
    cpu_s: float
    """Of API and workers."""
    state: str
    parts: int
    helped: int
    """Parts that another worker made than the one that has the job."""


def deliver(source: Path, cap_bytes: int, workers: int, *, s3: bool) -> Shared:
    """The whole way: upload, split, every part, delivery."""
    with cluster(workers, s3=s3) as running:
        before_s = running.cpu_s()
        wall_s, jobs = running.deliver([source], {"cap_bytes": cap_bytes, "max_parts": 200})
        cpu_s = running.cpu_s() - before_s
        helped = running.log.read_text(errors="replace").count(_HELPED)
    parts = sum(item["role"] == "part" for item in jobs[0]["files"])
    return Shared(
        workers=workers, wall_s=round(wall_s, 1), cpu_s=round(cpu_s, 1), state=str(jobs[0]["state"]), parts=parts,
        helped=helped,
    )  # fmt: skip


def page(name: str, cap_bytes: int, storage: str, version: str, rows: tuple[Shared, Shared]) -> str:
    """The study as Markdown.

    :raises SystemExit: where nothing was split, so that there was nothing to share.
    """
    one, two = rows
    if min(row.parts for row in rows) < 2 or any(row.state != "delivered" for row in rows):
        raise SystemExit(f"nothing to compare: {rows}")
    lines = [
        "# Two workers at one file\n",
        f"`python -m benchmarks.study_sharing`; transcoder {version}.\n",
        f"`{name}` at {cap_bytes:,} bytes. Each worker is a process with a folder of its own, held to one processor,",
        "as a host of one processor would be: left alone, one worker takes both processors of a machine of two, and a",
        f"second could add nothing. One Postgres and one {storage} serve both, without a network between.\n",
        "| workers | wall time | processor time | ended | parts | of them made by the other worker |",
        "|---:|---:|---:|---|---:|---:|",
        *(f"| {row.workers} | {row.wall_s:.0f} s | {row.cpu_s:.0f} s | {row.state} | {row.parts} | {row.helped} |"
          for row in rows),
        f"\nTwo are {one.wall_s / two.wall_s:.2f} times as fast as one, "
        f"for {two.cpu_s / one.cpu_s:.2f} times its processor time.\n",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", help=f"else {FOOTAGE_S} s of the scale study's footage")
    parser.add_argument("--cap", type=int, default=100_000)
    parser.add_argument("--folder", action="store_true", help="a mounted folder instead of S3")
    given = parser.parse_args()
    source = given.source or scale_footage.lasting(FOOTAGE_S)
    rows = []
    for workers in (1, 2):
        rows.append(deliver(source, given.cap, workers, s3=not given.folder))
        print(rows[-1], flush=True)
    storage = "mounted folder" if given.folder else "S3 server (moto)"
    text = page(source.name, given.cap, storage, product.version(), (rows[0], rows[1]))
    RESULT.write_text(text, encoding="utf-8")
    found = {"version": product.version(), "source": source.name, "cap_bytes": given.cap, "storage": storage,
             "rows": [asdict(row) for row in rows]}  # fmt: skip
    RESULT.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(re.sub(r"\s+", " ", text.splitlines()[-1]))


if __name__ == "__main__":
    main()

"""Every hostile file of the corpus through the command line's own functions, each measured: time, memory, what is left.

Two processes of their own take the files in turn, so that the memory of the children they start is known apart from
that of other tests' children.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from transcoder import app
from transcoder.cli import batch, render
from transcoder.model import Delivery, ProgressCallback

_AT_ONCE = 2
FOLDER = "hostile"
_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one file ended."""

    name: str
    """Inside the corpus."""
    what: str
    """What it is, as the manifest says."""
    exit_code: int
    outcome: str
    """Verdict and rung of a delivery, or the code of an error."""
    said: str
    """What a person reads beside that, without the name of the file: the error, or what a delivery says is damaged."""
    complaints: Sequence[str]
    """Lines on standard error."""
    published: Sequence[str]
    """Names of the delivery's files."""
    on_disk: Sequence[str]
    """Names in the output folder; None of it where the folder is not there."""
    largest_bytes: int
    temporary: Sequence[str]
    """What is left in the folder of temporary files."""
    untouched: bool
    wall_s: float
    cpu_s: float
    """Of the children."""
    peak_bytes: int
    """Of the largest child so far of the process that took the file."""
    busy: float
    """How many wanted each processor afterwards: 1 and less is a machine with time to spare."""


def described(corpus: Path) -> dict[str, tuple[str, str]]:
    """What each hostile file is, and its SHA-256, by its name inside the corpus."""
    with (corpus / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {
            row["path"]: (row["notes"].split(" | ")[0].strip(), row["sha256"])
            for row in rows
            if row["path"].startswith(f"{FOLDER}/")
        }


def run_all(corpus: Path) -> list[Ended]:
    """Deliver them all, by name."""
    names = sorted(str(path.relative_to(corpus)) for path in corpus.glob(f"{FOLDER}/*/*") if path.is_file())
    known = described(corpus)
    items = [(name, *known[name]) for name in names if name in known]
    spawned = multiprocessing.get_context("spawn")  # a fork would count this process's own memory
    with ProcessPoolExecutor(_AT_ONCE, mp_context=spawned) as pool:
        return list(pool.map(partial(_run, corpus), items))


def _run(corpus: Path, item: tuple[str, str, str]) -> Ended:
    name, what, sha256 = item
    source = corpus / name
    with tempfile.TemporaryDirectory(prefix="hostile-") as place, _temporary(Path(place, "tmp")) as temporary:
        out, printed, shown = Path(place, "out"), io.StringIO(), io.StringIO()
        before, started = _children_s(), time.monotonic()
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(shown):
            (ended,) = batch.run([source], partial(_deliver, out), lambda _: None, jobs=1)
            render.outcome(ended)
        wall_s, cpu_s = time.monotonic() - started, _children_s() - before
        files = sorted(out.iterdir()) if out.exists() else []
        delivery, error = ended.delivery, ended.error
        return Ended(
            name=name,
            what=what,
            exit_code=ended.exit_code,
            outcome=error.code if error is not None else f"{delivery.verdict} ({delivery.rung})" if delivery else "",
            said=str(error).removeprefix(f"{error.where}: ") if error is not None else _damage(shown.getvalue()),
            complaints=printed.getvalue().splitlines(),
            published=sorted(item.path.name for item in delivery.files) if delivery is not None else [],
            on_disk=[path.name for path in files],
            largest_bytes=max((path.stat().st_size for path in files), default=0),
            temporary=sorted(path.name for path in temporary.iterdir()),
            untouched=hashlib.sha256(source.read_bytes()).hexdigest() == sha256,
            wall_s=wall_s,
            cpu_s=cpu_s,
            peak_bytes=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _RSS_UNIT_BYTES,
            busy=os.getloadavg()[0] / (os.cpu_count() or 1),
        )  # fmt: skip


def _damage(shown: str) -> str:
    return "; ".join(line.strip() for line in shown.splitlines() if line.strip().startswith("DAMAGED"))


def _deliver(out: Path, source: Path, progress: ProgressCallback) -> Delivery:
    return app.transcode(source, out=out, progress=progress)


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A folder of this file's own for whatever makes temporary files."""
    folder.mkdir()
    earlier, tempfile.tempdir = tempfile.tempdir, str(folder)
    os.environ["TMPDIR"] = str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = earlier
        del os.environ["TMPDIR"]


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

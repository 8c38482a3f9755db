"""``make fuzz``: the same targets and media with fresh seeds until a time is over; what fails is kept as a file.

``python -m tests.fuzz.longer --seconds 600 --findings fuzz-findings`` looks for findings.
``python -m tests.fuzz.longer --again TARGET FILE`` shows one again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.fuzz import damaged
from tests.fuzz.targets import TARGETS, Bench, inputs
from transcoder.certificate import keys
from transcoder.sandbox.limits import Mode

_ROOT = Path(__file__).resolve().parents[2]
_CORPUS = Path(os.environ.get("TRANSCODER_CORPUS", _ROOT.parent / "shared" / "corpus"))
_EXAMPLES, _INSPECTED, _SANDBOXED, _DELIVERED = 60, 60, 4, 2
"""How many inputs of each kind go in a round."""
_SMALL_BYTES = 150_000


class _Over(BaseException):
    """The time is over: not an Exception, so that nothing takes it for a finding."""


class _Run:
    """What was done and found until now."""

    def __init__(self, findings: Path, until: float) -> None:
        self.findings, self.until = findings, until
        self.done: Counter[str] = Counter()
        self.failed: dict[tuple[str, str], Path] = {}

    def check_time(self) -> None:
        if time.monotonic() >= self.until:
            raise _Over

    def keep(self, target: str, data: bytes, suffix: str, error: Exception) -> None:
        """Write a failing input and how to show it again; of one fault in one place the last is the smallest."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        key = (target, f"{type(error).__name__} {place.filename}:{place.lineno}")
        self.findings.mkdir(parents=True, exist_ok=True)
        name = f"{target}-{hashlib.sha256(key[1].encode()).hexdigest()[:8]}{suffix}"
        path = self.findings / name
        path.write_bytes(data)
        command = f"{sys.executable} -m tests.fuzz.longer --again {target} {path}"
        lines = [command, "", *traceback.format_exception(error)]
        path.with_name(f"{name}.txt").write_text("\n".join(lines), encoding="utf-8", errors="replace")
        if key not in self.failed:
            print(f"FINDING {key[1]}\n  {command}", flush=True)
        self.failed[key] = path


def main(arguments: list[str] | None = None) -> int:
    """Run for a time, or one input again; 1 where there were findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--again", nargs=2, metavar=("TARGET", "FILE"))
    given_ = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", message="Parsed a serial number")
    with tempfile.TemporaryDirectory(prefix="transcoder-fuzz-") as place:
        folder = Path(place)
        bench = _bench(folder)
        if given_.again:
            _again(bench, given_.again[0], Path(given_.again[1]))
            print("nothing wrong")
            return 0
        run = _Run(given_.findings, time.monotonic() + given_.seconds)
        with damaged.nursery() as nursery:
            try:
                while True:
                    _documents(run, bench)
                    _media(run, folder, nursery)
            except _Over:
                pass
    counts = ", ".join(f"{name} {count}" for name, count in sorted(run.done.items()))
    print(f"inputs: {counts}\nfindings: {len(run.failed)}{f' in {run.findings}' if run.failed else ''}")
    return 1 if run.failed else 0


def _bench(folder: Path) -> Bench:
    home = folder / "keys"
    keys.initialise(home)
    os.environ["TRANSCODER_KEYS_DIR"] = str(home)
    bench = folder / "bench"
    bench.mkdir()
    return Bench(bench, keys.load_pair(home / keys.LEAF_KEY_FILE, home / keys.LEAF_FILE, home / keys.CA_FILE))


def _documents(run: _Run, bench: Bench) -> None:
    for name, strategy in inputs(bench).items():
        run.check_time()
        _feed(run, bench, name, strategy)


def _feed(run: _Run, bench: Bench, name: str, strategy: SearchStrategy[bytes]) -> None:
    kept: list[Exception] = []

    @seed(SystemRandom().getrandbits(64))
    @settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=strategy)
    def feed(data: bytes) -> None:
        run.check_time()
        run.done[name] += 1
        try:
            TARGETS[name](bench, data)
        except Exception as error:
            run.keep(name, data, "", error)
            kept.append(error)
            raise

    try:
        feed()
    except Exception:
        if not kept:  # what the targets raise is kept already, the smallest last
            raise


def _media(run: _Run, folder: Path, nursery: damaged.Nursery) -> None:
    files = damaged.seeds(_ROOT / "samples", _CORPUS if _CORPUS.is_dir() else None)
    small = [path for path in files if path.stat().st_size <= _SMALL_BYTES] or files
    work: list[tuple[str, int, list[Path], Callable[[Path], str]]] = [
        ("inspect", _INSPECTED, files, lambda path: damaged.looked_at(path, nursery)),
        ("sandboxed", _SANDBOXED, files, lambda path: damaged.inspected(path, Mode.AUTO)),
        ("deliver", _DELIVERED, small, lambda path: damaged.delivered(path, folder / "out")),
    ]
    for name, count, among, do in work:
        for file, number in damaged.picks(among, count, SystemRandom().getrandbits(64)):
            run.check_time()
            path = damaged.write(file, number, folder)
            try:
                run.done[f"{name}: {do(path)}"] += 1
            except Exception as error:  # noqa: BLE001 - any is a finding
                run.keep(name, path.read_bytes(), file.suffix, error)
            finally:
                path.unlink(missing_ok=True)
                shutil.rmtree(folder / "out", ignore_errors=True)


def _again(bench: Bench, target: str, file: Path) -> None:
    if target == "deliver":
        print(damaged.delivered(file, bench.folder / "out"))
    elif target in ("inspect", "sandboxed"):
        print(damaged.inspected(file, Mode.AUTO))
    else:
        TARGETS[target](bench, file.read_bytes())


if __name__ == "__main__":
    sys.exit(main())

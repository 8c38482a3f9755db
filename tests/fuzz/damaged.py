"""Real media whose heads and tails were damaged, and what becomes of them: inspected, delivered, refused or one error.

Most inputs are inspected in a process that lives for many of them, because a child each takes half a second. Where
that process dies or hangs, the input is inspected once more as users do, in the sandbox, which must give one error.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz import mutations
from tests.fuzz.targets import Finding, stable
from transcoder import app
from transcoder.errors import NoAcceptableEncoding, TranscodeError
from transcoder.sandbox.limits import Mode, Policy
from transcoder.settings import Settings

END_BYTES = 4096
"""Where containers keep what they say of themselves: so much at the front and at the back is damaged."""
MOST_BYTES = 1_500_000
HANG_S = 120
_CAP_BYTES = 60_000
_FOLDERS = ("formats", "hostile", "stills")


def seeds(samples: Path, corpus: Path | None, *, most_bytes: int = MOST_BYTES) -> list[Path]:
    """The samples, and the small files of the corpus where there is one."""
    found = [path for path in samples.iterdir() if path.suffix in (".avi", ".mkv", ".jpg")]
    if corpus is not None:
        found += [path for name in _FOLDERS for path in (corpus / name).rglob("*") if path.is_file()]
    return sorted(path for path in found if path.stat().st_size <= most_bytes)


def damage(data: bytes, seed: int) -> bytes:
    """The same bytes with some steps done to the first or last 4 kB."""
    chance = random.Random(seed)
    steps = [
        (chance.choice(mutations.STEP_KINDS), chance.randrange(1 << 30), chance.randrange(1 << 16))
        for _ in range(chance.choice((1, 1, 2, 3, 8)))
    ]
    end = min(END_BYTES, len(data))
    if chance.random() < 0.7:
        return mutations.mutated(data[:end], steps) + data[end:]
    return data[: len(data) - end] + mutations.mutated(data[len(data) - end :], steps)


def write(seed_file: Path, seed: int, folder: Path) -> Path:
    """Write a damaged copy, with the suffix of what it was."""
    path = folder / f"damaged-{seed}{seed_file.suffix}"
    path.write_bytes(damage(seed_file.read_bytes(), seed))
    return path


def _silent() -> None:
    """What libraries print about damaged files is not of interest."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


class Nursery:
    """A process that inspects many files, and is replaced where one kills it."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def inspect(self, path: Path) -> str:
        """``media``, or the code of the error that the file gave; ``died`` and ``hung`` speak of the process."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_silent)
        try:
            return self._pool.submit(inspected, path, Mode.OFF).result(HANG_S)
        except BrokenProcessPool:
            self._pool = None
            return "died"
        except TimeoutError:
            for process in multiprocessing.active_children():
                process.kill()
            self.close()
            return "hung"

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None


@contextmanager
def nursery() -> Iterator[Nursery]:
    """A nursery that is gone afterwards."""
    made = Nursery()
    try:
        yield made
    finally:
        made.close()


def _settings(mode: Mode) -> Settings:
    folder = Path(os.environ["TRANSCODER_KEYS_DIR"])
    return Settings(keys_dir=folder, audit=False, sandbox=Policy(mode=mode))


def inspected(path: Path, mode: Mode) -> str:
    """``media``, or the code of the error."""
    try:
        app.inspect(path, settings=_settings(mode))
    except TranscodeError as error:
        return stable(error)
    except MemoryError:
        if mode is not Mode.OFF:
            raise
        return "died"  # outside a sandbox nothing turns this into one line
    return "media"


def looked_at(path: Path, place: Nursery) -> str:
    """Inspect in the nursery; where that ends it, in the sandbox."""
    told = place.inspect(path)
    return inspected(path, Mode.AUTO) if told in ("died", "hung") else told


def delivered(path: Path, folder: Path) -> str:
    """Deliver a file under a small cap: ``delivered``, ``refused``, or the code of the error, with nothing left."""
    before = path.read_bytes()
    told = "delivered"
    try:
        app.transcode(path, out=folder, cap_bytes=_CAP_BYTES, settings=_settings(Mode.AUTO))
    except NoAcceptableEncoding as error:
        stable(error)
        told = "refused"
    except TranscodeError as error:
        told = stable(error)
    left = sorted(item.name for item in folder.rglob("*")) if folder.is_dir() else []
    if told in ("delivered", "refused"):
        if not any(name.endswith(".p7s") for name in left) or any(name.startswith(".") for name in left):
            raise Finding(f"{told}, and the folder holds {left}")
        results = app.verify(folder, settings=_settings(Mode.AUTO))
        if not all(result.ok for result in results):
            raise Finding(f"{told}, and does not verify: {results}")
    elif left:
        raise Finding(f"an error ({told}), and this was left: {left}")
    if path.read_bytes() != before:
        raise Finding("the source was changed")
    return told


def picks(found: Sequence[Path], count: int, seed: int) -> Iterator[tuple[Path, int]]:
    """Files and the seeds of their damage: each file as often as any other."""
    chance = random.Random(seed)
    order = list(found)
    chance.shuffle(order)
    for number in range(count):
        yield order[number % len(order)], chance.randrange(1 << 32)

"""Damaged heads and tails of real files: the parent lives, and says one thing in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import CORPUS
from tests.fuzz import damaged
from transcoder.sandbox.limits import Mode

_SEED = 20260301
_SMALL_BYTES = 60_000


@pytest.fixture(scope="module")
def place() -> Iterator[damaged.Nursery]:
    with damaged.nursery() as made:
        yield made


@pytest.fixture(scope="module")
def files() -> list[Path]:
    return damaged.seeds(Path(__file__).parents[2] / "samples", CORPUS if CORPUS.is_dir() else None)


@pytest.mark.parametrize("number", range(4))
def test_damaged_media_are_inspected_or_refused(
    number: int, files: list[Path], place: damaged.Nursery, tmp_path: Path
) -> None:
    for path, seed in damaged.picks(files, 40, _SEED + number):
        copy = damaged.write(path, seed, tmp_path)
        assert damaged.looked_at(copy, place), (path, seed)
        copy.unlink()


def test_damaged_media_in_the_sandbox(files: list[Path], tmp_path: Path) -> None:
    told = {damaged.inspected(damaged.write(path, seed, tmp_path), Mode.AUTO)
            for path, seed in damaged.picks(files, 5, _SEED)}  # fmt: skip
    assert told


def test_damaged_media_are_delivered_refused_or_one_error(files: list[Path], tmp_path: Path) -> None:
    small = [path for path in files if path.stat().st_size <= _SMALL_BYTES] or files
    for path, seed in damaged.picks(small, 6, _SEED):
        assert damaged.delivered(damaged.write(path, seed, tmp_path), tmp_path / f"out-{seed}"), (path, seed)


def test_a_process_that_dies_is_replaced(place: damaged.Nursery, samples: Path) -> None:
    assert place.inspect(samples / "cctv_still.jpg") == "media"
    assert place._pool is not None
    for process in list(place._pool._processes.values()):
        process.kill()
    assert place.inspect(samples / "cctv_still.jpg") in ("died", "media")
    assert place.inspect(samples / "cctv_still.jpg") == "media"

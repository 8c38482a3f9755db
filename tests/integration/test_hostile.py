"""Every hostile file of the corpus ends well: in bounds, with nothing changed and nothing left, as the docs say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.conftest import CORPUS
from tests.helpers import hostile, hostile_table
from tests.helpers.hostile import Ended

MOST_S, MOST_BYTES, CAP_BYTES = 60, 1_500_000_000, 1_000_000


@pytest.fixture(scope="session")
def all_ended(corpus: Path, keys_folder: Path) -> Sequence[Ended]:
    """How every file ended: one run for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSCODER_KEYS_DIR", str(keys_folder))
        for name in [name for name in os.environ if name.startswith(("TRANSCODER_SANDBOX", "TRANSCODER_SIGNER"))]:
            patch.delenv(name)
        return hostile.run_all(corpus)


@pytest.fixture(scope="session")
def by_name(all_ended: Sequence[Ended]) -> Mapping[str, Ended]:
    return {ended.name: ended for ended in all_ended}


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real footage is not beside this checkout")
@pytest.mark.parametrize("name", sorted(hostile.described(CORPUS)) if CORPUS.is_dir() else [])
def test_every_hostile_file_ends_well(name: str, by_name: Mapping[str, Ended]) -> None:
    ended = by_name[name]
    assert ended.exit_code in (0, 3, 4), ended.said
    assert ended.untouched
    # The only bound on time in these tests: a hang is an attack. A machine with too much to do gets as much longer.
    assert ended.wall_s <= MOST_S * max(1.0, ended.busy)
    assert ended.cpu_s <= MOST_S
    assert ended.peak_bytes <= MOST_BYTES
    assert len(ended.complaints) == (0 if ended.exit_code == 0 else 1)
    assert not any("Traceback" in line or "internal fault" in line for line in ended.complaints)
    assert ended.on_disk == ended.published
    assert bool(ended.published) == (ended.exit_code != 4)
    assert ended.largest_bytes <= CAP_BYTES
    assert ended.temporary == []


@pytest.mark.corpus
def test_the_committed_table_is_what_the_code_does(all_ended: Sequence[Ended]) -> None:
    made, committed = hostile_table.render(all_ended), hostile_table.DOCUMENT.read_text(encoding="utf-8")
    differing = [pair for pair in zip(committed.splitlines(), made.splitlines(), strict=False) if pair[0] != pair[1]]
    assert made == committed, f"run python -m tests.helpers.hostile_table; first difference: {differing[:1]}"

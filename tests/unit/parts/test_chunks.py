"""Chunks: names, what the child asks, what the parent answers, and what it does not believe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.errors import SandboxError
from transcoder.parts import chunks
from transcoder.parts.chunks import KIT, Shares, State
from transcoder.sandbox import wire
from transcoder.sharing import answering, no_chunks


class Kept:
    """A store in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.claimed: list[str] = []
        self.taken: set[str] = set()

    def begin(self) -> int:
        return 2

    def done(self) -> Sequence[str]:
        return sorted(self.files)

    def offer(self, name: str) -> State:
        return State.DONE if name in self.files else State.BUSY if name in self.taken else State.OPEN

    def claim(self, name: str) -> bool:
        self.claimed.append(name)
        return name not in self.taken

    def keep(self, name: str, file: Path) -> None:
        self.files[name] = file.read_bytes()

    def fetch(self, name: str, target: Path) -> None:
        target.write_bytes(self.files[name])


@pytest.fixture
def store() -> Kept:
    return Kept()


def test_what_one_process_keeps_the_next_one_finds(store: Kept, tmp_path: Path) -> None:
    first = Shares(answering(store, tmp_path), tmp_path)
    assert first.kept
    assert first.helpers == 2
    assert first.kit() is None
    name = chunks.name_of(range(5, 30))
    assert first.offer(name) is State.OPEN
    assert first.claim(name)
    first.keep(KIT, {"regions": [1, 2]})
    first.keep(name, ("part", b"bytes"))
    assert not list(tmp_path.iterdir()), "what was kept elsewhere need not stay here"

    second = Shares(answering(store, tmp_path), tmp_path)
    assert second.kit() == {"regions": [1, 2]}
    assert second.known() == {5: 30}
    assert second.offer(name) is State.DONE
    assert second.load(name) == ("part", b"bytes")
    assert not list(tmp_path.iterdir())


def test_of_parts_that_begin_alike_the_shortest_is_the_one_that_met_its_floors(store: Kept, tmp_path: Path) -> None:
    store.files = {chunks.name_of(range(0, stop)): b"" for stop in (90, 40, 60)}
    assert Shares(answering(store, tmp_path), tmp_path).known() == {0: 40}


def test_who_keeps_nothing_makes_everything(tmp_path: Path) -> None:
    for shares in (Shares(no_chunks, tmp_path), chunks.ALONE):
        assert not shares.kept
        assert shares.known() == {}
        assert shares.kit() is None
        assert shares.offer("000000000-000000001") is State.OPEN
        assert shares.claim("000000000-000000001")
        shares.keep(KIT, object())  # not even written: this could not be
    assert not list(tmp_path.iterdir())


def test_a_part_that_somebody_else_makes_is_not_claimed(store: Kept, tmp_path: Path) -> None:
    name = chunks.name_of(range(0, 10))
    store.taken.add(name)
    shares = Shares(answering(store, tmp_path), tmp_path)
    assert shares.offer(name) is State.BUSY
    assert not shares.claim(name)


def test_what_another_version_kept_is_not_opened(store: Kept, tmp_path: Path) -> None:
    chunks.write(tmp_path / "old", {"a": 1})
    header, _, body = (tmp_path / "old").read_bytes().partition(b"\n")
    store.files[KIT] = header.replace(b"chunk 1", b"chunk 0") + b"\n" + body
    assert Shares(answering(store, tmp_path), tmp_path).kit() is None


@pytest.mark.parametrize(
    "question",
    [
        b"", b"{", b"[]", b'"begin"', b"{}", b'{"do": 1}', b'{"do": "steal"}',
        b'{"do": "keep", "name": "../../etc/passwd"}',
        b'{"do": "fetch", "name": "kit/../../x"}', b'{"do": "fetch", "name": null}', b"\xff", b"[" * 5000,
        b'{"do": "claim", "name": "1-2"}', b'{"do": "claim", "name": "000000000-000000001\\n"}',
    ],
)  # fmt: skip
def test_a_question_that_no_honest_child_asks_ends_it(question: bytes, store: Kept, tmp_path: Path) -> None:
    with pytest.raises(wire.WireError):
        answering(store, tmp_path)(question)
    assert store.files == {}


def test_a_link_is_not_kept_for_a_chunk(store: Kept, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    work = tmp_path / "work"
    work.mkdir()
    (work / "chunk-kit").symlink_to(tmp_path / "secret")
    with pytest.raises(SandboxError):
        answering(store, work)(b'{"do": "keep", "name": "kit"}')
    assert store.files == {}


@given(st.integers(0, 10**9 - 2), st.integers(1, 10**6))
def test_a_name_is_a_run_of_frames(first: int, count: int) -> None:
    frames = range(first, min(first + count, 10**9 - 1))
    assert chunks.frames_of(chunks.name_of(frames)) == frames

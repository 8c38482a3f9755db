"""What every store must do. A new one is added to the list and is tested here by that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from transcoder.errors import StorageError
from transcoder.storage.base import Store
from transcoder.storage.local import LocalStore

STORES: Mapping[str, Callable[[Path], Store]] = {"local": LocalStore}


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return STORES[str(request.param)](tmp_path / "target")


def put(store: Store, files: Mapping[str, bytes]) -> dict[str, Path]:
    with store.workspace() as work:
        made = {}
        for number, (name, content) in enumerate(files.items()):
            made[name] = work / str(number)
            made[name].write_bytes(content)
        return store.publish(made)


def test_what_was_published_can_be_read_back_in_order(store: Store) -> None:
    published = put(store, {"b.mp4": b"media", "a.json": b"mark"})
    assert list(published) == ["b.mp4", "a.json"]
    assert [path.read_bytes() for path in published.values()] == [b"media", b"mark"]


def test_a_taken_name_is_refused_early_and_late_and_stays_as_it_was(store: Store) -> None:
    first = put(store, {"a": b"first"})
    with pytest.raises(StorageError) as early:
        store.reserve(["z", "a"])
    with pytest.raises(StorageError) as late:
        put(store, {"z": b"new", "a": b"second"})
    assert early.value.code == late.value.code == "output-exists"
    assert first["a"].read_bytes() == b"first"
    store.reserve(["z"])  # all or nothing: the first file of the failed delivery is free again


def test_the_workspace_is_gone_after_success_and_failure(store: Store) -> None:
    with store.workspace() as work:
        (work / "x").write_bytes(b"x")
    assert not work.exists()
    with pytest.raises(RuntimeError), store.workspace() as work:
        raise RuntimeError
    assert not work.exists()


def test_nothing_published_is_nothing_left(store: Store) -> None:
    assert put(store, {}) == {}
    store.reserve(["a"])

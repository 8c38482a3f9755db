"""Publishing: all or nothing, and never over another file."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from transcoder.errors import StorageError
from transcoder.storage.local import LocalStore


def finished(work: Path, name: str, content: bytes = b"data") -> Path:
    path = work / name
    path.write_bytes(content)
    return path


def names(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir()}


def test_files_appear_under_their_names_and_nothing_else_stays(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "out")
    with store.workspace() as work:
        published = store.publish({"a.mp4": finished(work, "1", b"A"), "a.json": finished(work, "2", b"B")})
    assert names(tmp_path / "out") == {"a.mp4", "a.json"}
    assert list(published) == ["a.mp4", "a.json"]
    assert published["a.mp4"].read_bytes() == b"A"
    assert published["a.json"].read_bytes() == b"B"


def test_published_files_can_be_read_by_others(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.workspace() as work:
        path = finished(work, "1")
        path.chmod(0o600)
        published = store.publish({"a": path})
    assert stat.S_IMODE(published["a"].stat().st_mode) & 0o444 == 0o444


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_a_taken_name_is_never_overwritten_and_nothing_appears(kind: str, tmp_path: Path) -> None:
    taken = tmp_path / "b"
    if kind == "file":
        taken.write_bytes(b"mine")
    elif kind == "folder":
        taken.mkdir()
    else:
        taken.symlink_to(tmp_path / "nowhere")
    store = LocalStore(tmp_path)
    with pytest.raises(StorageError) as caught, store.workspace() as work:
        store.publish({"a": finished(work, "1"), "b": finished(work, "2"), "c": finished(work, "3")})
    assert caught.value.code == "output-exists"
    assert caught.value.where == str(taken)
    assert names(tmp_path) == {"b"}
    assert kind != "file" or taken.read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


def test_reserve_names_the_first_taken_file_early(tmp_path: Path) -> None:
    (tmp_path / "b").symlink_to("nowhere")
    store = LocalStore(tmp_path)
    store.reserve(["a", "c"])
    with pytest.raises(StorageError) as caught:
        store.reserve(["a", "b"])
    assert caught.value.where == str(tmp_path / "b")
    LocalStore(tmp_path / "not-there").reserve(["a"])


def test_a_file_that_vanished_takes_the_others_back(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(StorageError), store.workspace() as work:
        store.publish({"a": finished(work, "1"), "b": work / "never-made"})
    assert names(tmp_path) == set()


def test_a_stop_half_way_takes_the_others_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def interrupted(source: Path, target: Path) -> None:
        if target.name == "b":
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "link", interrupted)
    store = LocalStore(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.workspace() as work:
        store.publish({"a": finished(work, "1"), "b": finished(work, "2")})
    assert names(tmp_path) == set()


def test_a_full_disk_takes_everything_back_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = LocalStore(tmp_path)
    with pytest.raises(StorageError, match="space") as caught, store.workspace() as work:
        files = {"a": finished(work, "1"), "b": finished(work, "2")}
        monkeypatch.setattr(os, "fsync", full)
        store.publish(files)
    assert caught.value.hint
    assert names(tmp_path) == set()


@pytest.mark.parametrize("code", [errno.EPERM, errno.EXDEV, errno.ENOTSUP])
def test_without_hard_links_publishing_works_and_still_never_overwrites(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(code, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    store = LocalStore(tmp_path)
    with store.workspace() as work:
        store.publish({"a": finished(work, "1", b"first")})
    with pytest.raises(StorageError), store.workspace() as work:
        store.publish({"z": finished(work, "2"), "a": finished(work, "3", b"second")})
    assert (tmp_path / "a").read_bytes() == b"first"
    assert names(tmp_path) == {"a"}


def test_without_hard_links_a_failed_move_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", no_links)
    store = LocalStore(tmp_path)
    with pytest.raises(StorageError), store.workspace() as work:
        files = {"a": finished(work, "1"), "b": finished(work, "2")}
        monkeypatch.setattr(Path, "replace", full)
        monkeypatch.setattr(os, "replace", full)
        monkeypatch.setattr(os, "rename", full)
        store.publish(files)
    assert names(tmp_path) == set()


def test_of_two_publishers_of_one_name_exactly_one_wins(tmp_path: Path) -> None:
    rounds = 25
    barrier = threading.Barrier(2, timeout=20)
    results: list[list[str]] = [[], []]

    def publisher(number: int) -> None:
        for turn in range(rounds):
            store = LocalStore(tmp_path / str(turn))
            with store.workspace() as work:
                files = {name: finished(work, name, str(number).encode()) for name in ("m", "n", "mark")}
                barrier.wait()
                try:
                    store.publish(files)
                    results[number].append("won")
                except StorageError as error:
                    assert error.code == "output-exists"
                    results[number].append("lost")
            barrier.wait()

    threads = [threading.Thread(target=publisher, args=(number,), daemon=True) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for turn, pair in enumerate(zip(*results, strict=True)):
        assert sorted(pair) == ["lost", "won"]
        contents = {item.read_bytes() for item in (tmp_path / str(turn)).iterdir()}
        assert names(tmp_path / str(turn)) == {"m", "n", "mark"}
        assert contents == {str(pair.index("won")).encode()}


@pytest.mark.parametrize(
    "name",
    ["line\nbreak.mp4", "$(touch owned).mp4", "-rf.mp4", "café ☃ 事件.mp4", "a" * 251 + ".mp4", " ", ".hidden", "a\\b"],
    ids=["newline", "command", "dash", "unicode", "255 bytes", "space", "hidden", "backslash"],
)
def test_any_legal_name_is_published_as_it_is(name: str, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.workspace() as work:
        store.publish({name: finished(work, "1", b"x")})
    assert names(tmp_path) == {name}
    assert (tmp_path / name).read_bytes() == b"x"


def test_a_name_too_long_for_the_disk_is_an_error_of_ours(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(StorageError), store.workspace() as work:
        store.publish({"a": finished(work, "1"), "x" * 256: finished(work, "2")})
    assert names(tmp_path) == set()

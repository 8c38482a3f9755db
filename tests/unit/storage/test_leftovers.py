"""What a killed process leaves: a delivery that was broken off is taken back, a complete one and all else stays."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from transcoder.errors import InputError, StorageError
from transcoder.storage import leftovers
from transcoder.storage.local import LocalStore

FORK = multiprocessing.get_context("fork")
FILES = ("m.mp4", "r.html", "m.certificate.json")


def killed_after(links: int, folder: Path, *, hold: bool = False) -> None:
    """Publish three files in a process that is killed when so many of them have their names."""

    def publish() -> None:
        real, done = os.link, 0

        def counted(source: Path, target: Path) -> None:
            nonlocal done
            if done == links:
                os.kill(os.getpid(), signal.SIGKILL)
            real(source, target)
            done += 1

        os.link = counted  # type: ignore[assignment]
        store = LocalStore(folder)
        with store.workspace() as work:
            (work / "made").mkdir()
            for name in FILES:
                (work / "made" / name).write_text(name)
            store.publish({name: work / "made" / name for name in FILES})
            os.kill(os.getpid(), signal.SIGKILL)

    process = FORK.Process(target=publish)
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL


def names(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir()}


def visible(folder: Path) -> set[str]:
    return {name for name in names(folder) if not name.startswith(".")}


@pytest.mark.parametrize("links", [0, 1, 2])
def test_a_delivery_that_was_broken_off_is_taken_back(links: int, tmp_path: Path) -> None:
    killed_after(links, tmp_path)
    assert visible(tmp_path) == set(FILES[:links])
    with LocalStore(tmp_path).workspace():
        assert visible(tmp_path) == set()
    assert names(tmp_path) == set()


def test_a_complete_delivery_stays_although_its_process_was_killed(tmp_path: Path) -> None:
    killed_after(3, tmp_path)
    with LocalStore(tmp_path).workspace():
        pass
    assert names(tmp_path) == set(FILES)
    assert all((tmp_path / name).read_text() == name for name in FILES)


def test_a_file_that_took_the_name_since_is_somebody_elses(tmp_path: Path) -> None:
    killed_after(2, tmp_path)
    (tmp_path / "m.mp4").unlink()
    (tmp_path / "m.mp4").write_text("another")
    with LocalStore(tmp_path).workspace():
        pass
    assert names(tmp_path) == {"m.mp4"}
    assert (tmp_path / "m.mp4").read_text() == "another"


def test_a_folder_without_a_lock_is_removed_where_it_is_empty(tmp_path: Path) -> None:
    (tmp_path / f"{leftovers.PREFIX}empty").mkdir()
    full = tmp_path / f"{leftovers.PREFIX}full"
    full.mkdir()
    (full / "evidence.mp4").write_text("not ours")
    with LocalStore(tmp_path).workspace():
        pass
    assert names(tmp_path) == {full.name}
    assert (full / "evidence.mp4").exists()


def test_a_folder_that_is_swept_before_it_has_its_lock_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, swept = os.open, 0

    def first_swept(path: Path, flags: int, mode: int = 0o777, **rest: int) -> int:
        nonlocal swept
        if Path(path).name == leftovers.LOCK and not swept:
            swept += 1
            leftovers.sweep(tmp_path)
        return real(path, flags, mode, **rest)

    monkeypatch.setattr(os, "open", first_swept)
    with LocalStore(tmp_path).workspace() as work:
        assert swept == 1
        assert names(tmp_path) == {work.name}
    assert names(tmp_path) == set()


@pytest.mark.parametrize("kind", ["link to a folder", "linked lock", "lock is a folder", "lock is a pipe", "held"])
def test_what_was_planted_harms_nobody(kind: str, tmp_path: Path) -> None:
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.mkdir()
    out.mkdir()
    (victim / "lock").write_text("mine")
    (victim / "evidence.mp4").write_text("mine")
    planted = out / f"{leftovers.PREFIX}planted"
    held = -1
    if kind == "link to a folder":
        planted.symlink_to(victim)
    else:
        planted.mkdir()
        (planted / "to-victim").symlink_to(victim)
        if kind == "linked lock":
            (planted / "lock").symlink_to(victim / "lock")
        elif kind == "lock is a folder":
            (planted / "lock").mkdir()
        elif kind == "lock is a pipe":
            os.mkfifo(planted / "lock")
        else:
            held = os.open(planted / "lock", os.O_RDWR | os.O_CREAT)
            fcntl.flock(held, fcntl.LOCK_EX)
    with LocalStore(out).workspace() as work:
        (work / "file").write_text("x")
    if held >= 0:
        os.close(held)
        assert planted.exists()
    assert names(out) <= {planted.name}
    assert {path.name: path.read_text() for path in victim.iterdir()} == {"lock": "mine", "evidence.mp4": "mine"}


@pytest.mark.parametrize(
    "note",
    [
        "[]", "no json", "[1]", '["a"]', '{"m.mp4": 1}', '[["m.mp4", "../m.mp4"], ["mark", "mark"], 3]',
        json.dumps([["../victim", "victim"], ["m.mp4", "gone"], ["mark", "mark"]]), "[" * 100_000,
    ],
)  # fmt: skip
def test_a_note_that_is_none_removes_nothing(note: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stale = out / f"{leftovers.PREFIX}stale"
    stale.mkdir(parents=True)
    (stale / "lock").write_text("")
    (stale / "publishing.json").write_text(note)
    (stale / "victim").write_text("x")
    os.link(stale / "victim", tmp_path / "victim")
    (out / "m.mp4").write_text("mine")
    with LocalStore(out).workspace():
        pass
    assert names(out) == {"m.mp4"}
    assert (tmp_path / "victim").exists()


def test_a_work_folder_that_vanished_is_no_fault_of_the_source(tmp_path: Path) -> None:
    import shutil

    out = tmp_path / "out"
    with pytest.raises(StorageError) as caught, LocalStore(out).workspace():
        shutil.rmtree(out)
        raise InputError("a file is missing", code="input-damaged")
    assert caught.value.code == "work-folder-gone"
    assert caught.value.where == str(out)
    assert caught.value.hint
    assert not out.exists()


def test_an_interruption_between_link_and_list_takes_the_file_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def interrupted(source: Path, target: Path) -> None:
        real(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", interrupted)
    store = LocalStore(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.workspace() as work:
        (work / "a").write_text("x")
        store.publish({"a": work / "a"})
    assert names(tmp_path) == set()

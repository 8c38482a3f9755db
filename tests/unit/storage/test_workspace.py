"""The work folder vanishes, whatever happens; a killed process's folder is swept, a live one's is not."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from transcoder.errors import StorageError
from transcoder.storage.local import LocalStore

FORK = multiprocessing.get_context("fork")


class Boom(Exception):
    pass


def hidden(folder: Path) -> list[Path]:
    return [item for item in folder.iterdir() if item.name.startswith(".")]


def test_it_is_private_inside_the_target_and_gone_afterwards(tmp_path: Path) -> None:
    with LocalStore(tmp_path).workspace() as work:
        assert work.parent == tmp_path
        assert work.stat().st_mode & 0o077 == 0
        assert work.name.startswith(".")
        (work / "deep").mkdir()
        (work / "deep" / "file").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [Boom, KeyboardInterrupt, SystemExit])
def test_it_is_gone_after_any_fault_and_the_fault_goes_on(fault: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(fault), LocalStore(tmp_path / "a" / "b").workspace() as work:
        (work / "file").write_bytes(b"x")
        raise fault
    assert list(tmp_path.iterdir()) == []  # folders made for a job that failed are gone as well


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(Boom), LocalStore(tmp_path / "out").workspace():
        raise Boom
    assert (tmp_path / "out").is_dir()


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError), LocalStore(tmp_path / "file" / "out").workspace():
        pass


def test_two_jobs_at_once_have_their_own(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.workspace() as first, store.workspace() as second:
        assert first != second
        assert first.exists()
        assert second.exists()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[BaseProcess]:
    """Another process that holds a workspace in the same folder until it is killed."""
    ready, mine = FORK.Pipe(duplex=False)

    def hold() -> None:
        with LocalStore(tmp_path).workspace() as work:
            (work / "half-written.mp4").write_bytes(b"x")
            mine.send("held")
            signal.pause()

    process = FORK.Process(target=hold)
    process.start()
    assert ready.poll(20)
    assert ready.recv() == "held"
    yield process
    process.kill()
    process.join()


def test_the_folder_of_a_live_process_is_left_alone(other: BaseProcess, tmp_path: Path) -> None:
    (theirs,) = hidden(tmp_path)
    with LocalStore(tmp_path).workspace():
        assert (theirs / "half-written.mp4").exists()
    assert (theirs / "half-written.mp4").exists()


def test_the_leftovers_of_a_killed_process_are_swept(other: BaseProcess, tmp_path: Path) -> None:
    (theirs,) = hidden(tmp_path)
    assert other.pid is not None
    os.kill(other.pid, signal.SIGKILL)
    other.join(20)
    assert theirs.exists()
    with LocalStore(tmp_path).workspace():
        assert not theirs.exists()
    assert hidden(tmp_path) == []


def test_other_hidden_files_are_left_alone(tmp_path: Path) -> None:
    for name in (".transcoder", ".git", "transcoder-x"):
        (tmp_path / name).mkdir()
    (tmp_path / ".transcoder-notes").write_text("a file, not a folder")
    with LocalStore(tmp_path).workspace():
        pass
    assert len(list(tmp_path.iterdir())) == 4

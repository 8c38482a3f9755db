"""Taking a source in, and finding out whether it changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from transcoder.errors import InputError, OutputMismatch
from transcoder.storage import local


def test_size_and_hash_are_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(b"evidence" * 300_000)
    seen: list[tuple[str, int, int | None]] = []
    admitted = local.admit(path, lambda *event: seen.append(event))
    assert admitted.bytes == 2_400_000
    assert admitted.sha256 == hashlib.sha256(b"evidence" * 300_000).hexdigest()
    assert seen[-1] == ("hash", 2_400_000, 2_400_000)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda p: None, "input-missing"),
        (lambda p: p.mkdir(), "input-not-a-file"),
        (lambda p: p.write_bytes(b""), "input-empty"),
        (os.mkfifo, "input-not-a-file"),
        (lambda p: p.symlink_to(p), "input-unreadable"),
        (lambda p: p.symlink_to("/dev/zero"), "input-not-a-file"),
        (lambda p: p.symlink_to("nowhere"), "input-missing"),
    ],
    ids=["missing", "folder", "empty", "fifo", "loop", "device", "dangling"],
)
def test_what_cannot_be_a_source_has_its_own_code(make: Callable[[Path], object], code: str, tmp_path: Path) -> None:
    path = tmp_path / "source"
    make(path)
    with pytest.raises(InputError) as caught:
        local.admit(path)
    assert caught.value.code == code
    assert caught.value.where == str(path)


@pytest.mark.parametrize("name", ["x" * 300, "nul\0.avi", "missing/a.avi"])
def test_impossible_names_are_errors_of_ours(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        local.admit(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "secret.avi"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(InputError) as caught:
        local.admit(path)
    assert caught.value.code == "input-unreadable"


def test_a_file_that_fails_while_it_is_read_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bad-disk.avi"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match="Permission denied") as caught:
        local.admit(path)
    assert caught.value.code == "input-unreadable"


@pytest.mark.parametrize("name", ["line\nbreak.avi", "$(reboot).avi", "-o.avi", "日本.avi", "a" * 251 + ".avi"])
def test_any_legal_name_is_taken(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert local.admit(tmp_path / name).bytes == 1


def test_an_unchanged_source_is_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(b"x" * 100)
    admitted = local.admit(path)
    os.utime(path, (1, 1))  # a new date is not a new content
    local.confirm_unchanged(admitted)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.write_bytes(b"y" + b"x" * 99),
        lambda p: p.write_bytes(b"x" * 101),
        lambda p: p.unlink(),
        lambda p: (p.unlink(), p.mkdir()),
    ],
    ids=["same size", "grown", "gone", "replaced"],
)
def test_a_changed_source_is_found(change: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(b"x" * 100)
    before = path.stat()
    admitted = local.admit(path)
    change(path)
    if path.is_file():
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a date proves nothing
    with pytest.raises(OutputMismatch) as caught:
        local.confirm_unchanged(admitted)
    assert caught.value.code == "source-changed"

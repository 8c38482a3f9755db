"""Writing the log: the chain, checkpoints, rotation, torn lines, and a disk that is full."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import auditlogs
from tests.helpers.auditlogs import filled, lines, verified
from transcoder.audit import entries, files, reading
from transcoder.audit.base import job
from transcoder.audit.log import AuditLog
from transcoder.certificate.keys import KeyPair
from transcoder.errors import InputError, StorageError


def test_each_entry_holds_the_hash_of_the_one_before_and_says_who_and_when(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 7)
    raw = [line[:-1] for line in lines(log)]
    read = [json.loads(line) for line in raw]
    assert [entry["seq"] for entry in read] == list(range(1, 9))
    assert [entry["prev"] for entry in read] == ["0" * 64, *(entries.digest(line) for line in raw[:-1])]
    assert read[0]["event"] == "log-opened"
    assert {entry["who"]["uid"] for entry in read} == {os.geteuid()}
    assert [entry["at"] for entry in read] == sorted(entry["at"] for entry in read)


def test_an_untouched_log_verifies_and_says_how_far_it_is_signed(tmp_path: Path, pair: KeyPair) -> None:
    result = verified(filled(tmp_path, pair, 11, every=5), pair)
    assert result.ok
    assert (result.entries, result.signed_entries, result.checkpoints) == (12, 10, 3)
    assert "2 of 12 entries" in result.notes[0]


def test_files_are_for_the_owner_alone(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 6)
    made = [path for path in log.folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    assert log.folder.stat().st_mode & 0o777 == 0o700


def test_a_long_log_goes_on_in_further_files_and_is_one_chain(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 40, max_bytes=2000)
    found = files.segments(log.folder)
    assert len(found) > 3
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    result = verified(log, pair)
    assert result.ok
    assert result.entries == 40 + len(found)
    shutil.move(found[1][1], tmp_path)
    assert "missing" in str(verified(log, pair).findings[0])


def test_what_was_torn_off_is_set_aside_and_noted(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 3)
    path = files.segments(log.folder)[0][1]
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at":"2026-03-01T12')
    torn = verified(log, pair)
    assert torn.ok
    assert any("line 5" in note for note in torn.notes)
    log.record("apply-begun", {})
    read = [json.loads(line) for line in lines(log)]
    assert [entry["event"] for entry in read[-2:]] == ["torn-line", "apply-begun"]
    assert (log.folder / read[-2]["file"]).read_bytes() == b'{"at":"2026-03-01T12'
    assert verified(log, pair).ok
    (log.folder / read[-2]["file"]).write_bytes(b"something else")
    assert not verified(log, pair).ok


@pytest.mark.parametrize("keep", [0, 1, 100])
def test_a_first_line_that_was_torn_begins_the_log_anew(keep: int, tmp_path: Path, pair: KeyPair) -> None:
    log = auditlogs.make(tmp_path, pair)
    log.folder.mkdir()
    (log.folder / "audit-000001.jsonl").write_bytes(b"x" * keep)
    log.record("apply-begun", {})
    assert verified(log, pair).ok
    assert len(lines(log)) == 2 + (keep > 0)


def test_a_checkpoint_that_a_killed_process_owed_is_made_up_for(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 4, every=5)
    for path in (log.folder / "checkpoints").glob("000000000005*"):
        path.unlink()
    before = verified(log, pair)
    assert before.ok
    assert any("its checkpoint is due" in note for note in before.notes)
    log.record("apply-begun", {})
    after = verified(log, pair)
    assert (after.ok, after.signed_entries) == (True, 5)


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, pair: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = filled(tmp_path, pair, 3)
    before = lines(log)
    real = os.write

    def short(descriptor: int, data: Any) -> int:
        return real(descriptor, bytes(data)[:40])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(StorageError) as caught:
        log.record("apply-begun", {})
    assert caught.value.code == "audit-unwritable"
    assert os.strerror(errno.ENOSPC) in str(caught.value)
    monkeypatch.undo()
    assert lines(log) == before
    log.record("apply-begun", {})
    assert verified(log, pair).ok


def test_a_log_whose_end_is_no_entry_is_not_added_to(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 3)
    auditlogs.rewrite(log, [*lines(log), b"rubbish\n"])
    with pytest.raises(StorageError) as caught:
        log.record("apply-begun", {})
    assert caught.value.code == "audit-damaged"


def test_a_log_that_vanished_beside_its_checkpoints_is_not_begun_anew(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 3)
    files.segments(log.folder)[0][1].unlink()
    with pytest.raises(StorageError) as caught:
        log.record("apply-begun", {})
    assert caught.value.code == "audit-damaged"
    assert not verified(log, pair).ok


def test_whoever_waits_too_long_for_the_log_is_told(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 1)
    with files.locked(log.folder), pytest.raises(StorageError) as caught, files.locked(log.folder, wait_s=0.05):
        pass
    assert caught.value.code == "audit-locked"


@pytest.mark.parametrize("name", ["a\nb", "\ud800", "x" * 9000, '"},{"', "\u2028", "ü" * 600])
def test_any_name_of_a_file_gives_one_line_that_can_be_read_back(name: str, tmp_path: Path, pair: KeyPair) -> None:
    log = auditlogs.make(tmp_path, pair)
    log.record("apply-begun", {"source": {"name": name}, "many": [name] * 500, "big": 1 << 70, "x": 0.5})
    assert verified(log, pair).ok
    assert all(len(line) < entries.MAX_LINE_BYTES for line in lines(log))


def test_a_job_has_a_begin_and_an_end_however_it_ends(tmp_path: Path, pair: KeyPair) -> None:
    log = auditlogs.make(tmp_path, pair)

    def run(error: BaseException | None, *, begin: bool = True, end: bool = False) -> None:
        with job(log, "apply", {"operator": "Jo"}) as entry:
            if begin:
                entry.begin({"source": {"sha256": "ab" * 32}})
            if end:
                entry.end({"outcome": "delivered"})
            if error is not None:
                raise error

    run(None, end=True)
    for error, begin, end in (
        (InputError("no", code="input-missing"), False, False), (KeyboardInterrupt(), True, False),
        (ZeroDivisionError("oops"), True, False), (StorageError("full"), True, True),
    ):  # fmt: skip
        with pytest.raises(type(error)):
            run(error, begin=begin, end=end)
    read = [entry for entry in reading.select(log.folder) if entry["event"] != "log-opened"]
    assert [(entry["event"], entry.get("outcome")) for entry in read] == [
        ("apply-begun", None), ("apply-ended", "delivered"),
        ("apply-begun", None), ("apply-ended", "failed"),
        ("apply-begun", None), ("apply-ended", "stopped"),
        ("apply-begun", None), ("apply-ended", "failed"),
        ("apply-begun", None), ("apply-ended", "delivered"), ("apply-undone", "failed"),
    ]  # fmt: skip
    assert [entry["error"]["code"] for entry in read if "error" in entry] == [
        "input-missing", "internal", "internal", "storage-failed",
    ]  # fmt: skip
    assert {entry["who"]["operator"] for entry in read} == {"Jo"}


def test_a_degraded_delivery_is_signed_at_once(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 1, every=100)
    log.record("apply-ended", {"override": {"operator": "Jo", "reason": "urgent"}})
    assert verified(log, pair).signed_entries == 3
    log.record("apply-ended", {"override": None})
    assert verified(log, pair).signed_entries == 3


def test_the_same_key_is_not_asked_for_where_no_checkpoint_is_due(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 1, every=100)

    def refuse() -> Any:
        raise AssertionError("the key was asked for")

    AuditLog(log.folder, refuse, every=100).record("apply-begun", {})
    assert len(lines(log)) == 3

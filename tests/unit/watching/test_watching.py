"""A watched folder: what is complete, in which order, what comes of it, and what a restart makes of it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from transcoder.errors import StorageError, UsageError
from transcoder.model import CaseFields
from transcoder.storage import leftovers
from transcoder.watching import arrivals as looking
from transcoder.watching import quarantine
from transcoder.watching.arrivals import OWN, Arrivals
from transcoder.watching.child import Answer
from transcoder.watching.journal import Came, Journal, Record, only_one
from transcoder.watching.plan import After, Plan
from transcoder.watching.watcher import Watcher


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeChild:
    """Publishes as the real one does: files first, the certificate last; or answers what a test wants."""

    def __init__(self, order: Mapping[str, Any], wanted: Answer | None) -> None:
        self.progress = ("encode", 50.0)
        self.ended = False
        self._answer = wanted or self._deliver(Path(order["source"]), Path(order["out"]))

    def _deliver(self, source: Path, out: Path) -> Answer:
        digest = sha256(source.read_bytes()).hexdigest()
        mark = out / f"{source.stem}_{digest[:8]}.certificate.json"
        if mark.exists():
            return failed("StorageError", "output-exists", where=str(mark))
        files = [out / f"{source.stem}_{digest[:8]}.mp4", mark]
        files[0].write_bytes(b"media")
        mark.write_text(json.dumps({"predicate": {"source": {"sha256": digest}, "verdict": "meets-floor"}}))
        described = [{"path": str(path)} for path in files]
        return Answer(result={"source": {"sha256": digest}, "verdict": "meets-floor", "files": described})

    def answer(self) -> Answer | None:
        return self._answer

    def end(self) -> None:
        self.ended = True


class Endless(FakeChild):
    def answer(self) -> Answer | None:
        return None


def failed(kind: str, code: str, where: str | None = None) -> Answer:
    error: dict[str, Any] = {"code": code, "message": "no", "where": where, "hint": None, "details": {}}
    return Answer(error=error, kind=kind)


class Scene:
    """A watcher over a folder, with a clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.source, self.out = folder / "in", folder / "out"
        self.source.mkdir(exist_ok=True)
        self.clock = Clock()
        self.orders: list[Mapping[str, Any]] = []
        self.answers: list[Answer] = []
        self.always: dict[str, Answer] = {}
        self.watcher = self.restart()

    def start(self, order: Mapping[str, Any], ended: Callable[[], None]) -> FakeChild:
        self.orders.append(order)
        known = self.always.get(Path(order["source"]).name)
        return FakeChild(order, known or (self.answers.pop(0) if self.answers else None))

    def restart(self, **changes: Any) -> Watcher:
        settings: dict[str, Any] = {"source": self.source, "out": self.out, "profile": "cps-twif-1mb", "settle_s": 5.0}
        self.watcher = Watcher(Plan(**settings | changes), start=self.start, clock=self.clock)
        return self.watcher

    def rounds(self, number: int = 4, seconds: float = 6.0) -> None:
        for _ in range(number):
            self.watcher.step()
            self.clock.now += seconds

    def put(self, name: str, content: bytes = b"some footage") -> Path:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    @property
    def delivered(self) -> Sequence[str]:
        return [Path(order["source"]).name for order in self.orders]

    @property
    def status(self) -> Mapping[str, Any]:
        return dict(json.loads((self.out / "watch-status.json").read_text()))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_file_is_taken_once_it_has_been_still_for_long_enough(scene: Scene) -> None:
    path = scene.put("a.avi", b"one")
    scene.rounds(4, seconds=1.0)
    path.write_bytes(b"one two")  # still growing
    scene.rounds(5, seconds=1.0)
    assert scene.delivered == []
    assert scene.status["settling"] == 1
    scene.rounds(3, seconds=1.0)
    assert scene.delivered == ["a.avi"]
    assert scene.status["delivered"] == 1


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list open files")
def test_what_a_process_has_open_for_writing_waits(scene: Scene) -> None:
    path = scene.put("a.avi")
    with path.open("ab"):
        scene.rounds()
        assert scene.delivered == []
    with path.open("rb"):
        scene.rounds()
    assert scene.delivered == ["a.avi"]


def test_what_arrived_by_renaming_is_complete_though_somebody_still_holds_it(scene: Scene) -> None:
    path = scene.put("a.avi.part")
    scene.rounds()
    assert scene.delivered == []
    with path.open("ab"):
        path.rename(scene.source / "a.avi")
        scene.rounds()
    assert scene.delivered == ["a.avi"]


@pytest.mark.parametrize("name", [".hidden.avi", "a.avi.part", "a.TMP", "a.avi~", "a.filepart", "a.crdownload"])
def test_names_of_unfinished_files_are_left_alone(scene: Scene, name: str) -> None:
    scene.put(name)
    scene.rounds()
    assert scene.delivered == []
    assert (scene.source / name).exists()


def test_the_first_to_arrive_goes_first(scene: Scene) -> None:
    scene.put("z.avi")
    scene.rounds(1)
    scene.put("a.avi")
    scene.rounds(6)
    assert scene.delivered == ["z.avi", "a.avi"]


def test_a_restart_delivers_nothing_twice(scene: Scene) -> None:
    scene.put("a.avi")
    scene.rounds()
    scene.restart()
    scene.rounds()
    os.utime(scene.source / "a.avi", (1, 1))  # a share that keeps times less finely
    scene.rounds()
    assert scene.delivered == ["a.avi"]


def test_the_same_name_with_other_content_is_another_file(scene: Scene) -> None:
    scene.put("a.avi", b"one")
    scene.rounds()
    scene.put("a.avi", b"other")
    scene.rounds()
    assert scene.delivered == ["a.avi", "a.avi"]
    assert len(list(scene.out.glob("*.certificate.json"))) == 2


def test_killed_between_publishing_and_writing_it_down(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put("a.avi")
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            scene.rounds()
    scene.restart()
    scene.rounds()
    assert scene.delivered == ["a.avi", "a.avi"]
    assert len(list(scene.out.glob("*.certificate.json"))) == 1
    assert scene.status["delivered"] == 1
    record = scene.watcher.journal.of("a.avi")
    assert record is not None
    assert sorted(record.files) == sorted(path.name for path in scene.out.glob("a_*"))


def test_killed_between_writing_it_down_and_moving_it_away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.restart(after=After.MOVE)
    scene.put("a.avi", b"footage")
    scene.put("a.avi.json", b'{"urn": "1"}')
    with monkeypatch.context() as patch:
        patch.setattr("transcoder.watching.afterwards._move", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            scene.rounds()
    assert (scene.source / "a.avi").exists()
    scene.restart(after=After.MOVE)
    scene.rounds()
    assert sorted(path.name for path in scene.source.iterdir()) == [".done"]
    assert (scene.source / ".done" / "a.avi").read_bytes() == b"footage"
    assert scene.delivered == ["a.avi"]


def test_what_took_the_name_of_a_delivered_file_is_not_moved_for_it(scene: Scene) -> None:
    scene.restart(after=After.DELETE)
    path = scene.put("a.avi", b"one")
    scene.rounds(2)
    assert scene.delivered == ["a.avi"]
    path.write_bytes(b"new and longer")
    scene.watcher.step()
    assert path.read_bytes() == b"new and longer"
    scene.rounds()
    assert not path.exists()
    assert len(scene.orders) == 2


def test_moving_overwrites_nothing(scene: Scene) -> None:
    scene.restart(after=After.MOVE)
    for content in (b"one", b"two"):
        scene.put("a.avi", content)
        scene.rounds()
    assert {path.read_bytes() for path in (scene.source / ".done").iterdir()} == {b"one", b"two"}


def test_empty_files_and_links_are_quarantined_with_their_reason(scene: Scene, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    scene.put("empty.avi", b"")
    (scene.source / "link.avi").symlink_to(secret)
    os.mkfifo(scene.source / "pipe.avi")
    scene.rounds()
    assert scene.delivered == []
    codes = {
        name: json.loads((scene.out / "quarantine" / f"{name}.reason.json").read_text())["error"]["code"]
        for name in ("empty.avi", "link.avi", "pipe.avi")
    }
    expected = {"empty.avi": "input-empty", "link.avi": "input-not-a-file", "pipe.avi": "input-not-a-file"}
    assert codes == expected
    assert not (scene.out / "quarantine" / "link.avi").exists()
    assert {path.name for path in scene.source.iterdir()} == set(expected)  # nothing of the sender's is gone
    assert scene.status["failed"] == 3


def test_bad_input_is_quarantined_once_and_other_bad_input_of_its_name_beside_it(scene: Scene) -> None:
    for content in (b"bad", b"worse"):
        scene.answers.append(failed("InputError", "not-media"))
        scene.put("a.avi", content)
        scene.rounds()
        scene.restart()
        scene.rounds()
    folder = scene.out / "quarantine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "a.2.avi", "a.2.avi.reason.json", "a.avi", "a.avi.reason.json",
    ]  # fmt: skip
    assert (folder / "a.avi").read_bytes() == b"bad"
    assert len(scene.orders) == 2


def test_a_file_that_takes_every_process_down_is_given_up_and_the_next_one_goes_on(scene: Scene) -> None:
    scene.put("killer.avi", b"boom")
    scene.always["killer.avi"] = failed("died", "worker-process-died")
    scene.rounds(1)
    scene.put("fine.avi")
    scene.rounds(12)
    assert scene.delivered.count("killer.avi") == 3
    assert (scene.out / "quarantine" / "killer.avi.reason.json").exists()
    assert scene.status["delivered"] == 1


def test_a_fault_of_the_machine_pauses_and_quarantines_nothing(scene: Scene) -> None:
    scene.put("a.avi")
    scene.answers += [failed("StorageError", "storage-failed")] * 4
    scene.rounds(3)
    assert scene.status["state"] == "paused"
    assert scene.status["reason"] == "no"
    scene.rounds(20, seconds=61.0)
    assert scene.status["delivered"] == 1
    assert not (scene.out / "quarantine").exists()


def test_a_full_disk_under_the_journal_loses_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put("a.avi")
    real = os.fsync

    def full(descriptor: int) -> None:
        journal = scene.out / OWN / "journal.jsonl"
        if journal.exists() and os.path.samestat(os.fstat(descriptor), journal.stat()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        scene.rounds(3)
        assert scene.status["state"] == "paused"
        assert "No space" in scene.status["reason"]
    scene.rounds(4, seconds=61.0)
    assert len(list(scene.out.glob("*.certificate.json"))) == 1
    assert [record.name for record in Journal(scene.out / OWN)] == ["a.avi"]


def test_a_folder_that_vanishes_and_comes_back(scene: Scene, tmp_path: Path) -> None:
    scene.put("a.avi")
    scene.rounds()
    away = scene.source.rename(tmp_path / "away")
    scene.rounds()
    assert scene.status["state"] == "away"
    away.rename(scene.source)
    scene.put("b.avi")
    scene.rounds()
    assert scene.delivered == ["a.avi", "b.avi"]
    assert scene.status["state"] != "away"


def test_a_source_that_was_taken_away_or_written_to_meanwhile_is_nobodys_fault(scene: Scene) -> None:
    scene.answers += [failed("OutputMismatch", "source-changed"), failed("InputError", "input-missing")]
    path = scene.put("a.avi", b"half")
    scene.rounds(2)
    path.write_bytes(b"half, and the other half")
    scene.rounds(2)
    path.unlink()
    scene.rounds(3)
    assert scene.status["failed"] == 0
    assert not (scene.out / "quarantine").exists()


def test_sidecars_go_along(scene: Scene) -> None:
    scene.restart(case=CaseFields(operator="Night shift", urn="00"))
    regions: dict[str, Any] = {"regions": []}
    scene.put("a.avi.json", b'{"urn": "45AA1234526"}')
    scene.put("a.regions.json", json.dumps(regions).encode())
    scene.put("a.avi")
    scene.rounds()
    (order,) = scene.orders
    assert order["options"]["urn"] == "45AA1234526"
    assert order["options"]["operator"] == "Night shift"
    assert order["options"]["regions"] == regions


@pytest.mark.parametrize("text", [b"[]", b"{", b'{"urn": 5}', b'{"colour": "red"}', b'{"urn": "\\ud800"}'])
def test_a_sidecar_that_makes_no_sense_is_said_and_nothing_goes_out_without_it(scene: Scene, text: bytes) -> None:
    scene.put("a.avi.json", text)
    scene.put("a.avi")
    scene.rounds()
    assert scene.delivered == []
    assert (scene.out / "quarantine" / "a.avi.reason.json").exists()


def test_an_unreadable_file_is_quarantined_and_tried_again_when_it_can_be_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scene.put("a.avi")
    scene.answers += [failed("InputError", "input-unreadable")] * 3
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        patch.setattr("transcoder.watching.watcher.sha256_of", lambda *_: (_ for _ in ()).throw(PermissionError))
        scene.rounds(9)
        reason = json.loads((scene.out / "quarantine" / "a.avi.reason.json").read_text())
        assert reason["error"]["code"] == "input-unreadable"
        assert reason["sha256"] is None
        scene.rounds(9)
    assert len(scene.orders) == 3
    scene.rounds()
    assert scene.status["delivered"] == 1
    assert path.exists()


def test_folders_keep_their_place(scene: Scene) -> None:
    scene.put("cam 1/day/a.avi", b"one")
    scene.rounds()
    assert scene.delivered == []
    scene.restart(recursive=True, after=After.MOVE)
    scene.rounds()
    assert [path.name for path in (scene.out / "cam 1" / "day").glob("*.certificate.json")]
    assert (scene.source / ".done" / "cam 1" / "day" / "a.avi").exists()


@pytest.mark.parametrize("name", ["ä ö 漢字.avi", "new\nline.avi", "-rf.avi", "a" * 245 + ".avi", "'; drop.avi"])
def test_odd_names(scene: Scene, name: str) -> None:
    scene.answers.append(failed("InputError", "not-media"))
    scene.put(name)
    scene.rounds()
    scene.restart()
    scene.rounds()
    assert scene.watcher.journal.count(Came.QUARANTINED) == 1
    assert len(scene.orders) == 1
    assert len(list((scene.out / "quarantine").glob("*.reason.json"))) == 1


def test_a_name_that_is_no_text(scene: Scene) -> None:
    Path(os.fsdecode(os.fsencode(scene.source) + b"/odd\xff.avi")).write_bytes(b"footage")
    scene.rounds()
    scene.restart()
    scene.rounds()
    assert scene.watcher.journal.count(Came.DELIVERED) == 1
    assert len(scene.orders) == 1


def test_a_thousand_files(scene: Scene) -> None:
    for number in range(1000):
        scene.put(f"{number:04}.avi", f"footage {number}".encode())
    scene.rounds(1)
    assert scene.status["waiting"] == 1000
    scene.rounds(5)
    assert scene.delivered == [f"{number:04}.avi" for number in range(len(scene.delivered))]
    assert scene.status["delivered"] == len(scene.delivered) - 1


def test_an_apply_into_the_same_folder_leaves_the_journal_alone(scene: Scene) -> None:
    scene.put("a.avi")
    scene.rounds()
    with only_one(scene.out / OWN / "lock"):
        pass  # the watcher has ended: nobody holds its lock
    leftovers.sweep(scene.out)
    assert Journal(scene.out / OWN).of("a.avi") is not None


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    folder = tmp_path / OWN
    journal = Journal(folder)

    def record(name: str) -> Record:
        return Record(name=name, bytes=1, mtime_ns=2, sha256="0" * 64, came=Came.DELIVERED, at="now")

    journal.add(record("one"))
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes() + path.read_bytes()[:30])
    Journal(folder).add(record("two"))
    assert [item.name for item in Journal(folder)] == ["one", "two"]
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    assert [item.name for item in Journal(folder)] == ["one", "two"]


def test_a_long_journal_is_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcoder.watching.journal._SLACK", 5)
    journal = Journal(tmp_path)
    for number in range(20):
        journal.add(Record(name="a", bytes=number, mtime_ns=2, sha256=None, came=Came.REFUSED, at="now"))
    again = Journal(tmp_path)
    assert len((tmp_path / "journal.jsonl").read_bytes().splitlines()) == 1
    again.add(Record(name="b", bytes=1, mtime_ns=2, sha256=None, came=Came.REFUSED, at="now"))
    assert [(item.name, item.bytes) for item in Journal(tmp_path)] == [("a", 19), ("b", 1)]


def test_two_watchers_of_one_folder_are_refused(tmp_path: Path) -> None:
    places = tmp_path / "home" / "lock", tmp_path / "out" / "lock"
    with only_one(*places), pytest.raises(StorageError) as caught, only_one(*places):
        pass
    assert caught.value.code == "watcher-running"
    with only_one(*places):
        pass


def test_output_that_would_be_taken_for_input_is_refused(tmp_path: Path) -> None:
    for plan in (
        Plan(source=tmp_path, out=tmp_path, profile="cps-twif-1mb"),
        Plan(source=tmp_path, out=tmp_path / "out", profile="cps-twif-1mb", recursive=True),
    ):
        with pytest.raises(UsageError):
            Watcher(plan)


def test_stopping_ends_the_work_that_is_under_way(scene: Scene) -> None:
    scene.put("a.avi")
    scene.restart(settle_s=0.0, poll_s=0.1)
    child = Endless({"source": str(scene.source / "a.avi"), "out": str(scene.out)}, Answer())
    scene.watcher = Watcher(
        Plan(source=scene.source, out=scene.out, profile="cps-twif-1mb", settle_s=0.0, poll_s=0.1),
        start=lambda *_: child,
    )
    thread = threading.Thread(target=scene.watcher.run)
    thread.start()
    while not (scene.out / "watch-status.json").exists() or scene.status["state"] != "working":
        assert thread.is_alive()
    scene.watcher.stop()
    thread.join()
    assert child.ended
    assert scene.status["state"] == "stopped"


def test_once_ends_with_the_machines_fault(scene: Scene) -> None:
    scene.put("a.avi")
    scene.answers.append(failed("StorageError", "storage-failed"))
    watcher = scene.restart(settle_s=0.0, poll_s=0.1)
    with pytest.raises(StorageError):
        watcher.run(once=True)
    shutil.rmtree(scene.source)
    with pytest.raises(StorageError):
        scene.restart().run(once=True)


def test_a_bad_file_that_would_fill_the_disk_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a.avi"
    source.write_bytes(b"bad")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 5, 5))
    reason = quarantine.set_aside(source, "a.avi", {"code": "x"}, tmp_path / "q", sha256="0", size=3)
    assert json.loads(reason.read_text())["copy"] is None
    assert [path.name for path in (tmp_path / "q").iterdir()] == [reason.name]


def test_without_a_process_list_the_settling_time_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_PROC", tmp_path / "none")
    (tmp_path / "a.avi").write_bytes(b"x")
    clock = Clock()
    found = Arrivals(tmp_path, settle_s=1.0, recursive=False, clock=clock)
    with (tmp_path / "a.avi").open("ab"):
        assert found.look(lambda *_: False) == ([], 1)
        clock.now += 2
        ready, waiting = found.look(lambda *_: False)
    assert [item.name for item in ready] == ["a.avi"]
    assert waiting == 0

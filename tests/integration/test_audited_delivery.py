"""Deliveries and the audit log: what is written when, and what happens to a delivery that cannot be logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from transcoder import app, pipeline, profile, transcode
from transcoder.audit.base import Facts, NoJournal, Sent
from transcoder.errors import NoAcceptableEncoding, StorageError
from transcoder.model import CaseFields, Override, ignore_progress
from transcoder.request import Request, Services
from transcoder.storage.local import LocalStore


class Memory(NoJournal):
    """Keeps entries in a list; fails at one event, as a full disk does."""

    def __init__(self, fails_at: str = "") -> None:
        self.entries: list[tuple[str, Facts]] = []
        self._fails_at = fails_at

    def record(self, event: str, facts: Facts) -> None:
        if event == self._fails_at:
            raise StorageError("the audit log cannot be written: no space", code="audit-unwritable")
        self.entries.append((event, facts))


def request(source: Path, **changes: Any) -> Request:
    asked = Request(
        source=source, profile=profile.load("cps-twif-1mb"), case=CaseFields(), override=None, progress=ignore_progress
    )
    return replace(asked, **changes)


def wired(out: Path, journal: NoJournal, **changes: Any) -> Services:
    return replace(app.services(out), audit=journal, **changes)


@pytest.mark.parametrize("event", ["apply-begun", "apply-ended"])
def test_what_cannot_be_logged_is_not_delivered(event: str, samples: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        pipeline.transcode(request(samples / "cctv_still.jpg"), wired(tmp_path / "out", Memory(event)))
    assert caught.value.code == "audit-unwritable"
    assert not (tmp_path / "out").exists()


def test_the_end_is_logged_before_anything_is_published(samples: Path, tmp_path: Path) -> None:
    journal = Memory()

    class Watching(LocalStore):
        def publish(self, files: Mapping[str, Path]) -> dict[str, Path]:
            assert [event for event, _ in journal.entries] == ["apply-begun", "apply-ended"]
            raise StorageError("the disk broke")

    services = wired(tmp_path / "out", journal, store=Watching(tmp_path / "out"))
    with pytest.raises(StorageError):
        pipeline.transcode(request(samples / "cctv_still.jpg"), services)
    assert [event for event, _ in journal.entries] == ["apply-begun", "apply-ended", "apply-undone"]
    assert len({facts["job"] for _, facts in journal.entries}) == 1


def test_the_entry_names_the_certificate_the_profile_and_the_override(samples: Path, tmp_path: Path) -> None:
    journal = Memory()
    override = Override(operator="DI 7", reason="needed tonight")
    tight = profile.load("cps-twif-1mb").with_cap(33_000).with_max_parts(1)
    asked = request(samples / "cctv_still.jpg", profile=tight, override=override)
    done = pipeline.transcode(asked, wired(tmp_path / "out", journal))
    assert done.verdict == "degraded"
    facts: Any = journal.entries[-1][1]
    assert facts["delivery"]["certificate_sha256"] == done.file("certificate").sha256
    assert facts["source"]["sha256"] == done.source.sha256
    assert facts["profile"]["sha256"] == tight.sha256
    assert facts["operator"] == "DI 7"
    assert facts["override"] == {"operator": "DI 7", "reason": "needed tonight"}


def test_a_refusal_and_a_bad_source_are_logged_too(samples: Path, tmp_path: Path) -> None:
    tight = profile.load("cps-twif-1mb").with_cap(33_000).with_max_parts(1)
    with pytest.raises(NoAcceptableEncoding):
        transcode(samples / "cctv_still.jpg", profile=tight, out=tmp_path / "out")
    with pytest.raises(Exception, match="no such file"):
        transcode(tmp_path / "none.avi", out=tmp_path / "out")
    outcomes = [(entry["event"], entry.get("outcome")) for entry in app.read_audit()]
    assert outcomes[1:] == [
        ("apply-begun", None), ("apply-ended", "refused"), ("apply-begun", None), ("apply-ended", "failed"),
    ]  # fmt: skip
    ended = list(app.read_audit())[-1]
    assert ended["error"]["code"] == "input-missing"
    assert app.verify_audit().ok


def test_the_same_is_recognised_and_anything_else_is_not(samples: Path, tmp_path: Path) -> None:
    seen: list[Sent] = []

    def deliver(out: str, **options: Any) -> Any:
        return transcode(samples / "cctv_still.jpg", out=tmp_path / out, on_sent=seen.append, **options).already_sent

    assert deliver("one") is None
    assert deliver("other cap", cap_bytes=900_000) is None
    again = deliver("two")
    assert (again["out"], again["times"], again["receipt"]) == (str(tmp_path / "one"), 1, None)
    assert deliver("three")["times"] == 2
    assert [item.out for item in seen] == [str(tmp_path / "one"), str(tmp_path / "two")]
    assert app.verify_audit().ok


def test_entries_are_found_by_hash_and_time(samples: Path, tmp_path: Path) -> None:
    done = transcode(samples / "cctv_still.jpg", out=tmp_path / "out")
    about = list(app.read_audit(source=done.source.sha256[:10]))
    assert [entry["event"] for entry in about] == ["apply-begun", "apply-ended"]
    assert list(app.read_audit(source=done.file("certificate").sha256)) == about[1:]
    assert list(app.read_audit(source="00" * 32)) == []
    assert list(app.read_audit(since="2199-01-01")) == []
    assert len(list(app.read_audit(since="2020-01-01T00:00+01:00"))) == 3

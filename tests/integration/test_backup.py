"""A service backed up while it works, wiped, restored, and served again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.serving import served
from transcoder import backup as keeping
from transcoder import verify
from transcoder.auditing import verify_audit
from transcoder.client import Client
from transcoder.errors import StorageError, UsageError
from transcoder.settings import Settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys of its own: they are wiped too."""
    monkeypatch.setenv("TRANSCODER_KEYS_DIR", str(tmp_path / "keys"))
    monkeypatch.setenv("TRANSCODER_TRUST_DIR", str(tmp_path / "trust"))
    monkeypatch.setenv("TRANSCODER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def stills(samples: Path, folder: Path, number: int) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"still {index}.jpg" for index in range(number)]
    with Image.open(samples / "cctv_still.jpg") as image:
        small = image.reduce(4)
        for path in paths:
            small.save(path, quality=90, comment=path.name)
    return paths


def test_all_is_there_after_a_restore(home: Path, samples: Path, tmp_path: Path) -> None:
    sources = stills(samples, tmp_path / "in", 3)
    with served(home) as service:
        token = service.token()
        with Client(service.url, token) as client:
            first = client.wait(client.submit(sources[0]).id)
            others = [client.submit(path).id for path in sources[1:]]
            kept = keeping.back_up(tmp_path / "kept")
    assert kept.jobs["delivered"] >= 1
    assert sum(kept.jobs.values()) == 3
    for name in ("home", "keys", "trust"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    keeping.restore(tmp_path / "kept")
    with served(home) as service, Client(service.url, token) as client:  # the old token is good
        assert client.job(first.id).files == first.files
        assert [client.wait(job_id).state for job_id in others] == ["delivered"] * 2
        for number, job_id in enumerate([first.id, *others]):
            client.download(job_id, tmp_path / f"got {number}")
            (result,) = verify(tmp_path / f"got {number}", source=sources[number])
            assert result.ok
        assert client.submit(sources[0]).id == first.id
    assert verify_audit().ok


@pytest.fixture
def kept(home: Path, tmp_path: Path) -> Path:
    """A back-up with one delivered, one queued, one running and one job that is to be cancelled; no service runs."""
    from tests.helpers.service import bench, sent

    service = bench(home)
    client = service.client()
    jobs = [sent(client, f"content {number}".encode()).json()["id"] for number in range(4)]
    service.deliver(jobs[0], {"a.certificate.json": b"{}"})
    for job_id in jobs[2:]:
        service.host.ledger.begin(job_id, 1, "somebody")
    service.host.ledger.ask_cancel(jobs[3], "not wanted")
    keeping.back_up(tmp_path / "kept")
    shutil.rmtree(home)
    return tmp_path / "kept"


def states(home: Path) -> dict[str, int]:
    with sqlite3.connect(home / "service" / "jobs.sqlite") as connection:
        return dict(connection.execute("SELECT state, count(*) FROM jobs GROUP BY state"))


def test_unfinished_jobs_wait_again_and_what_was_to_stop_has_stopped(home: Path, kept: Path) -> None:
    keeping.restore(kept)
    assert states(home) == {"delivered": 1, "queued": 2, "cancelled": 1}
    with sqlite3.connect(home / "service" / "jobs.sqlite") as connection:
        rows = connection.execute("SELECT run, enqueued_run FROM jobs WHERE state = 'queued'").fetchall()
    assert rows == [(2, 0), (2, 0)]


def _flip(folder: Path) -> None:
    path = next((folder / "objects").rglob("*.json"))
    path.write_bytes(b"[]")


def _remove(folder: Path) -> None:
    next(path for path in (folder / "objects" / "sources").rglob("*") if path.is_file()).unlink()


def _escape(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder.parent / "evil").write_bytes(b"")
    name = next(iter(manifest["files"]))
    manifest["files"]["objects/../../evil"] = manifest["files"].pop(name) if name != "jobs.sqlite" else {
        "bytes": 0, "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }  # fmt: skip
    (folder / "objects").mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("damage", [_flip, _remove, _escape])
def test_a_damaged_back_up_is_not_restored(home: Path, kept: Path, damage: Callable[[Path], None]) -> None:
    damage(kept)
    with pytest.raises(StorageError) as caught:
        keeping.restore(kept)
    assert caught.value.code == "backup-damaged"
    assert not (home / "service" / "jobs.sqlite").exists()


def test_nothing_is_overwritten(home: Path, kept: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as there:
        keeping.back_up(kept)
    assert there.value.code == "output-exists"
    shutil.rmtree(home)
    keeping.restore(kept)
    before = (home / "service" / "jobs.sqlite").read_bytes()
    with pytest.raises(StorageError) as taken:
        keeping.restore(kept)
    assert taken.value.code == "output-exists"
    assert (home / "service" / "jobs.sqlite").read_bytes() == before


def test_what_a_job_names_must_be_there(home: Path, tmp_path: Path) -> None:
    from tests.helpers.service import bench, sent

    service = bench(home)
    sent(service.client())
    shutil.rmtree(home / "service" / "objects" / "sources")
    with pytest.raises(StorageError):
        keeping.back_up(tmp_path / "kept")
    assert not list(tmp_path.glob("*kept*"))
    assert not list(tmp_path.glob(".kept*"))


def test_what_is_kept_elsewhere_or_is_no_back_up_is_said(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError) as caught:
        keeping.restore(tmp_path)
    assert caught.value.code == "not-a-backup"
    monkeypatch.setenv("TRANSCODER_STORAGE", "memory://bucket/prefix")
    with pytest.raises(UsageError) as elsewhere:
        keeping.back_up(tmp_path / "kept")
    assert elsewhere.value.code == "backup-elsewhere"


def test_private_keys_stay_private(home: Path, tmp_path: Path) -> None:
    from tests.helpers.service import bench
    from transcoder.app import key_status

    bench(home)
    key_status()
    keeping.back_up(tmp_path / "kept")
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    keys = Settings.from_environment().keys_dir
    for path in keys.iterdir():
        if path.name != "lock":
            assert (tmp_path / "kept" / "keys" / path.name).stat().st_mode & 0o777 == path.stat().st_mode & 0o777

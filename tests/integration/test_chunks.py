"""A video in parts whose process is killed: the next one goes on, and another host makes parts of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.helpers.jobs import submission
from transcoder import app, verify
from transcoder.jobs import chunks as jobs_chunks
from transcoder.jobs.chunks import MOST_HELPED, JobChunks
from transcoder.jobs.database import connect
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.objects import FolderObjects
from transcoder.jobs.tables import chunks as table
from transcoder.jobs.tables import jobs
from transcoder.model import Progress
from transcoder.parts.chunks import KIT, State, name_of

CAP = 60_000
RUN = """
import sys
from pathlib import Path
from transcoder import app
from transcoder.jobs.chunks import JobChunks
from transcoder.jobs.database import open_engine
from transcoder.jobs.objects import FolderObjects
database, objects, source, out = sys.argv[1:]
store = JobChunks(open_engine(database), FolderObjects(Path(objects)), job_id="job_t", worker="w", attempt=1)
app.transcode(source, out=out, cap_bytes=60_000, chunks=store)
"""


@pytest.fixture
def place(tmp_path: Path, keys_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRANSCODER_KEYS_DIR", str(keys_folder))
    monkeypatch.setenv("TRANSCODER_AUDIT", "off")
    connect(f"sqlite:///{tmp_path}/jobs.sqlite").dispose()
    return tmp_path


def store_of(place: Path, attempt: int, worker: str = "w") -> JobChunks:
    engine = connect(f"sqlite:///{place}/jobs.sqlite")
    return JobChunks(engine, FolderObjects(place / "objects"), job_id="job_t", worker=worker, attempt=attempt)


def killed_after_parts(place: Path, source: Path, parts: int) -> None:
    """Begin, and die by SIGKILL as soon as so many parts are there, and known to be: the record follows the file."""
    arguments = [f"sqlite:///{place}/jobs.sqlite", str(place / "objects"), str(source), str(place / "first")]
    store = store_of(place, attempt=1)
    process = subprocess.Popen([sys.executable, "-c", RUN, *arguments])
    try:
        for _ in range(1200):
            if len(store.done()) > parts:  # the kit is one more
                break
            assert process.poll() is None, "it was to be killed before it ends"
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def test_a_killed_job_goes_on_at_the_part_it_was_at(place: Path, samples: Path) -> None:
    source = samples / "cctv_day.avi"
    killed_after_parts(place, source, parts=1)
    assert not list((place / "first").glob("*.certificate.json"))
    store = store_of(place, attempt=2)
    before = set(store.done())
    assert KIT in before
    phases: set[str] = set()

    def seen(event: Progress) -> None:
        phases.add(event.phase)

    delivery = app.transcode(source, out=place / "second", cap_bytes=CAP, chunks=store, progress=seen)
    assert delivery.rung == "split"
    assert "find" not in phases, "regions were not looked for again"
    assert sum(part["frames"] for part in delivery.statement["predicate"]["parts"]) == 100  # type: ignore[index]
    assert all(item.ok for item in verify(place / "second"))
    again = verify(place / "second", source=source)
    assert all(item.ok for item in again), "measured again, the scores are those of the certificate"
    assert before <= set(store.done())


def test_another_host_makes_a_part_and_the_job_takes_it(place: Path, samples: Path, tmp_path: Path) -> None:
    source = samples / "cctv_day.avi"
    killed_after_parts(place, source, parts=1)
    store = store_of(place, attempt=2)
    made = [name for name in store.done() if name != KIT]
    assert made
    again = place / "objects" / "chunks" / "job_t" / made[0]
    kit = tmp_path / "kit"
    store.fetch(KIT, kit)
    app.make_chunk(source, kit, made[0], out=tmp_path / "chunk")
    # The other host's part replaces the one that was made here: the delivery must be as good with it.
    again.write_bytes((tmp_path / "chunk").read_bytes())
    delivery = app.transcode(source, out=place / "second", cap_bytes=CAP, chunks=store)
    assert all(item.ok for item in verify(place / "second", source=source))
    assert delivery.rung == "split"


def test_claims_are_one_workers_each_and_lapse(place: Path) -> None:
    store = store_of(place, attempt=1)
    engine, name = connect(f"sqlite:///{place}/jobs.sqlite"), name_of(range(0, 50))
    assert store.offer(name) is State.OPEN
    assert jobs_chunks.find(engine, "other") is None, "no running job offers it"
    assert store.claim(name)
    assert not store_of(place, attempt=1, worker="x").claim(name)
    assert store.offer(name) is State.BUSY
    store_of(place, attempt=2).begin()
    assert store.offer(name) is State.OPEN, "the claims of an attempt end with it"


@pytest.mark.parametrize("ending", ["its process died", "it was killed"])
def test_a_part_that_ends_its_helpers_is_left_to_its_own_job(place: Path, ending: str) -> None:
    store, engine, name = store_of(place, attempt=1), connect(f"sqlite:///{place}/jobs.sqlite"), name_of(range(0, 50))
    Ledger(engine).submit(submission())
    with engine.begin() as connection:
        connection.execute(sa.update(jobs).values(id="job_t", state="running", worker="w"))
    helpers = [f"helper {number}" for number in range(5)] * 3
    tried = []
    for helper in helpers:
        assert store.offer(name) is State.OPEN
        if (found := jobs_chunks.find(engine, helper)) is None:
            continue
        tried.append(found)
        assert store.offer(name) is State.BUSY
        if ending == "its process died":
            jobs_chunks.drop(engine, *found, helper)
            continue
        with engine.begin() as connection:  # its claim lapses
            connection.execute(sa.update(table).where(table.c.name == name).values(claimed=0.0))
    assert tried == [("job_t", name)] * MOST_HELPED
    assert store_of(place, attempt=2).claim(name), "the job itself makes it, or says why not"


def test_chunks_of_a_job_that_is_over_are_removed(place: Path, tmp_path: Path) -> None:
    store, objects = store_of(place, attempt=1), FolderObjects(place / "objects")
    (tmp_path / "kit").write_bytes(b"kit")
    store.keep(KIT, tmp_path / "kit")
    assert objects.list("chunks/job_t")
    jobs_chunks.forget(connect(f"sqlite:///{place}/jobs.sqlite"), objects, "job_t")
    assert not objects.list("chunks/job_t")
    assert store.done() == []

"""What is too old goes, and nothing else: on each database, with several workers, and when one dies over it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.helpers.jobs import submission
from transcoder.audit.base import NoJournal
from transcoder.errors import StorageError, UsageError
from transcoder.jobs import database, retention, sources
from transcoder.jobs.base import Job, JobState, Outcome
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.dispatch import Dispatcher
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.objects import FolderObjects
from transcoder.jobs.retention import Retention
from transcoder.jobs.submitting import Desk
from transcoder.jobs.tables import jobs, removed
from transcoder.jobs.tables import sources as places

DAY_S = 86_400.0


class Told(NoJournal):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, dict[str, Any]]] = []

    def record(self, event: str, facts: Any) -> None:
        self.entries.append((event, dict(facts)))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [facts for name, facts in self.entries if name == event]


class Archive:
    """A list of jobs with its storage, and jobs of any age in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.ledger, self.objects = Ledger(database.connect(url)), FolderObjects(folder / "objects")
        config = JobsConfig(database_url=url, engine_url=url, storage=str(folder / "objects"), work=folder / "work")
        self.desk = Desk(config, self.ledger, self.objects, Dispatcher(config, self.ledger))
        self.told, self._folder = Told(), folder
        self.runs: list[tuple[str, int]] = []

    def hand_in(self, content: bytes, **more: Any) -> Job:
        file = self._folder / hashlib.sha256(content).hexdigest()
        file.write_bytes(content)
        source = self.desk.keep(file, name="a.avi", sha256=hashlib.sha256(content).hexdigest())
        return self.ledger.submit(replace(submission(**more), source=source))[0]

    def deliver(self, job: Job, outcome: Outcome | None = None) -> Job:
        mine = self.ledger.begin(job.id, job.run, "w")
        assert mine is not None
        place = f"deliveries/{job.id}/{mine.attempt}"
        self.objects.put(f"{place}/a.mp4", self._any_file())
        file = {"name": "a.mp4", "role": "media", "bytes": 4, "sha256": "0" * 64}
        made = Outcome(state=JobState.DELIVERED, verdict="meets-floor", delivery=place, files=(file,))
        assert self.ledger.end(mine, outcome or made)
        return mine

    def _any_file(self) -> Path:
        file = self._folder / "made"
        file.write_bytes(b"made")
        return file

    def age(self, days: float, *aged: Job) -> None:
        """As if so many days had passed for these jobs and for all sources."""
        with self.ledger.engine.begin() as connection:
            for job in aged:
                old = {"ended": jobs.c.ended - days * DAY_S, "created": jobs.c.created - days * DAY_S}
                connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(**old))
            connection.execute(sa.update(places).values(touched=places.c.touched - days * DAY_S))

    def retention(self, worker: str = "w", *, grace_s: float = sources.GRACE_S, **other: Any) -> Retention:
        given = {"objects": self.objects, "journal": self.told, **other}
        return Retention(
            self.ledger.engine, **given, after_s=30 * DAY_S, worker=worker, grace_s=grace_s,
            forget_runs=lambda job_id, runs: self.runs.append((job_id, runs)),
        )  # fmt: skip

    def lapse(self) -> None:
        """As if whoever began to remove something had been silent for long."""
        with self.ledger.engine.begin() as connection:
            for table in (removed, places):
                connection.execute(sa.update(table).values(claimed=table.c.claimed - 1000.0))

    def files(self) -> list[str]:
        return [*self.objects.list("sources"), *self.objects.list("deliveries"), *self.objects.list("chunks")]


@pytest.fixture(params=["sqlite", "postgres"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    if request.param == "sqlite":
        made = Archive(f"sqlite:///{tmp_path / 'jobs.sqlite'}", tmp_path)
        yield made
        made.ledger.engine.dispose()
        return
    server = request.getfixturevalue("postgres")
    url = server.database()
    made = Archive(url, tmp_path)
    yield made
    made.ledger.engine.dispose()
    server.drop(url)


def test_an_old_job_goes_with_its_files_and_is_told_of_before(archive: Archive) -> None:
    job = archive.deliver(archive.hand_in(b"old"))
    archive.age(31, job)
    archive.retention().run()
    assert archive.ledger.get(job.id) is None
    assert archive.files() == []
    assert archive.runs == [(job.id, 1)]
    (told,) = archive.told.of("job-removed")
    assert (told["job"], told["state"], told["source"]) == (job.id, "delivered", {"sha256": job.source.sha256})
    assert told["files"] == [{"role": "media", "bytes": 4, "sha256": "0" * 64}]
    (source,) = archive.told.of("source-removed")
    assert source["source"] == {"sha256": job.source.sha256}
    gone = retention.find(archive.ledger.engine, job.id)
    assert gone is not None
    assert gone.removed - gone.ended > 30 * DAY_S
    archive.retention().run()
    assert len(archive.told.entries) == 2


@pytest.mark.parametrize("state", [JobState.REFUSED, JobState.FAILED, JobState.CANCELLED])
def test_however_it_ended(archive: Archive, state: JobState) -> None:
    job = archive.hand_in(b"x")
    archive.deliver(job, Outcome(state=state, error={"code": "x", "message": "so"}))
    archive.age(31, job)
    archive.retention().run()
    assert (archive.ledger.get(job.id), archive.files()[:1]) == (None, [])


def test_what_is_young_waits_works_or_is_held_stays(archive: Archive) -> None:
    waits, works, held = (archive.hand_in(name) for name in (b"waits", b"works", b"held"))
    assert archive.ledger.begin(works.id, works.run, "w") is not None
    archive.deliver(held)
    archive.ledger.hold(held.id, "appeal")
    archive.age(400, waits, works, held)
    young = archive.deliver(archive.hand_in(b"young"))
    archive.age(29, young)
    before = archive.files()
    archive.retention().run()
    assert all(archive.ledger.get(job.id) is not None for job in (waits, works, held, young))
    assert (archive.files(), archive.told.entries) == (before, [])
    archive.ledger.hold(held.id, None)
    archive.retention().run()
    assert archive.ledger.get(held.id) is None


def test_a_source_goes_with_the_last_job_that_names_it(archive: Archive) -> None:
    first = archive.deliver(archive.hand_in(b"shared"))
    second = archive.hand_in(b"shared", exhibit="another")
    assert first.source.place == second.source.place
    archive.age(31, first)
    archive.retention().run()
    assert archive.ledger.get(first.id) is None
    assert archive.files() == [second.source.place]
    archive.deliver(second)
    archive.age(31, second)
    archive.retention().run()
    assert archive.files() == []


def test_a_source_that_came_before_sources_were_listed_goes_too(archive: Archive) -> None:
    job = archive.deliver(archive.hand_in(b"early"))
    archive.age(31, job)
    with archive.ledger.engine.begin() as connection:
        connection.execute(sa.delete(places))
    archive.retention().run()
    assert archive.files() == []


def test_what_just_arrived_is_kept_for_the_job_that_will_name_it(archive: Archive) -> None:
    job = archive.deliver(archive.hand_in(b"again"))
    archive.age(31, job)
    file = archive._folder / "again"
    file.write_bytes(b"again")
    source = archive.desk.keep(file, name="a.avi", sha256=job.source.sha256)
    archive.retention().run()
    assert archive.ledger.get(job.id) is None
    assert archive.files() == [source.place]
    new, is_new = archive.ledger.submit(replace(submission(), source=source))
    assert is_new
    assert new.id != job.id


def test_a_place_that_was_given_up_is_never_used_again(archive: Archive) -> None:
    """The one who removes it may have stood still for hours, and take away then what has that name."""
    job = archive.deliver(archive.hand_in(b"comes back"))
    archive.age(31, job)
    archive.retention().run()
    again = archive.hand_in(b"comes back")
    assert again.source.place == f"{job.source.place}.1"
    archive.objects.remove(job.source.place)
    assert archive.files() == [again.source.place]
    with pytest.raises(UsageError) as refused:
        archive.ledger.submit(replace(submission("z"), source=job.source))
    assert refused.value.code == "source-removed"


class _Broken:
    """Storage or log that fails at one of its calls, as when the process dies there."""

    def __init__(self, real: Any, method: str, at: int) -> None:
        self._real, self._method, self._left = real, method, at

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name != self._method:
            return found

        def call(*given: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise StorageError("away", code="storage-failed")
            return found(*given)

        return call


@pytest.mark.parametrize(("what", "at"), [("journal", 0), ("journal", 1), *(("objects", at) for at in range(3))])
def test_another_worker_goes_on_where_one_died(archive: Archive, what: str, at: int) -> None:
    job, stays = archive.deliver(archive.hand_in(b"goes")), archive.deliver(archive.hand_in(b"stays"))
    archive.age(31, job)
    before = archive.files()
    broken: dict[str, Any] = {
        "journal": _Broken(archive.told, "record", at),
        "objects": _Broken(archive.objects, "remove", at),
    }
    with pytest.raises(StorageError):
        archive.retention("w1", **{what: broken[what]}).run()
    if (what, at) == ("journal", 0):
        assert archive.files() == before  # nothing is removed that could not be told of
    assert archive.ledger.get(job.id) is None
    archive.lapse()
    archive.retention("w2").run()
    assert sorted(archive.files()) == sorted([*archive.objects.list(f"deliveries/{stays.id}"), stays.source.place])
    assert [facts["job"] for facts in archive.told.of("job-removed")] == [job.id]
    assert len(archive.told.of("source-removed")) == 1


def _together(*tasks: Callable[[], None]) -> None:
    start = threading.Barrier(len(tasks))

    def begin(task: Callable[[], None]) -> None:
        start.wait()
        task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        for done in [pool.submit(begin, task) for task in tasks]:
            done.result()


def test_four_workers_at_once_remove_each_job_once(archive: Archive) -> None:
    old: Sequence[Job] = [archive.deliver(archive.hand_in(b"%d" % number)) for number in range(6)]
    archive.age(31, *old)
    _together(*(archive.retention(f"w{number}").run for number in range(4)))
    archive.retention().run()
    assert archive.files() == []
    assert sorted(facts["job"] for facts in archive.told.of("job-removed")) == sorted(job.id for job in old)
    assert len(archive.told.of("source-removed")) == 6


def test_what_is_handed_in_while_it_is_being_removed_is_there_for_its_job(archive: Archive) -> None:
    """Without any grace, so that every step of the one may meet every step of the other."""
    made: list[Job] = []

    def hand_in() -> None:
        for number in range(8):
            while True:
                try:
                    job = archive.hand_in(b"wanted", exhibit=str(number % 5))
                except UsageError as refused:
                    assert refused.code == "source-removed"
                    continue
                break
            if archive.ledger.begin(job.id, job.run, "w") is not None:
                assert archive.objects.bytes_of(job.source.place) == 6
                made.append(job)
            now = archive.ledger.get(job.id)
            if now is not None and now.state is JobState.RUNNING:
                archive.ledger.end(now, Outcome(state=JobState.DELIVERED))
                archive.age(31, now)

    def remove() -> None:
        for _ in range(8):
            archive.retention(grace_s=-60.0).run()

    _together(hand_in, remove)
    assert len(made) > 1
    archive.lapse()
    archive.retention(grace_s=-60.0).run()
    assert archive.files() == []


def test_a_file_whose_place_was_given_up_while_it_arrived_goes_to_another_one(archive: Archive) -> None:
    put = archive.objects.put
    places_put: list[str] = []

    def slow(name: str, file: Path) -> None:
        places_put.append(name)
        if len(places_put) == 1:  # longer than the grace: nobody has named the place by then
            archive.age(1)
            archive.retention().run()
        put(name, file)

    archive.objects.put = slow  # type: ignore[method-assign]
    job = archive.hand_in(b"slow")
    assert len(places_put) == 2
    assert archive.files() == [job.source.place] == places_put[1:]

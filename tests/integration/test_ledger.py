"""The list of jobs, on each database that it may be in: what is promised must hold on both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.helpers.jobs import submission
from transcoder.errors import StorageError, UsageError
from transcoder.jobs import database
from transcoder.jobs.base import ENDED, Job, JobState, Outcome
from transcoder.jobs.ledger import Ledger, cancelled
from transcoder.jobs.records import Filter
from transcoder.jobs.tables import jobs as table

DELIVERED = Outcome(
    state=JobState.DELIVERED, verdict="meets floor", delivery="deliveries/x/1",
    files=({"name": "a.mp4", "role": "media", "bytes": 9, "sha256": "0" * 64},), result={"verdict": "meets floor"},
)  # fmt: skip
FAILED = Outcome(state=JobState.FAILED, error={"code": "x", "message": "so"})
REFUSED = Outcome(state=JobState.REFUSED, verdict="refused", error={"code": "cap-unreachable", "message": "so"})


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.sqlite'}"
        return
    server = request.getfixturevalue("postgres")
    address = server.database()
    yield address
    server.drop(address)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    engine = database.connect(url)
    yield Ledger(engine)
    engine.dispose()


def begun(ledger: Ledger, content: str = "a", worker: str = "w1") -> Job:
    job, _ = ledger.submit(submission(content))
    mine = ledger.begin(job.id, job.run, worker)
    assert mine is not None
    return mine


def now(ledger: Ledger, job: Job) -> Job:
    found = ledger.get(job.id)
    assert found is not None
    return found


def test_what_is_submitted_reads_back_as_it_was_given(ledger: Ledger) -> None:
    asked = submission("a", name="Kamera é.avi", deadline=2e9, urn="01AB/1", from_s="1/3")
    job, new = ledger.submit(asked)
    assert new
    assert ledger.get(job.id) == job
    assert (job.source, job.options, job.deadline) == (asked.source, asked.options, 2e9)
    assert (job.state, job.run, job.attempt, job.revision, job.ended) == (JobState.QUEUED, 1, 0, 1, None)
    assert ledger.get("job_unknown") is None


def test_forty_concurrent_submits_of_the_same_are_one_job(ledger: Ledger) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ledger.submit(submission("same")), range(40)))
    assert len({job.id for job, _ in answers}) == 1
    assert sum(new for _, new in answers) == 1


def test_forty_concurrent_submits_of_a_failed_job_run_it_once_more_and_not_forty_times(ledger: Ledger) -> None:
    assert ledger.end(begun(ledger, "same"), FAILED)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ledger.submit(submission("same")), range(40)))
    assert sum(new for _, new in answers) == 1
    assert {job.run for job, _ in answers} == {2}


def test_other_content_other_options_or_another_name_is_another_job(ledger: Ledger) -> None:
    asked = [submission("a"), submission("b"), submission("a", urn="1"), submission("a", name="b.avi")]
    assert len({ledger.submit(item)[0].id for item in asked}) == 4


def test_an_own_key_is_one_job_for_its_owner_and_never_stands_for_two_things(ledger: Ledger) -> None:
    first, _ = ledger.submit(submission("a", key="k"))
    again, new = ledger.submit(submission("a", key="k"))
    assert (again.id, new) == (first.id, False)
    assert ledger.submit(submission("a", key="k", owner="tok_2"))[0].id != first.id
    with pytest.raises(UsageError) as refused:
        ledger.submit(submission("b", key="k"))
    assert refused.value.code == "idempotency-conflict"


def test_the_same_content_again_runs_what_failed_and_leaves_what_was_delivered(ledger: Ledger) -> None:
    assert ledger.end(begun(ledger, "good"), DELIVERED)
    assert ledger.end(begun(ledger, "bad"), FAILED)
    good, new_good = ledger.submit(submission("good"))
    bad, new_bad = ledger.submit(submission("bad", place="sources/elsewhere"))
    assert (good.state, new_good) == (JobState.DELIVERED, False)
    assert (bad.state, new_bad, bad.run, bad.error) == (JobState.QUEUED, True, 2, None)
    assert bad.source.place == "sources/elsewhere"  # where it lies now, and not where it lay


def test_a_key_of_its_own_does_not_run_anything_again(ledger: Ledger) -> None:
    job, _ = ledger.submit(submission("a", key="k"))
    mine = ledger.begin(job.id, job.run, "w")
    assert mine is not None and ledger.end(mine, FAILED)
    again, new = ledger.submit(submission("a", key="k"))
    assert (again.state, new) == (JobState.FAILED, False)


def test_a_worker_that_lost_its_job_can_change_nothing_about_it(ledger: Ledger) -> None:
    old = begun(ledger)
    new = ledger.begin(old.id, old.run, "w2")
    assert new is not None and (new.attempt, new.tries, new.worker) == (2, 2, "w2")
    before = now(ledger, old)
    assert not ledger.holds(old)
    assert not ledger.progress(old, "encode", 50.0, ["late"])
    assert not ledger.give_back(old, "late")
    assert not ledger.end(old, DELIVERED)
    assert now(ledger, old) == before
    assert ledger.holds(new) and ledger.end(new, DELIVERED)


def test_a_result_counts_once(ledger: Ledger) -> None:
    job = begun(ledger)
    assert ledger.end(job, DELIVERED)
    assert not ledger.end(job, FAILED)
    ended = now(ledger, job)
    assert (ended.state, ended.delivery, ended.files, ended.percent) == (
        JobState.DELIVERED, "deliveries/x/1", DELIVERED.files, 100.0,
    )  # fmt: skip
    assert ended.ended is not None and ended.worker is None


def test_of_many_that_end_it_at_once_one_does(ledger: Ledger) -> None:
    job = begun(ledger)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: ledger.end(job, DELIVERED), range(16))) == 1


def test_what_has_ended_does_not_begin(ledger: Ledger) -> None:
    for number, outcome in enumerate((DELIVERED, FAILED, REFUSED)):
        job = begun(ledger, str(number))
        assert ledger.end(job, outcome)
        assert ledger.begin(job.id, job.run, "w2") is None
    assert ledger.begin("job_unknown", 1, "w") is None


def test_a_run_that_is_not_the_jobs_any_more_does_not_begin(ledger: Ledger) -> None:
    job = begun(ledger)
    assert ledger.end(job, FAILED)
    again = ledger.run_again(job.id)
    assert ledger.begin(job.id, job.run, "w") is None
    assert ledger.begin(job.id, again.run, "w") is not None


def test_what_waits_is_cancelled_at_once(ledger: Ledger) -> None:
    job, _ = ledger.submit(submission())
    ended = ledger.ask_cancel(job.id, "not needed")
    assert ended is not None and ended.state == JobState.CANCELLED and ended.ended is not None
    assert ended.error is not None and ended.error["message"] == "not needed"
    assert ledger.begin(job.id, job.run, "w") is None


def test_what_runs_is_cancelled_by_its_worker_and_by_the_first_reason(ledger: Ledger) -> None:
    job = begun(ledger)
    asked = ledger.ask_cancel(job.id, "first")
    ledger.ask_cancel(job.id, "second")
    assert asked is not None and asked.state == JobState.RUNNING
    assert not ledger.holds(job)
    assert not ledger.progress(job, "encode", 1.0, [])
    assert ledger.end(job, cancelled(now(ledger, job)))
    ended = now(ledger, job)
    assert ended.state == JobState.CANCELLED and ended.error is not None and ended.error["message"] == "first"


def test_a_cancelled_job_whose_worker_died_ends_when_another_takes_it_up(ledger: Ledger) -> None:
    job = begun(ledger)
    ledger.ask_cancel(job.id, "not needed")
    assert ledger.begin(job.id, job.run, "w2") is None
    assert now(ledger, job).state == JobState.CANCELLED


def test_between_two_attempts_a_job_waits_and_is_cancelled_like_any_that_waits(ledger: Ledger) -> None:
    job = begun(ledger)
    assert ledger.give_back(job, "to be tried again")
    ended = ledger.ask_cancel(job.id, "enough")
    assert ended is not None and ended.state == JobState.CANCELLED


@pytest.mark.parametrize("outcome", [DELIVERED, FAILED, REFUSED], ids=lambda item: str(item.state))
def test_cancelling_what_ended_changes_nothing(ledger: Ledger, outcome: Outcome) -> None:
    job = begun(ledger)
    assert ledger.end(job, outcome)
    before = now(ledger, job)
    assert ledger.ask_cancel(job.id, "late") == before
    assert ledger.ask_cancel("job_unknown", "why") is None


def test_handing_back_counts_as_a_try_only_where_it_was_the_jobs_fault(ledger: Ledger) -> None:
    job = begun(ledger)
    assert ledger.give_back(job, "handed back", tried=False)
    waiting = now(ledger, job)
    assert (waiting.state, waiting.tries, waiting.attempt, waiting.worker) == (JobState.QUEUED, 0, 1, None)
    second = ledger.begin(job.id, job.run, "w2")
    assert second is not None and ledger.give_back(second, "to be tried again")
    assert now(ledger, job).tries == 1


@pytest.mark.parametrize("outcome", [FAILED, REFUSED], ids=lambda item: str(item.state))
def test_what_ended_without_a_delivery_runs_again_with_a_clean_record(ledger: Ledger, outcome: Outcome) -> None:
    job = begun(ledger)
    assert ledger.progress(job, "encode", 10.0, ["careful"])
    assert ledger.end(job, outcome)
    again = ledger.run_again(job.id)
    assert (again.state, again.run, again.tries, again.error, again.warnings) == (JobState.QUEUED, 2, 0, None, ())
    assert (again.started, again.ended, again.delivery, again.verdict) == (None, None, None, None)
    assert again.attempt == job.attempt  # numbers of attempts are never used twice: objects are named after them


@pytest.mark.parametrize("state", ["queued", "running", "delivered", "unknown"])
def test_what_waits_works_or_was_delivered_does_not_run_again(ledger: Ledger, state: str) -> None:
    job, _ = ledger.submit(submission())
    if state != "queued":
        mine = ledger.begin(job.id, job.run, "w")
        assert mine is not None
        if state == "delivered":
            assert ledger.end(mine, DELIVERED)
    with pytest.raises(UsageError) as refused:
        ledger.run_again("job_unknown" if state == "unknown" else job.id)
    assert refused.value.code == "not-retryable"
    assert state in str(refused.value)


def test_progress_keeps_what_others_warned_of(ledger: Ledger) -> None:
    job = begun(ledger)
    assert ledger.warn(job.id, "late")
    assert ledger.progress(job, "encode", 40.0, ["loud"])
    assert ledger.progress(job, "encode", 41.0, ["loud", "new"])
    running = now(ledger, job)
    assert (running.phase, running.percent, running.warnings) == ("encode", 41.0, ("late", "loud", "new"))
    assert running.revision > job.revision


def test_a_warning_is_given_once(ledger: Ledger) -> None:
    job, _ = ledger.submit(submission())
    assert ledger.warn(job.id, "at risk: 5 min", once="at risk")
    assert not ledger.warn(job.id, "at risk: 6 min", once="at risk")
    assert not ledger.warn(job.id, "at risk: 5 min")
    assert not ledger.warn("job_unknown", "x")
    assert now(ledger, job).warnings == ("at risk: 5 min",)
    ledger.ask_cancel(job.id, "enough")
    assert not ledger.warn(job.id, "too late to warn")


def test_the_engine_is_told_of_what_it_does_not_know_and_of_nothing_else(ledger: Ledger) -> None:
    job, _ = ledger.submit(submission("a"))
    known, _ = ledger.submit(submission("b"))
    ledger.enqueued(known)
    assert [item.id for item in ledger.unqueued(older_than_s=-1)] == [job.id]
    assert ledger.unqueued(older_than_s=3600) == []
    assert [item.id for item in ledger.under_way()] == [known.id]
    ledger.enqueued(job)
    assert ledger.unqueued(older_than_s=-1) == []
    mine = ledger.begin(job.id, job.run, "w")
    assert mine is not None and ledger.end(mine, FAILED)
    again = ledger.run_again(job.id)
    ledger.enqueued(job)  # of the run before: the engine knows nothing of this one
    assert [item.run for item in ledger.unqueued(older_than_s=-1)] == [again.run]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_the_engine_lost_runs_once_more_and_counts_as_tried(ledger: Ledger, state: str) -> None:
    job, _ = ledger.submit(submission())
    if state == "running":
        assert ledger.begin(job.id, job.run, "w") is not None
    job = now(ledger, job)
    again = ledger.requeue(job)
    assert again is not None
    assert (again.state, again.run, again.tries, again.worker) == (JobState.QUEUED, 2, 1, None)
    assert ledger.requeue(job) is None  # somebody did it already


def test_giving_up_needs_that_nothing_changed_meanwhile(ledger: Ledger) -> None:
    job = begun(ledger)
    assert ledger.progress(job, "encode", 5.0, [])
    assert not ledger.give_up(job, {"code": "engine-lost"})
    assert ledger.give_up(now(ledger, job), {"code": "engine-lost"})
    assert now(ledger, job).state == JobState.FAILED
    assert not ledger.end(job, DELIVERED)


def test_lists_filter_by_every_field_and_never_show_other_cases(ledger: Ledger) -> None:
    ledger.submit(submission("a", urn="01/1", name="yard.avi"))
    ledger.submit(submission("b", urn="01/2", name="door_100%.avi"))
    ledger.submit(submission("c", name="Yard2.avi"))
    failed = begun(ledger, "d")
    ledger.end(failed, FAILED)

    def names(wanted: Filter) -> set[str]:
        return {job.source.name for job in ledger.list(wanted, limit=10)}

    assert names(Filter()) == {"yard.avi", "door_100%.avi", "Yard2.avi", "a.avi"}
    assert names(Filter(case="01/1")) == {"yard.avi"}
    assert names(Filter(cases=["01/1", "01/2"])) == {"yard.avi", "door_100%.avi"}
    assert names(Filter(cases=["01/1"], case="01/2")) == set()
    assert names(Filter(cases=[])) == set()
    assert names(Filter(states=[JobState.FAILED])) == {"a.avi"}
    assert names(Filter(name="YARD")) == {"yard.avi", "Yard2.avi"}
    assert names(Filter(name="%")) == {"door_100%.avi"}
    assert names(Filter(verdict="refused")) == set()
    counts = ledger.counts()
    assert (counts[JobState.QUEUED], counts[JobState.FAILED], counts[JobState.RUNNING]) == (3, 1, 0)
    assert ledger.counts(Filter(cases=["01/1"]))[JobState.QUEUED] == 1


def test_pages_cover_the_list_once_each_also_where_moments_are_equal(ledger: Ledger) -> None:
    for number in range(7):
        ledger.submit(submission(str(number)))
    with ledger.engine.begin() as connection:
        connection.execute(sa.update(table).values(created=1000.0))
    seen: list[str] = []
    before: tuple[float, str] | None = None
    while page := ledger.list(Filter(), limit=3, before=before):
        seen += [job.id for job in page]
        before = page[-1].created, page[-1].id
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)


def test_one_damaged_record_does_not_hide_the_others_from_the_engine(ledger: Ledger) -> None:
    bad, _ = ledger.submit(submission("a"))
    good, _ = ledger.submit(submission("b"))
    with ledger.engine.begin() as connection:
        connection.execute(sa.update(table).where(table.c.id == bad.id).values(options='{"nonsense": 1}'))
    assert [job.id for job in ledger.unqueued(older_than_s=-1)] == [good.id]
    with pytest.raises(StorageError) as unreadable:
        ledger.get(bad.id)
    assert unreadable.value.code == "job-unreadable"


def test_states_never_leave_an_end_by_themselves(ledger: Ledger) -> None:
    """Every change there is, tried on every ended state."""
    changes: list[Callable[[Job], object]] = [
        lambda job: ledger.begin(job.id, job.run, "w2"),
        lambda job: ledger.give_back(job, "x"),
        lambda job: ledger.progress(job, "x", 1.0, []),
        lambda job: ledger.ask_cancel(job.id, "x"),
        lambda job: ledger.end(job, DELIVERED),
        lambda job: ledger.warn(job.id, "x"),
    ]
    for outcome in (DELIVERED, FAILED, REFUSED, Outcome(state=JobState.CANCELLED, error={"code": "cancelled"})):
        job = begun(ledger, f"content {outcome.state}")
        assert ledger.end(job, outcome)
        before = now(ledger, job)
        assert before.state in ENDED
        for change in changes:
            change(job)
            assert now(ledger, job) == before


def test_an_older_store_is_given_the_columns_that_it_lacks(url: str) -> None:
    engine = database.connect(url)
    job, _ = Ledger(engine).submit(submission("a", urn="01/1"))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX jobs_by_case"))
        connection.execute(sa.text("ALTER TABLE jobs DROP COLUMN timeout_s"))
        connection.execute(sa.text("ALTER TABLE jobs DROP COLUMN result"))
        connection.execute(sa.text("DROP TABLE workers"))
    engine.dispose()
    engine = database.connect(url)
    opened = Ledger(engine).get(job.id)
    assert opened is not None and opened.timeout_s is None and opened.source == job.source
    with engine.connect() as connection:
        assert "workers" in sa.inspect(connection).get_table_names()
    engine.dispose()


def test_many_programs_that_start_at_once_make_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        engines = list(pool.map(lambda _: database.connect(url), range(6)))
    job, _ = Ledger(engines[0]).submit(submission())
    assert all(Ledger(engine).get(job.id) == job for engine in engines)
    for engine in engines:
        engine.dispose()


def test_moments_are_the_databases_own(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose clock is wrong writes the same moments as the others."""
    first = begun(ledger, "a")
    monkeypatch.setattr("time.time", lambda: 0.0)
    second = begun(ledger, "b")
    assert first.started is not None and second.started is not None
    assert 0 <= second.created - first.created < 3600
    assert 0 <= second.started - first.started < 3600


@pytest.mark.parametrize("wrong", ["nonsense", "mysql://a:b@c/d", "sqlite://"])
def test_an_address_of_no_use_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(UsageError) as refused:
        database.connect(wrong)
    assert refused.value.where == "TRANSCODER_DATABASE_URL"
    json.dumps(refused.value.diagnostics())


def test_a_server_that_is_not_there_is_one_line_without_its_password() -> None:
    with pytest.raises(StorageError) as refused:
        database.connect("postgresql://someone:secret@127.0.0.1:1/none")
    assert refused.value.code == "database-unreachable"
    assert "secret" not in str(refused.value) and "\n" not in str(refused.value)

"""What a job still needs, and when that is too much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transcoder.jobs.base import Job, JobState, Options, Priority, Source
from transcoder.jobs.risk import needed, pace, reason

NOW = 1_800_000_000.0
JOB = Job(
    id="job_1", key="k", payload_sha256="p", owner="o", options=Options(), priority=Priority.NORMAL, deadline=None,
    source=Source(name="a.avi", bytes=1000, sha256="0" * 64, place="sources/00/0"), timeout_s=None, request=None,
    state=JobState.QUEUED, phase="queued", percent=0.0, run=1, attempt=0, tries=0, falls=0, worker=None, verdict=None,
    warnings=(), error=None, delivery=None, files=(), result=None, cancel=None, revision=1, created=NOW - 60.0,
    started=None, ended=None, hold=None, begun=None, at_risk=None,
)  # fmt: skip
KNOWN = pace([("x.avi", 100, 10.0), ("y.AVI", 200, 20.0), ("z.avi", 100, 1000.0), ("p.jpg", 100, 1.0)])


def running(percent: float, spent_s: float, **other: object) -> Job:
    return replace(JOB, state=JobState.RUNNING, percent=percent, begun=NOW - spent_s, **other)  # type: ignore[arg-type]


def needs(*jobs: Job, slots: int = 1) -> list[float | None]:
    found = needed(jobs, KNOWN, slots=slots, moment=NOW)
    return [found[job.id] for job in jobs]


def test_a_job_that_runs_is_measured_by_its_own_progress() -> None:
    assert needs(running(25.0, 60.0)) == [pytest.approx(180.0)]


def test_what_has_hardly_begun_takes_as_long_as_others_of_its_kind() -> None:
    """One that took a hundred times as long does not count: it is the median."""
    assert needs(running(1.0, 20.0)) == [pytest.approx(80.0)]
    assert needs(replace(JOB, source=replace(JOB.source, name="a.JPG"))) == [pytest.approx(10.0)]


def test_a_job_that_waits_needs_the_time_of_those_before_it_too() -> None:
    urgent = replace(JOB, id="job_2", priority=Priority.URGENT, created=NOW)
    assert needs(JOB, urgent, running(50.0, 50.0, id="job_3")) == [
        pytest.approx(250.0), pytest.approx(150.0), pytest.approx(50.0),
    ]  # fmt: skip
    assert needs(JOB, urgent, running(50.0, 50.0, id="job_3"), slots=2)[0] == pytest.approx(175.0)


def test_where_nothing_was_done_yet_nobody_can_tell() -> None:
    assert needed([JOB], pace([]), slots=1, moment=NOW) == {"job_1": None}
    assert reason(replace(JOB, deadline=NOW + 1.0), None, NOW) is None
    assert reason(replace(JOB, deadline=NOW - 1.0), None, NOW) == "its deadline has passed"


@pytest.mark.parametrize(
    ("left_s", "before", "risky"),
    [(119.0, None, True), (121.0, None, False), (149.0, "was", True), (151.0, "was", False)],
)
def test_it_does_not_go_to_and_fro(left_s: float, before: str | None, risky: bool) -> None:
    why = reason(replace(JOB, deadline=NOW + left_s, at_risk=before), 100.0, NOW)
    assert (why is not None) == risky
    if why is not None:
        assert why == f"it needs about 2 min more, and {round(left_s / 60)} min are left"


def test_without_a_deadline_there_is_no_risk() -> None:
    assert reason(JOB, 1e9, NOW) is None

"""What is not the fault of any job: a worker that stands still, a database that is away, a full disk, wrong clocks."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import jobs as helpers
from tests.helpers.service import bench, sent
from tests.helpers.workshop import ROOT, Workshop, until, workshop
from transcoder.jobs.base import Job, JobState

DEAD_AFTER_S = 1.5


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[helpers.Postgres]:
    """One that this module may stop and start."""
    server = helpers.Postgres(tmp_path_factory.mktemp("pg"))
    yield server
    server.close()


@pytest.fixture
def shop(own_server: helpers.Postgres, tmp_path: Path) -> Iterator[Workshop]:
    address = own_server.database()
    with workshop(tmp_path / "shop", address, dead_after_s=DEAD_AFTER_S, beat_s=0.2) as made:
        yield made
    own_server.drop(address)


def stored(shop: Workshop, job: Job) -> list[str]:
    """The attempts of which files are stored."""
    folder = shop.folder / "objects" / "deliveries" / job.id
    return sorted(path.name for path in folder.iterdir() if any(path.iterdir()))


def test_a_worker_that_stood_still_changes_nothing_when_it_comes_back(shop: Workshop) -> None:
    asleep = shop.start()
    job = shop.hand_in("deliver", for_s=1.0)
    until(lambda: shop.now(job).state is JobState.RUNNING, "its beginning")
    asleep.send_signal(signal.SIGSTOP)
    shop.start()
    ended = shop.ended(job)
    assert (ended.state, ended.attempt) == (JobState.DELIVERED, 2)
    asleep.send_signal(signal.SIGCONT)
    until(lambda: [line for line in shop.lines() if line.get("attempt") == 1 and "ends" in line["message"]], "its end")
    assert shop.now(job) == ended
    assert stored(shop, ended) == ["2"]
    assert shop.ended(shop.hand_in("deliver")).state is JobState.DELIVERED
    assert asleep.poll() is None


def test_a_database_that_is_away_costs_no_job_and_no_result(
    shop: Workshop, own_server: helpers.Postgres, tmp_path: Path
) -> None:
    shop.start()
    served = bench(tmp_path / "api", {"TRANSCODER_DATABASE_URL": shop.config.database_url})
    client = served.client()
    job = shop.hand_in("deliver", for_s=1.5)
    waiting = [shop.hand_in("deliver") for _ in range(3)]
    until(lambda: shop.now(job).state is JobState.RUNNING, "its beginning")
    own_server.stop()
    try:
        answer = client.get("/v1/jobs")
        assert (answer.status_code, answer.json()["code"]) == (503, "database-unreachable")
        assert answer.headers["retry-after"]
        assert sent(client).status_code == 503
        time.sleep(2.0)  # the attempt ends meanwhile, and has nobody to tell
    finally:
        own_server.start()
    for one in (job, *waiting):
        assert shop.ended(one).state is JobState.DELIVERED
    assert shop.now(job).attempt <= 2  # at most the one that had no beat for too long
    assert sent(client).status_code == 201


def test_a_full_disk_costs_an_attempt_and_leaves_nothing_half(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        with workshop(tmp_path / "shop", storage=str(disk / "objects"), first_pause_s=0.3) as shop:
            shop.start()
            job = shop.hand_in("deliver")
            assert shop.ended(job).state is JobState.DELIVERED
            late = shop.hand_in("deliver", for_s=1.0)
            until(lambda: shop.now(late).state is JobState.RUNNING, "its beginning")
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
                while True:
                    file.write(b"\0" * 4096)
            until(lambda: "to be tried again" in shop.now(late).phase or shop.now(late).attempt > 1, "another try")
            filler.unlink()
            ended = shop.ended(late)
            assert (ended.state, ended.attempt > 1) == (JobState.DELIVERED, True)
            left = disk / "objects" / "deliveries" / late.id
            assert [path.name for path in left.iterdir()] == [str(ended.attempt)]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("shift_s", [86_400, -86_400])
def test_a_worker_whose_clock_is_a_day_off_works_like_the_others(shop: Workshop, tmp_path: Path, shift_s: int) -> None:
    """Beats, deadlines and who is dead go by the database's clock."""
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "sitecustomize.py").write_text(
        f"import time\nright = time.time\ntime.time = lambda: right() + {shift_s}\n", encoding="utf-8"
    )
    shop.start()
    shop.start(PYTHONPATH=os.pathsep.join((str(wrong), str(ROOT))))
    handed_in = [shop.hand_in("deliver", for_s=0.4) for _ in range(8)]
    ended = [shop.ended(job) for job in handed_in]
    assert {job.state for job in ended} == {JobState.DELIVERED}
    assert {job.attempt for job in ended} == {1}
    now_s = time.time()
    assert all(abs((job.ended or 0.0) - now_s) < 60 for job in ended)


def test_two_workers_begin_one_job_once(shop: Workshop) -> None:
    """Two workers that start at the same moment, and one job."""
    shop.start()
    shop.start()
    job = shop.hand_in("deliver", for_s=0.5)
    ended = shop.ended(job)
    assert ended.attempt == 1
    begun = [line for line in shop.lines() if line.get("job") == job.id and "begins" in line["message"]]
    assert len(begun) == 1

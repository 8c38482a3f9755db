"""The service under load: uploads at the same time, while others ask for the state of jobs.

A real ``transcoder serve --no-worker``: what is measured is the API, not the encoders. Content is random and every
file another one, so that nothing is known already. With ``--contract N`` it makes N requests of each operation
by the contract instead (schemathesis, in this process) and stops at the first answer that breaks it.

    python -m benchmarks.study_http [--uploads 100] [--contract 0]
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from benchmarks import national

RESULTS = Path(__file__).parent / "results"
SMALLEST_BYTES, LARGEST_BYTES = 10_000, 60_000_000
_PROGRAM = str(Path(sys.executable).with_name("transcoder"))


def sizes(count: int, seed: int = 7) -> list[int]:
    """Bytes of the files: as many in each decade, the smallest and the largest among them."""
    chance = random.Random(seed)
    ratio = LARGEST_BYTES / SMALLEST_BYTES
    between = [round(SMALLEST_BYTES * ratio ** chance.random()) for _ in range(max(0, count - 2))]
    return [SMALLEST_BYTES, LARGEST_BYTES, *between]


def peak_rss_bytes(pid: int) -> int:
    """The most memory that the process had at any time."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def load(folder: Path, count: int) -> dict[str, object]:
    """Start the service, load it, and say how it did."""
    environment = os.environ | {"TRANSCODER_HOME": str(folder / "home"), "TRANSCODER_RATE_PER_MINUTE": "1000000"}
    made = subprocess.run([_PROGRAM, "token", "create", "--json"], env=environment, check=True, capture_output=True)
    head = {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}
    content = os.urandom(LARGEST_BYTES)
    paths = []
    for number, size in enumerate(sizes(count)):
        paths.append(folder / f"{number:03}.mp4")
        paths[-1].write_bytes(number.to_bytes(8, "big") + content[: size - 8])
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([_PROGRAM, "serve", "--no-worker", "--port", "0"], env=environment, stderr=log)
    try:
        url = _address(folder / "log")
        before = peak_rss_bytes(process.pid)
        uploaded, asked, errors, took_s = _rush(url, head, paths)
        after = peak_rss_bytes(process.pid)
    finally:
        process.terminate()
        process.wait(60)
    verified = subprocess.run(
        [_PROGRAM, "audit", "verify", "--json"], env=environment, check=False, capture_output=True
    )
    said = json.loads(verified.stdout)
    cut = statistics.quantiles(asked, n=20)
    return {
        "uploads": count, "bytes": sum(path.stat().st_size for path in paths), "errors": errors,
        "took_s": round(took_s, 2), "rss_idle_bytes": before, "rss_peak_bytes": after,
        "upload_p50_s": round(statistics.median(uploaded), 3), "upload_max_s": round(max(uploaded), 3),
        "reads": len(asked), "read_p50_ms": round(cut[9] * 1000, 1), "read_p95_ms": round(cut[18] * 1000, 1),
        "read_max_ms": round(max(asked) * 1000, 1), "audit_ok": said["ok"], "audit_entries": said["entries"],
        "processors": os.cpu_count(),
    }  # fmt: skip


def _address(log: Path) -> str:
    for _ in range(600):
        found = re.search(r"listening at (http://\S+)", log.read_text())
        if found is not None:  # the port is bound; it answers a moment later
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{found[1]}/healthz")
                return found[1]
        time.sleep(0.05)
    raise SystemExit(f"the service did not start: {log.read_text()[-500:]}")


def _rush(url: str, head: dict[str, str], paths: list[Path]) -> tuple[list[float], list[float], list[str], float]:
    """All uploads at once, and one who asks for a job every 50 ms until they are over."""
    errors: list[str] = []
    asked: list[float] = []
    over = threading.Event()

    def timed(ask: Callable[[], httpx.Response], want: tuple[int, ...]) -> tuple[float, httpx.Response | None]:
        begun = time.perf_counter()
        try:
            answer = ask()
        except httpx.HTTPError as error:
            errors.append(repr(error)[:200])
            return time.perf_counter() - begun, None
        if answer.status_code not in want:
            errors.append(f"{answer.status_code}: {answer.text[:200]}")
        return time.perf_counter() - begun, answer

    with httpx.Client(base_url=url, headers=head, timeout=300) as client:
        _, first = timed(lambda: client.post("/v1/jobs", files={"file": ("first.mp4", b"first")}), (201,))
        assert first is not None, errors
        job = first.json()["id"]

        def follow() -> None:
            while not over.is_set():
                asked.append(timed(lambda: client.get(f"/v1/jobs/{job}"), (200,))[0])
                over.wait(0.05)

        def upload(path: Path) -> float:
            with path.open("rb") as file, httpx.Client(base_url=url, headers=head, timeout=300) as own:
                return timed(lambda: own.post("/v1/jobs", files={"file": (path.name, file)}), (201,))[0]

        follower = threading.Thread(target=follow)
        begun = time.perf_counter()
        follower.start()
        with concurrent.futures.ThreadPoolExecutor(len(paths)) as pool:
            uploaded = list(pool.map(upload, paths))
        took_s = time.perf_counter() - begun
        over.set()
        follower.join()
    return uploaded, asked, errors, took_s


def fuzz(folder: Path, examples: int) -> None:
    """Requests by the contract, until one answer breaks it."""
    from tests.helpers.fuzzing import ask, operations
    from tests.helpers.service import bench, sent

    served = bench(folder, {"TRANSCODER_RATE_PER_MINUTE": "1000000"})
    job = served.deliver(sent(served.client()).json()["id"]).id
    found, headers = operations(served)
    for operation in found:
        if operation.path != "/readyz":  # there is no worker, and it says so
            ask(operation, headers, job, examples)
            print(f"{operation.method.upper()} {operation.path}: {examples} requests, none broke the contract")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=100)
    parser.add_argument("--contract", type=int, default=0, metavar="N")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.contract:
            fuzz(Path(folder), given.contract)
            return
        found = load(Path(folder), given.uploads)
    (RESULTS / "study_http.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    rows = "\n".join(f"| `{name}` | {value} |" for name, value in found.items())
    text = "# Uploads at once\n\n`python -m benchmarks.study_http`; no worker.\n\n"
    text += f"| figure | value |\n|---|---|\n{rows}\n"
    (RESULTS / "study_http.md").write_text(text, encoding="utf-8")
    national.write()
    print(text)


if __name__ == "__main__":
    main()

"""The log under several processes at once, and under processes that are killed while they write."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.helpers.auditlogs import lines, make, verified
from transcoder.certificate.keys import KeyPair

WRITER = """
import sys
from pathlib import Path
from transcoder.audit.log import AuditLog
from transcoder.certificate import keys
from transcoder.certificate.signer import PemSigner

folder, where, name, count = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
pair = keys.load_pair(where / keys.LEAF_KEY_FILE, where / keys.LEAF_FILE, where / keys.CA_FILE)
log = AuditLog(folder, lambda: PemSigner(pair), every=7, max_bytes=20_000)
print("ready", flush=True)
for number in range(count):
    log.record("apply-begun", {"job": f"{name}-{number}", "source": {"name": "x" * 400}})
    print(number, flush=True)
"""
KILLS = 25
SPLIT = """
import os, random
real, left = os.write, [random.Random(%d).randrange(3, 40)]
def write(descriptor, data):
    left[0] -= 1
    if left[0] == 0:
        real(descriptor, bytes(data)[:random.randrange(1, len(data))])
        os.kill(os.getpid(), 9)
    return real(descriptor, data)
os.write = write
"""


def writer(folder: Path, keys_folder: Path, name: str, count: int, before: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", before + WRITER, str(folder), str(keys_folder), name, str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def acknowledged(process: subprocess.Popen[bytes], name: str) -> list[str]:
    """The entries that the process was told are kept."""
    assert process.stdout is not None
    told = process.stdout.read().split(b"\n")[:-1]
    process.wait()
    process.stdout.close()
    return [f"{name}-{int(number)}" for number in told]


def test_several_processes_write_one_chain(tmp_path: Path, pair: KeyPair, keys_folder: Path) -> None:
    folder = tmp_path / "audit"
    running = [writer(folder, keys_folder, str(number), 30) for number in range(4)]
    told = [entry for number, process in enumerate(running) for entry in acknowledged(process, str(number))]
    assert len(told) == 120
    log = make(tmp_path, pair)
    result = verified(log, pair)
    assert result.ok, result.findings[:3]
    jobs = [json.loads(line).get("job") for line in lines(log)]
    assert sorted(job for job in jobs if job) == sorted(told)


def test_what_was_acknowledged_outlives_kill_9_at_any_moment(tmp_path: Path, pair: KeyPair, keys_folder: Path) -> None:
    """From outside after a random time, and from inside in the middle of a write."""
    folder, log, chance = tmp_path / "audit", make(tmp_path, pair), random.Random(20260301)
    told: list[str] = []
    for number in range(KILLS):
        inside = number % 2 == 0
        process = writer(folder, keys_folder, str(number), 100_000, SPLIT % number if inside else "")
        if not inside:
            time.sleep(chance.uniform(0, 0.08))
            os.kill(process.pid, signal.SIGKILL)
        told += acknowledged(process, str(number))
        assert process.returncode == -signal.SIGKILL
        result = verified(log, pair)
        assert result.ok, result.findings[:3]
    log.record("apply-begun", {"job": "after"})
    result = verified(log, pair)
    assert result.ok, result.findings[:3]
    entries = [json.loads(line) for line in lines(log)]
    kept = {entry.get("job") for entry in entries}
    assert set(told) <= kept
    torn = [entry for entry in entries if entry["event"] == "torn-line"]
    assert len(torn) > KILLS // 4
    assert {path.name for path in folder.glob("torn-*")} == {entry["file"] for entry in torn}
    assert len(told) > KILLS

"""A child that is started before anybody knows its job: it is confined as ever, knows nothing, and outlives nobody."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import misbehaving
from transcoder import cli, spare
from transcoder.sandbox import landlock, parent
from transcoder.sandbox.limits import Mode, Policy
from transcoder.sandbox.parent import Task
from transcoder.sandbox.started import Started

MODULES = ("tests.helpers.misbehaving",)
ROOT = Path(__file__).resolve().parents[2]
_LONGEST_S = 30.0


def gone(pid: int) -> bool:
    """Whether a process ends before long; one that nobody waited for counts as ended."""
    end = time.monotonic() + _LONGEST_S
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


def elsewhere(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "raise SystemExit(2)", "raise RuntimeError"])
def test_a_child_without_a_job_ends_with_who_started_it(end: str) -> None:
    begun = elsewhere(
        "import os; from transcoder import spare; from transcoder.sandbox.limits import Policy\n"
        f"spare.begin(Policy()); print(spare._SPARE[0].process.pid, flush=True); {end}"
    )
    assert gone(int(begun.stdout))


def test_the_one_that_was_begun_is_used_once_and_gone_afterwards() -> None:
    spare.begin(Policy())
    spare.begin(Policy())
    (begun,) = spare._SPARE
    with spare.child(Policy()) as first, spare.child(Policy()) as second:
        assert first is begun
        assert second is not None
        assert second.process.pid != begun.process.pid
        pids = [begun.process.pid, second.process.pid]
    assert not spare._SPARE
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_none_is_begun_where_there_is_to_be_none() -> None:
    off = Policy(mode=Mode.OFF)
    spare.begin(off)
    assert not spare._SPARE
    with spare.child(off) as child:
        assert child is None


def test_it_is_gone_also_where_the_job_fails_before_it_is_given() -> None:
    pid = 0
    with pytest.raises(ValueError, match="no such profile"), spare.child(Policy()) as child:
        assert child is not None
        pid = child.process.pid
        raise ValueError("no such profile")
    assert pid
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")
def test_it_is_confined_like_any_other(tmp_path: Path) -> None:
    secret, work = tmp_path / "secret", tmp_path / "work"
    secret.write_bytes(b"secret")
    work.mkdir()
    child = Started(MODULES)
    time.sleep(0.5)  # it waits: what it does to itself, it does when it gets its job
    made: Task[Any] = Task("tests.helpers.misbehaving:try_all", dict[str, str], MODULES)
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = {"secret": secret, "port": server.getsockname()[1], "parent": os.getpid()}
        answer = parent.run(made, arguments, policy=Policy(), name="clip.avi", read=(), work=work,
                            tick=lambda *_: None, child=child)  # fmt: skip
    assert answer.value.pop("own work") == "done"
    assert "done" not in answer.value.values(), answer.value
    assert answer.layers is not None
    assert answer.layers.landlock
    assert answer.layers.seccomp


def test_no_secret_is_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSCODER_PKCS11_PIN", "secret")
    monkeypatch.setenv("SOME_TOKEN", "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    child = Started(("json",))
    try:
        environment = Path(f"/proc/{child.process.pid}/environ").read_bytes()
    finally:
        child.close()
    assert b"LANG=C.UTF-8" in environment
    assert b"secret" not in environment


def test_one_that_imported_something_else_is_not_used(tmp_path: Path) -> None:
    child = Started(("json",))
    try:
        made: Task[Any] = Task("tests.helpers.misbehaving:behave", misbehaving.Reply, MODULES)
        with parent.worker(made, Policy(), child) as worker:
            answer = worker.run({"number": 4}, name="clip.avi", read=(), work=tmp_path, tick=lambda *_: None)
        assert answer.value.number == 4
        assert not child.used, "its owner ends it"
    finally:
        child.close()
    assert child.used


@pytest.mark.parametrize(
    ("words", "begun"),
    [(["apply", "clip.avi"], True), (["apply", "--help"], False), (["verify", "out"], False), ([], False)],
)
def test_the_command_line_begins_one_for_a_delivery_alone(
    words: list[str], begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Policy] = []
    monkeypatch.setattr(spare, "begin", seen.append)
    cli._begin(words)
    assert bool(seen) == begun


def test_nothing_dear_is_loaded_before_it_is_begun() -> None:
    said = elsewhere(
        "import sys; from transcoder import spare, cli\ncli._begin(['apply', 'clip.avi'])\n"
        "print(len(spare._SPARE), *sys.modules)"
    )
    number, *loaded = said.stdout.split()
    assert number == "1", said.stderr
    assert not {"typer", "numpy", "cryptography", "jinja2", "asyncio"} & set(loaded)


def test_a_setting_that_makes_no_sense_is_told_once_and_by_the_command() -> None:
    said = elsewhere(
        "import sys; sys.argv = ['transcoder', 'apply', 'pyproject.toml']; from transcoder.cli import main; main()",
        TRANSCODER_SANDBOX_CPU_S="much",
    )
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
    assert "TRANSCODER_SANDBOX_CPU_S" in said.stderr

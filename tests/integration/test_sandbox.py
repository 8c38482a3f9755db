"""Real child processes that misbehave in every way: each gives its own code, and the parent lives on."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.helpers import misbehaving
from tests.helpers.misbehaving import Reply
from transcoder.errors import Cancelled, FloorUnreachable, SandboxError, TranscodeError
from transcoder.sandbox import landlock, parent
from transcoder.sandbox.limits import Mode, Policy
from transcoder.sandbox.parent import Answer, Task

SMALL = {"memory_bytes": 300 << 20, "cpu_s": 60, "file_bytes": 8 << 20, "disk_bytes": 32 << 20, "idle_s": 30.0}
needs_landlock = pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")


def task(name: str, result: Any = None) -> Task[Any]:
    return Task(f"tests.helpers.misbehaving:{name}", result, ("tests.helpers.misbehaving",))


def run(
    made: Task[Any], work: Path, arguments: dict[str, Any] | None = None, *, mode: Mode = Mode.AUTO,
    tick: Callable[[str, int, int | None], None] = lambda *_: None, limits: Mapping[str, float] = MappingProxyType({}),
) -> Answer[Any]:  # fmt: skip
    work.mkdir(exist_ok=True)
    policy = Policy(mode=mode, changed=SMALL | dict(limits))
    return parent.run(made, arguments or {}, policy=policy, name="clip.avi", read=(), work=work, tick=tick)


@pytest.mark.parametrize("mode", list(Mode))
def test_an_answer_and_progress_come_back(mode: Mode, tmp_path: Path) -> None:
    if mode is Mode.REQUIRE and landlock.abi() == 0:
        pytest.skip("this kernel has no Landlock")
    events: list[tuple[str, int, int | None]] = []
    answer = run(task("behave", Reply), tmp_path / "work", {"number": 4}, mode=mode,
                 tick=lambda *event: events.append(event))  # fmt: skip
    assert answer.value == misbehaving.behave(_context(tmp_path), 4)
    assert {("encode", 1, 2), ("encode", 2, 2)} <= set(events)
    assert (tmp_path / "work" / "made").read_bytes() == b"made"
    assert (answer.layers is None) == (mode is Mode.OFF)


def _context(folder: Path) -> Any:
    from transcoder.sandbox.child import Context

    return Context(folder, lambda *_: None)


def test_what_libraries_print_is_no_answer(tmp_path: Path) -> None:
    assert run(task("print_much", Reply), tmp_path / "work", {"number": 1}).value.number == 1


@pytest.mark.parametrize(
    ("name", "code", "limits"),
    [
        ("segfault", "sandbox-crashed", {}),
        ("abort", "sandbox-crashed", {}),
        ("exit_quietly", "sandbox-crashed", {}),
        ("allocate", "sandbox-memory", {}),
        ("allocate_shared", "sandbox-memory", {}),
        ("spin", "sandbox-cpu-time", {"cpu_s": 1}),
        ("spin", "sandbox-hung", {"idle_s": 0.5}),
        ("sleep", "sandbox-hung", {"idle_s": 0.5}),
        ("sleep_ignoring", "sandbox-hung", {"idle_s": 0.5}),
        ("keep_ticking", "sandbox-wall-time", {"wall_s": 1.0}),
        ("write_for_ever", "sandbox-file-size", {}),
        ("write_many", "sandbox-file-size", {}),
    ],
)
def test_each_end_has_its_code(name: str, code: str, limits: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        run(task(name), tmp_path / "work", limits=limits)
    assert caught.value.code == code
    assert caught.value.where == "clip.avi"
    assert caught.value.hint
    assert run(task("behave", Reply), tmp_path / "again", {"number": 2}).value.number == 2


def test_our_own_errors_arrive_as_they_were_raised(tmp_path: Path) -> None:
    with pytest.raises(FloorUnreachable) as caught:
        run(task("raise_refusal"), tmp_path / "work")
    with pytest.raises(FloorUnreachable) as raised:
        misbehaving.raise_refusal(_context(tmp_path))
    assert caught.value.diagnostics() == raised.value.diagnostics()


def test_a_fault_of_ours_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TranscodeError, match=r"internal fault .KeyError: 'nobody expected this'") as caught:
        run(task("raise_fault"), tmp_path / "work")
    assert (type(caught.value), caught.value.code) == (TranscodeError, "internal")


def test_what_the_disk_refuses_stays_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        run(task("fill_disk"), tmp_path / "work")
    assert caught.value.errno == 28


HOSTILE = b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94"


@pytest.mark.parametrize(
    "data",
    [
        HOSTILE,
        struct.pack(">I", len(HOSTILE)) + HOSTILE,
        struct.pack(">I", 2**32 - 1),
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 16) + b'{"kind":"other"}',
        struct.pack(">I", 100_000) + b"[" * 100_000,
        struct.pack(">I", 64) + b'{"kind":"tick","phase":"\\u001b[2J","done":1,"total":2,"extra":1}'[:64],
    ],
)
def test_garbage_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        run(task("say_garbage"), tmp_path / "work", {"data": data})
    assert caught.value.code == "sandbox-protocol"


def test_an_answer_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        run(task("answer_wrongly", Reply), tmp_path / "work")
    assert caught.value.code == "sandbox-protocol"


@pytest.mark.parametrize("name", ["keep_ticking", "sleep", "sleep_ignoring"])
def test_an_exception_in_the_callback_ends_the_child(name: str, tmp_path: Path) -> None:
    children: list[int] = []
    others, seen = set(_children()), 0

    def stop(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:  # of the sleeping ones the second is the parent's own repetition
            children.extend(set(_children()) - others)
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run(task(name), tmp_path / "work", tick=stop)
    assert children
    assert not set(children) & set(_children())


def _children() -> list[int]:
    own = os.getpid()
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == own:
            found.append(int(stat.parent.name))
    return found


def test_the_child_knows_nothing_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSCODER_SIGNER_KEY", "/secret")
    monkeypatch.setenv("SOME_TOKEN", "secret")
    found = run(task("hidden_environment", dict[str, str]), tmp_path / "work").value
    assert "secret" not in "".join(found.values())


@needs_landlock
def test_files_network_and_processes_are_out_of_reach(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = {"secret": secret, "port": server.getsockname()[1], "parent": os.getpid()}
        found = run(task("try_all", dict[str, str]), tmp_path / "work", arguments).value
    assert found.pop("own work") == "done"
    assert "done" not in found.values(), found
    assert secret.read_bytes() == b"secret"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["secret", "work"]


@needs_landlock
def test_threads_of_libraries_are_confined_too(tmp_path: Path) -> None:
    assert run(task("threads", int), tmp_path / "work").value == 8


def test_what_is_required_and_missing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if landlock.abi():
        pytest.skip("this kernel has Landlock")
    with pytest.raises(TranscodeError) as caught:
        run(task("behave", Reply), tmp_path / "work", {"number": 1}, mode=Mode.REQUIRE)
    assert caught.value.code == "sandbox-unavailable"


def test_a_worker_that_is_not_used_is_gone(tmp_path: Path) -> None:
    others = set(_children())
    with parent.worker(task("behave", Reply), Policy()):
        assert set(_children()) - others
        time.sleep(0.05)
    assert not set(_children()) - others


def test_limits_can_be_replaced() -> None:
    assert replace(Policy(changed={"cpu_s": 7}).limits(), cpu_s=7) == Policy(changed={"cpu_s": 7}).limits()


def test_a_crash_is_a_crash_however_large_the_caller_is(tmp_path: Path) -> None:
    ballast = bytearray(os.urandom(1 << 20)) * 400
    with pytest.raises(SandboxError) as caught:
        run(task("segfault"), tmp_path / "work")
    assert caught.value.code == "sandbox-crashed"
    assert ballast


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.OFF])
def test_a_question_is_answered(mode: Mode, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with parent.worker(task("ask_once", Reply), Policy(mode=mode, changed=SMALL)) as worker:
        answer = worker.run({}, name="clip.avi", read=(), work=tmp_path / "work", tick=lambda *_: None,
                            ask=lambda question: question.upper())  # fmt: skip
    assert answer.value == Reply(10, Fraction(1), ("A QUESTION",))


def test_a_question_that_nobody_expects_ends_the_child(tmp_path: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        run(task("ask_once", Reply), tmp_path / "work")
    assert caught.value.code == "sandbox-protocol"


def test_questions_without_listening_end_the_child_and_not_the_parent(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    made = parent.worker(task("ask_without_listening", Reply), Policy(changed=SMALL))
    with made as worker, pytest.raises(SandboxError) as caught:
        worker.run({}, name="clip.avi", read=(), work=tmp_path / "work", tick=lambda *_: None,
                   ask=lambda _: bytes(1000))  # fmt: skip
    assert caught.value.code == "sandbox-protocol"

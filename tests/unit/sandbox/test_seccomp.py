"""The filter, run on paper: what each system call gives."""

from __future__ import annotations

import errno
import struct

import pytest

from transcoder.sandbox import seccomp

ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PID = 4321


def verdict(machine: str, number: int, argument: int = 0, arch: int | None = None) -> int:
    """Interpret the filter as the kernel does."""
    data = struct.pack("=IIQQ", number, arch if arch is not None else ARCHES[machine], 0, argument)
    steps = [struct.unpack_from("=HBBI", raw) for raw in _chunks(seccomp.program(machine, PID))]
    at = loaded = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        match code:
            case 0x20:
                (loaded,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += if_true if loaded == value else if_false
            case 0x35:
                at += if_true if loaded >= value else if_false
            case 0x45:
                at += if_true if loaded & value else if_false
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"unknown step {code:#x}")


def _chunks(program: bytes) -> list[bytes]:
    return [program[at : at + 8] for at in range(0, len(program), 8)]


@pytest.mark.parametrize("machine", ARCHES)
def test_everything_on_the_list_is_refused(machine: str) -> None:
    column = list(ARCHES).index(machine)
    numbers = [pair[column] for pair in seccomp.REFUSED.values() if pair[column] is not None]
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        assert number is not None
        assert verdict(machine, number) == EPERM


@pytest.mark.parametrize(("machine", "numbers"), [("x86_64", (0, 1, 2, 3, 9, 202, 257)), ("aarch64", (56, 63, 64, 98))])
def test_files_memory_and_locks_are_allowed(machine: str, numbers: tuple[int, ...]) -> None:
    assert {verdict(machine, number) for number in numbers} == {ALLOW}


@pytest.mark.parametrize(("machine", "clone", "tgkill"), [("x86_64", 56, 234), ("aarch64", 220, 131)])
def test_threads_yes_processes_no(machine: str, clone: int, tgkill: int) -> None:
    assert verdict(machine, clone, 0x3D0F00) == ALLOW
    assert verdict(machine, clone, 0x01200011) == EPERM
    assert verdict(machine, 435) == ENOSYS
    assert verdict(machine, tgkill, PID) == ALLOW
    assert verdict(machine, tgkill, PID + 1) == EPERM


def test_another_calling_convention_does_not_help() -> None:
    assert verdict("x86_64", 41, arch=0x40000003) == KILL  # 32-bit
    assert verdict("x86_64", 0x40000000 | 41) == EPERM  # x32
    assert verdict("x86_64", 0x40000000 | 1) == EPERM

"""Limits: what a machine gives, and what settings make of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from transcoder.errors import UsageError
from transcoder.sandbox import endings
from transcoder.sandbox.endings import End, Last
from transcoder.sandbox.limits import LIMIT_NAMES, Limits, Mode, Policy

LIMITS = Limits(memory_bytes=1000, cpu_s=5, file_bytes=10, disk_bytes=20)


def test_a_larger_source_may_take_longer_and_write_more() -> None:
    small, large = Limits.of_machine(100_000), Limits.of_machine(10**10)
    assert large.cpu_s > small.cpu_s
    assert large.file_bytes > small.file_bytes
    assert small.memory_bytes == large.memory_bytes


def test_a_job_may_not_take_all_of_the_machine() -> None:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert Limits.of_machine().memory_bytes <= max(pages, 1 << 30)


def test_settings_replace_single_limits() -> None:
    policy = Policy.from_text("require", {"cpu_s": "7", "idle_s": "0.5"})
    assert policy.mode is Mode.REQUIRE
    assert (policy.limits().cpu_s, policy.limits().idle_s) == (7, 0.5)
    assert policy.limits().file_bytes == Limits.of_machine().file_bytes


def test_unset_means_auto() -> None:
    assert Policy.from_text("", {}) == Policy(mode=Mode.AUTO, changed={})


@pytest.mark.parametrize("mode", ["on", "OFF", "never"])
def test_a_mode_that_is_none_is_refused(mode: str) -> None:
    with pytest.raises(UsageError, match="off, auto or require"):
        Policy.from_text(mode, {})


@pytest.mark.parametrize("name", LIMIT_NAMES)
@pytest.mark.parametrize("text", ["0", "-1", "4G", "nan", "inf", "1e300"])
def test_a_number_that_is_none_is_refused(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"TRANSCODER_SANDBOX_{name.upper()}"):
        Policy.from_text("", {name: text})


@pytest.mark.parametrize(
    ("last", "told", "code"),
    [
        (Last(-11, 0, 0, b""), None, "sandbox-crashed"),
        (Last(-6, 0, 950, b""), None, "sandbox-memory"),
        (Last(-6, 0, 0, b"terminate called after throwing an instance of 'std::bad_alloc'"), None, "sandbox-memory"),
        (Last(-9, 0, 0, b""), None, "sandbox-memory"),
        (Last(-9, 6, 0, b""), None, "sandbox-cpu-time"),
        (Last(-24, 5, 0, b""), None, "sandbox-cpu-time"),
        (Last(-25, 0, 0, b""), None, "sandbox-file-size"),
        (Last(-9, 6, 0, b""), End.DISK, "sandbox-file-size"),
        (Last(-9, 6, 0, b""), End.MEMORY, "sandbox-memory"),
        (Last(-9, 6, 0, b""), End.HUNG, "sandbox-hung"),
        (Last(-9, 6, 0, b""), End.WALL, "sandbox-wall-time"),
        (Last(3, 0, 0, b""), None, "sandbox-crashed"),
    ],
)
def test_each_end_is_told_apart(last: Last, told: End | None, code: str) -> None:
    error = endings.error(last, told, LIMITS, "a.avi")
    assert error.code == code
    assert "\n" not in str(error)


def test_a_folder_is_weighed_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(bytes(100_000))
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    assert 100_000 <= endings.disk_of(tmp_path, 10**9) < 200_000
    assert endings.disk_of(tmp_path, 5000) > 5000

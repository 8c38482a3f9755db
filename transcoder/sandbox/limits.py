"""How much one job may take. Every limit is far above what real footage needs, and below what hurts the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path

from transcoder.errors import UsageError

_MIB = 1 << 20
_MEMORY_SHARE = 0.75
_LEAST_MEMORY_BYTES = 1024 * _MIB
_FEWEST_CPU_S, _CPU_S_PER_BYTE = 3600, 1e-3
"""An hour of CCTV in 100 MB may take a day of one core; a small picture that takes an hour is none."""
_LEAST_FILE_BYTES, _FILE_TIMES_SOURCE = 1024 * _MIB, 4
_CGROUP = Path("/sys/fs/cgroup/memory.max")


class Mode(StrEnum):
    """Whether there is a child, and what it must be able to refuse."""

    OFF = "off"
    """Everything in this process: for debugging."""
    AUTO = "auto"
    """A child with limits always; what the kernel can refuse besides, as far as this machine's has it."""
    REQUIRE = "require"
    """An error where the kernel cannot confine the child (Landlock and seccomp)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one child."""

    memory_bytes: int
    """Private memory, of all its threads together."""
    cpu_s: int
    """Processor time, of all its threads together."""
    file_bytes: int
    """The longest file it may write."""
    disk_bytes: int
    """Everything in its work folder together."""
    open_files: int = 512
    idle_s: float = 900.0
    """Without a sign of progress it hangs: no step of a job is silent for so long."""
    wall_s: float | None = None
    """From start to end; None means as long as there is progress."""

    @classmethod
    def of_machine(cls, source_bytes: int = 0) -> Limits:
        """The limits for a source of this size on this machine."""
        file_bytes = max(_LEAST_FILE_BYTES, _FILE_TIMES_SOURCE * source_bytes)
        return cls(
            memory_bytes=max(_LEAST_MEMORY_BYTES, int(_machine_memory() * _MEMORY_SHARE)),
            cpu_s=int(_FEWEST_CPU_S + source_bytes * _CPU_S_PER_BYTE),
            file_bytes=file_bytes,
            disk_bytes=4 * file_bytes,
        )


def _machine_memory() -> int:
    """What this machine, or the container this runs in, has."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        allowed = _CGROUP.read_text(encoding="ascii").strip()
        return min(pages, int(allowed)) if allowed != "max" else pages
    except (OSError, ValueError):
        return pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How media are handled: the mode, and what was set instead of the machine's own limits."""

    mode: Mode = Mode.AUTO
    changed: Mapping[str, float] | None = None
    kernels: Path | None = None
    """Folder of compiled kernels, kept between runs; without one every child compiles its own."""

    def limits(self, source_bytes: int = 0) -> Limits:
        """The limits of one job."""
        return replace(Limits.of_machine(source_bytes), **dict(self.changed or {}))  # type: ignore[arg-type]

    @classmethod
    def from_text(cls, mode: str, values: Mapping[str, str], kernels: Path | None = None) -> Policy:
        """Out of settings as they were written.

        :param mode: empty means ``auto``.
        :param values: by the names of ``Limits``; empty ones count as unset.
        :raises UsageError: for a mode or a number that is none.
        """
        try:
            chosen = Mode(mode or Mode.AUTO)
        except ValueError:
            raise UsageError(
                f"{mode!r} is no mode of the sandbox", where="TRANSCODER_SANDBOX", hint="set off, auto or require"
            ) from None
        changed: dict[str, float] = {}
        for name, text in values.items():
            try:
                number = float(text) if name.endswith("_s") and name != "cpu_s" else int(text)
            except ValueError:
                number = 0
            if not 0 < number < 1 << 62:
                raise UsageError(
                    f"{text!r} is no limit",
                    where=f"TRANSCODER_SANDBOX_{name.upper()}",
                    hint="set a number above 0, without a unit",
                )
            changed[name] = number
        return cls(mode=chosen, changed=changed, kernels=kernels)


LIMIT_NAMES = tuple(item.name for item in fields(Limits))
"""What can be set, in the order of ``Limits``."""
DEFAULT_POLICY = Policy()

"""Timing of whole processes: wall seconds, and the processor seconds of the children."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call cost."""

    wall_s: float
    cpu_s: float
    """Processor time of this process and of finished children; steadier than the wall on a shared machine."""


def timed(work: Callable[[], T]) -> tuple[T, Spent]:
    """Call ``work`` and say what it cost."""
    started, cpu = time.perf_counter(), _cpu_s()
    result = work()
    return result, Spent(time.perf_counter() - started, _cpu_s() - cpu)


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def median_ratio(ours_s: Sequence[float], theirs_s: Sequence[float]) -> float:
    """Median of the ratios of runs that took turns: each pair shares the machine's mood."""
    return statistics.median(a / b for a, b in zip(ours_s, theirs_s, strict=True))

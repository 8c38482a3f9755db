"""Marks of pages: where a list goes on."""

from __future__ import annotations

import math
import re

from transcoder.jobs.base import Job
from transcoder.server.problem import Refused

_ID = re.compile(r"job_[0-9a-f]{24}")


def mark(job: Job) -> str:
    """The mark behind a job."""
    return f"{job.created.hex()}~{job.id}"


def parse(given: str | None) -> tuple[float, str] | None:
    """What ``mark`` gave.

    :raises Refused: for anything else.
    """
    if given is None:
        return None
    created, _, job_id = given.partition("~")
    try:
        moment = float.fromhex(created)
    except (ValueError, OverflowError):
        moment = math.nan
    if not math.isfinite(moment) or _ID.fullmatch(job_id) is None:
        raise Refused("invalid-request", "after is not a mark that a list gave")
    return moment, job_id

"""A job, followed: by server-sent events, which come at once, and by asking where a proxy stops these."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from transcoder.client.calls import Calls, ServiceError, pause_s
from transcoder.client.shapes import Job

_SILENCE_S = 60.0
"""The service says something every 15 s; who is silent for so long is gone."""
_FAILURES = 3
"""Streams in a row that brought nothing, after which the job is asked for instead."""
_POLL_S, _SLOWEST_POLL_S = 1.0, 10.0


@dataclass(slots=True)
class _Event:
    kind: str = ""
    data: str = ""
    id: str = ""


def events(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    """Kind, data and id of each event of a text/event-stream."""
    event = _Event()
    for line in lines:
        if line == "":
            if event.data:
                yield event.kind or "message", event.data, event.id
            event = _Event(id=event.id)
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event.kind = value
        elif name == "data":
            event.data = f"{event.data}\n{value}" if event.data else value
        elif name == "id":
            event.id = value


def follow(
    calls: Calls, job_id: str, heard: Callable[[Job], None], *, timeout_s: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> Job:  # fmt: skip
    """Wait until a job has ended.

    :param heard: called with the job at each change.
    :raises ServiceError: ``wait-timeout`` where it takes longer; or where the service stays away.
    """
    end = clock() + timeout_s if timeout_s is not None else None
    last, failures, tries, revision = "", 0, 0, -1
    while True:
        try:
            if failures < _FAILURES:
                for job, event_id in _streamed(calls, job_id, last):
                    last = event_id
                    failures = tries = 0
                    if job.revision != revision:
                        revision = job.revision
                        heard(job)
                    if job.ended:
                        return job
                    _in_time(end, clock, job_id)
                failures += 1  # it ended without the job's end: the service restarts, or a proxy cut it
            else:
                job = Job.of(calls.json("GET", f"/v1/jobs/{job_id}"))
                tries += 1
                if job.revision != revision:
                    revision, tries = job.revision, 0
                    heard(job)
                if job.ended:
                    return job
                calls.sleep(min(_SLOWEST_POLL_S, _POLL_S * 1.5**tries))
        except ServiceError as error:
            if failures >= _FAILURES or error.status not in (None, 404, 406, 429, 500, 502, 503, 504):
                raise
            failures += 1
            calls.sleep(pause_s(failures))
        _in_time(end, clock, job_id)


def _streamed(calls: Calls, job_id: str, last: str) -> Iterator[tuple[Job, str]]:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
    usual = calls.http.timeout
    timeout = httpx.Timeout(connect=usual.connect, write=usual.write, pool=usual.pool, read=_SILENCE_S)
    with calls.stream(f"/v1/jobs/{job_id}/events", headers=headers, timeout=timeout) as answer:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            return
        for kind, data, last_id in events(answer.iter_lines()):
            if kind == "job":
                given: dict[str, Any] = json.loads(data)
                yield Job.of(given), last_id


def _in_time(end: float | None, clock: Callable[[], float], job_id: str) -> None:
    if end is not None and clock() > end:
        raise ServiceError(
            "the job has not ended in the time that was given; it goes on", where=job_id, code="wait-timeout"
        )


__all__ = ["events", "follow"]

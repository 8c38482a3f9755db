"""``/v1/jobs``: hand in, look at, follow, cancel, run again, fetch."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from transcoder.jobs.base import ENDED, Job, JobState, Source, Submission
from transcoder.jobs.ledger import Filter
from transcoder.server import paging, requests, uploads
from transcoder.server.access import Access
from transcoder.server.api.bodies import parsed
from transcoder.server.api.problems import problems
from transcoder.server.filenames import attachment
from transcoder.server.lanes import in_upload_lane
from transcoder.server.problem import Refused
from transcoder.server.service import Reader, Service, ServiceOf, Submitter
from transcoder.server.shapes import Hold, JobShape, JobsShape, PathSource, Wishes
from transcoder.server.shapes import Submission as Given

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_FOLLOW_S = 0.5
_SILENCE_S = 15.0
_PROBLEMS = problems(404, 409, 410, 413)
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=200, description="Your own key; the content is the default."
    ),
]
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object", "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "options": {"type": "string", "description": "JSON: the schema `Wishes`."},
                    },
                },
                "encoding": {"file": {"contentType": "application/octet-stream"}},
            },
            "application/json": {"schema": {"$ref": "#/components/schemas/Submission"}},
        },
    }
}  # fmt: skip


@router.post("", status_code=201, responses={200: {"model": JobShape}, **_PROBLEMS}, openapi_extra=_FORM)
async def submit(
    request: Request, response: Response, service: ServiceOf, access: Submitter, key: Key = None
) -> JobShape:
    """Hand in one source: upload it in the field `file`, or name its path under an allowed folder, or its `upload`.

    The same file with the same options is the same job: 201 where it is new, 200 where it is known.
    """
    if request.headers.get("content-type", "").startswith("application/json"):
        body = parsed(Given, await request.body())
        _may(access, body.options)
        job, new = await run_in_threadpool(_take_what_is_there, service, access, body, key)
    else:
        limit = service.config.max_upload_bytes
        upload = await uploads.receive(request, service.config.uploads, max_bytes=limit, room=service.room)
        try:
            job, new = await in_upload_lane(_take_and_close, service, access, upload, key)
        except BaseException:
            upload.close()  # it may never have had its turn
            raise
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return JobShape.of(job)


def _take_and_close(service: Service, access: Access, upload: uploads.Upload, key: str | None) -> tuple[Job, bool]:
    try:
        return _take(service, access, upload, key)
    finally:
        upload.close()


def _take(service: Service, access: Access, upload: uploads.Upload, key: str | None) -> tuple[Job, bool]:
    unknown = sorted(set(upload.fields) - {"options"})
    if unknown:
        raise Refused("bad-form", f"no such field: {', '.join(unknown)[:100]}", hint="fields are file and options")
    wishes = parsed(Wishes, upload.fields.get("options", "{}").encode())
    _may(access, wishes)
    if not upload.name:
        raise Refused("bad-form", "the form brings no file", hint="in the field `file`")
    source = service.desk.keep(upload.file, name=upload.name, sha256=upload.sha256)
    return hand_in(service, access, source, wishes, key)


def _take_what_is_there(service: Service, access: Access, body: Given, key: str | None) -> tuple[Job, bool]:
    if isinstance(body.source, PathSource):
        source = service.desk.at_path(body.source.path)
    else:
        source = service.resumables.source(service.resumables.get(body.source.upload, access.id), service.desk)
    return hand_in(service, access, source, body.options, key)


def hand_in(service: Service, access: Access, source: Source, wishes: Wishes, key: str | None) -> tuple[Job, bool]:
    """Submit a source that is in place."""
    return service.desk.submit(
        Submission(
            source=source, options=wishes.options(), profile_sha256="", owner=access.id, key=key,
            priority=wishes.priority, deadline=wishes.deadline.timestamp() if wishes.deadline is not None else None,
            timeout_s=wishes.timeout_s, request=requests.current(),
        )
    )  # fmt: skip


def _may(access: Access, wishes: Wishes) -> None:
    if not access.sees(wishes.case.urn):
        raise Refused("forbidden", "this token is for other cases", hint="case.urn must be one of the token's")


@router.get("", responses=_PROBLEMS)
def jobs(
    service: ServiceOf,
    access: Reader,
    case: Annotated[str | None, Query(max_length=500)] = None,
    state: Annotated[list[JobState] | None, Query()] = None,
    verdict: Annotated[str | None, Query(max_length=20)] = None,
    name: Annotated[str | None, Query(max_length=200, description="Part of the source's name.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> JobsShape:
    """Jobs that this token may see, newest first."""
    wanted = Filter(cases=access.cases, case=case, states=state or (), verdict=verdict, name=name)
    found: Sequence[Job] = service.ledger.list(wanted, limit=limit + 1, before=paging.parse(after))
    more = paging.mark(found[limit - 1]) if len(found) > limit else None
    return JobsShape(jobs=[JobShape.of(job) for job in found[:limit]], next=more)


@router.get("/{job_id}", responses=_PROBLEMS)
def job(job_id: str, service: ServiceOf, access: Reader) -> JobShape:
    """One job."""
    return JobShape.of(service.job(job_id, access))


@router.delete("/{job_id}", status_code=202, responses=_PROBLEMS)
def cancel(job_id: str, service: ServiceOf, access: Submitter) -> JobShape:
    """Stop a job: one that waits at once, one that runs within a second or so. One that ended stays as it is."""
    found = service.job(job_id, access)
    now = service.ledger.ask_cancel(found.id, f"cancelled by {access.name}")
    return JobShape.of(now or found)


@router.post("/{job_id}/retry", status_code=202, responses=_PROBLEMS)
def retry(job_id: str, service: ServiceOf, access: Submitter) -> JobShape:
    """Run a job again that failed, was refused or was cancelled."""
    return JobShape.of(service.desk.run_again(service.job(job_id, access).id, requests.current()))


@router.put("/{job_id}/hold", responses=_PROBLEMS)
def hold(job_id: str, given: Hold, service: ServiceOf, access: Submitter) -> JobShape:
    """Keep a job with its files, however old it becomes: an appeal, a complaint, a legal hold."""
    found = service.job(job_id, access)
    return JobShape.of(service.ledger.hold(found.id, given.reason) or service.job(job_id, access))


@router.delete("/{job_id}/hold", responses=_PROBLEMS)
def let_go(job_id: str, service: ServiceOf, access: Submitter) -> JobShape:
    """Let a job that was kept go when it is old enough."""
    found = service.job(job_id, access)
    return JobShape.of(service.ledger.hold(found.id, None) or service.job(job_id, access))


@router.get(
    "/{job_id}/events",
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}, **_PROBLEMS},
    response_class=StreamingResponse,
)
async def events(job_id: str, request: Request, service: ServiceOf, access: Reader) -> StreamingResponse:
    """Follow a job: an event `job` with the job's JSON at each change, until it has ended.

    An event `at-risk` with `id` and `reason` comes once when it begins to look as if it would miss its deadline.
    """
    await run_in_threadpool(service.job, job_id, access)
    seen = request.headers.get("last-event-id", "")

    async def stream() -> AsyncIterator[str]:
        warned = False
        revision, silent_s = int(seen) if seen.isdecimal() and len(seen) < 10 else -1, 0.0
        while True:
            found = await run_in_threadpool(service.ledger.get, job_id)
            if found is None:
                return
            if found.revision != revision:
                revision, silent_s = found.revision, 0.0
                yield f"id: {revision}\nevent: job\ndata: {JobShape.of(found).model_dump_json()}\n\n"
                if found.at_risk is not None and not warned and found.state not in ENDED:
                    yield f"event: at-risk\ndata: {json.dumps({'id': found.id, 'reason': found.at_risk})}\n\n"
                warned = found.at_risk is not None
            elif silent_s >= _SILENCE_S:
                silent_s = 0.0
                yield ": still here\n\n"  # a proxy must not take silence for an end
            if found.state in ENDED:
                return
            await asyncio.sleep(_FOLLOW_S)
            silent_s += _FOLLOW_S

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.get(
    "/{job_id}/files/{name}",
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file."}, **_PROBLEMS},
    response_class=StreamingResponse,
)
def file(job_id: str, name: str, service: ServiceOf, access: Reader) -> StreamingResponse:
    """One file of the delivery, byte for byte as its certificate says."""
    found = service.job(job_id, access)
    item = next((item for item in found.files if item["name"] == name), None)
    if item is None or found.delivery is None:
        raise Refused("not-found", "no such file in this delivery", where=name[:100])
    blocks = iter(service.objects.read(f"{found.delivery}/{name}"))
    first = next(blocks, b"")  # what the storage has to say against it is said before anything is sent
    headers = {
        "Content-Length": str(item["bytes"]), "ETag": f'"{item["sha256"]}"', "Repr-Digest": _digest(item["sha256"]),
        "Content-Disposition": attachment(name), "Cache-Control": "private, max-age=0",
        "X-Content-Type-Options": "nosniff",
    }  # fmt: skip
    return StreamingResponse(chain((first,), blocks), media_type="application/octet-stream", headers=headers)


def _digest(sha256: str) -> str:
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


__all__ = ["hand_in", "router"]

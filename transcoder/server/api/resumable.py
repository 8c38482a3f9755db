"""``/v1/uploads``: resumable uploads by tus 1.0.0 (core, creation, expiration, termination, checksum)."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transcoder.server.api.problems import problems
from transcoder.server.bodies import blocks, read_in_blocks
from transcoder.server.lanes import in_upload_lane
from transcoder.server.limits import announced_bytes
from transcoder.server.problem import Refused
from transcoder.server.resumable import ALGORITHMS, Resumable, parse_checksum, parse_metadata
from transcoder.server.service import ServiceOf, Submitter
from transcoder.server.uploads import too_large

VERSION = "1.0.0"
_PREFIX = "/v1/uploads"
_KIND = "application/offset+octet-stream"
_BYTES = {"type": "string", "format": "binary"}


def _speaks(tus_resumable: Annotated[str, Header(alias="Tus-Resumable", examples=[VERSION])] = "") -> None:
    if tus_resumable != VERSION:
        raise Refused("tus-version", f"this is tus {VERSION}", hint=f"send Tus-Resumable: {VERSION}")


router = APIRouter(prefix=_PREFIX, tags=["uploads"])
_tus = [Depends(_speaks)]


class TusHeaders:
    """ASGI middleware: every answer about uploads says which version of the protocol it speaks, errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the header to the answer."""
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        await self._app(scope, receive, marked)


@router.options("", status_code=204)
@router.options("/{upload_id}", status_code=204, include_in_schema=False)
def abilities(service: ServiceOf) -> Response:
    """What of tus is spoken here."""
    headers = {
        "Tus-Version": VERSION, "Tus-Extension": "creation,expiration,termination,checksum",
        "Tus-Max-Size": str(service.config.max_upload_bytes), "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }  # fmt: skip
    return Response(status_code=204, headers=headers)


@router.post("", status_code=201, responses=problems(412, 413, 507), response_class=Response, dependencies=_tus)
def create(
    service: ServiceOf,
    access: Submitter,
    upload_length: Annotated[int | None, Header(alias="Upload-Length", ge=0, le=1 << 53)] = None,
    upload_metadata: Annotated[str | None, Header(alias="Upload-Metadata", max_length=4096)] = None,
) -> Response:
    """Begin an upload of `Upload-Length` bytes; `Upload-Metadata: filename BASE64` names it."""
    if upload_length is None:
        raise Refused("bad-upload", "Upload-Length is missing", hint="its size must be known from the beginning")
    if upload_length == 0:
        raise Refused("bad-upload", "an empty file is nothing to deliver")
    if upload_length > service.config.max_upload_bytes:
        raise too_large(service.config.max_upload_bytes)
    with service.room.upload(upload_length):  # whether there would be room for it now
        name = parse_metadata(upload_metadata).get("filename", "unnamed")
        made = service.resumables.create(access.id, name, upload_length)
    return Response(status_code=201, headers={"Location": f"{_PREFIX}/{made.id}", **_expiry(made)})


@router.head("/{upload_id}", responses=problems(412, 404, 409, 410), response_class=Response, dependencies=_tus)
def offset(upload_id: str, service: ServiceOf, access: Submitter) -> Response:
    """How much has arrived: `Upload-Offset`."""
    found = service.resumables.get(upload_id, access.id)
    name = base64.b64encode(found.name.encode()).decode()
    headers = {
        "Upload-Offset": str(found.received), "Upload-Length": str(found.bytes), "Cache-Control": "no-store",
        "Upload-Metadata": f"filename {name}", **_expiry(found),
    }  # fmt: skip
    return Response(status_code=200, headers=headers)


@router.patch(
    "/{upload_id}", status_code=204, response_class=Response, dependencies=_tus,
    responses=problems(412, 404, 409, 410, 415, 423, 460, 507),
    openapi_extra={"requestBody": {"required": True, "content": {_KIND: {"schema": _BYTES}}}},
)  # fmt: skip
async def append(
    upload_id: str,
    request: Request,
    service: ServiceOf,
    access: Submitter,
    upload_offset: Annotated[int, Header(alias="Upload-Offset", ge=0, le=1 << 53)],
    upload_checksum: Annotated[str | None, Header(alias="Upload-Checksum", max_length=200)] = None,
) -> Response:
    """Add bytes at `Upload-Offset`. What arrived before a connection broke counts."""
    if request.headers.get("content-type") != _KIND:
        raise Refused("unsupported-media-type", f"the body must be {_KIND}")
    checksum = parse_checksum(upload_checksum)
    found = await run_in_threadpool(service.resumables.get, upload_id, access.id)
    read_in_blocks(request.scope)
    with service.room.upload(announced_bytes(request.headers)) as arrived, contextlib.ExitStack() as stack:
        # It asks the database: not in the loop that all requests share.
        writing = service.resumables.writing(found, upload_offset, checksum)
        writer = await run_in_threadpool(stack.enter_context, writing)
        try:
            async for block in blocks(request):
                await in_upload_lane(writer.write, block)
                arrived(writer.received - upload_offset)
        except (ClientDisconnect, HTTPException):
            await run_in_threadpool(writer.end, broken_off=True)
            raise
        await run_in_threadpool(writer.end)
        received = writer.received
    now = await run_in_threadpool(service.resumables.get, upload_id, access.id)
    return Response(status_code=204, headers={"Upload-Offset": str(received), **_expiry(now)})


@router.delete(
    "/{upload_id}", status_code=204, responses=problems(412, 404, 409, 410), response_class=Response, dependencies=_tus
)
def give_up(upload_id: str, service: ServiceOf, access: Submitter) -> Response:
    """Give an upload up."""
    service.resumables.remove(service.resumables.get(upload_id, access.id))
    return Response(status_code=204)


def _expiry(upload: Resumable) -> dict[str, str]:
    return {"Upload-Expires": format_datetime(datetime.fromtimestamp(upload.expires, UTC), usegmt=True)}


__all__ = ["TusHeaders", "router"]

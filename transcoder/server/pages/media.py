"""Films and pictures for the pages: whole or in pieces, as players ask for them, and single pictures of a source."""

from __future__ import annotations

import contextlib
import re
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from transcoder.app import picture_at
from transcoder.errors import StorageError
from transcoder.jobs.base import Job
from transcoder.jobs.material import BY_PATH
from transcoder.jobs.objects import Objects
from transcoder.server.pages.visiting import PageRoute, Visiting
from transcoder.server.problem import Refused
from transcoder.server.service import Service, ServiceOf
from transcoder.snapshot import Snapshot

router = APIRouter(prefix="/jobs/{job_id}", route_class=PageRoute, include_in_schema=False)
_KINDS = {
    "mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/mp4", "webm": "video/webm", "mkv": "video/x-matroska",
    "ogv": "video/ogg", "3gp": "video/3gpp", "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png",
    "webp": "image/webp", "avif": "image/avif", "gif": "image/gif",
}  # fmt: skip
"""What may be shown as itself. All else is bytes: an SVG or HTML file that was handed in must not become a page."""
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_BLOCK_BYTES = 1 << 18
_PICTURES = 48
_AT_ONCE = threading.BoundedSemaphore(2)
"""Each picture is a process of its own; a page that is scrolled through must not take the machine from the jobs."""


def kind_of(name: str) -> str:
    """The media type that a browser is told."""
    return _KINDS.get(name.rpartition(".")[2].lower(), "application/octet-stream")


@router.get("/source")
def source(job_id: str, request: Request, service: ServiceOf, visitor: Visiting) -> Response:
    """What was handed in."""
    found = service.job(job_id, visitor.access)
    return _served(
        request, service.objects, found.source.place, found.source.name, found.source.bytes, found.source.sha256
    )


@router.get("/play/{name}")
def play(job_id: str, name: str, request: Request, service: ServiceOf, visitor: Visiting) -> Response:
    """A delivered film or picture."""
    found = service.job(job_id, visitor.access)
    item = next((item for item in found.files if item["name"] == name), None)
    if item is None or kind_of(name) == "application/octet-stream":
        raise Refused("not-found", "There is no such file to show.", where=name[:100])
    return _served(request, service.objects, f"{found.delivery}/{name}", name, item["bytes"], item["sha256"])


def _served(request: Request, objects: Objects, place: str, name: str, size: int, sha256: str) -> Response:
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{sha256}"', "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    try:
        wanted = span(request.headers.get("range"), size)
    except ValueError:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = wanted or (0, size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if wanted:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return StreamingResponse(
        _read(objects, place, first, last - first + 1), status_code=206 if wanted else 200, headers=headers,
        media_type=kind_of(name),
    )  # fmt: skip


def span(given: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range header; None where the whole is meant (none, or several at once).

    :raises ValueError: where it lies outside the file.
    """
    parts = _RANGE.fullmatch(given.strip()) if given is not None else None
    if parts is None or (not parts[1] and not parts[2]):
        return None
    if not parts[1]:
        first, last = max(0, size - int(parts[2])), size - 1
    else:
        first, last = int(parts[1]), min(size - 1, int(parts[2]) if parts[2] else size - 1)
    if first > last or first >= size:
        raise ValueError(given)
    return first, last


def _read(objects: Objects, place: str, start: int, length: int) -> Iterator[bytes]:
    if not place.startswith(BY_PATH):
        yield from objects.read(place, start, length)
        return
    try:
        with Path(place.removeprefix(BY_PATH)).open("rb") as file:
            file.seek(start)
            while length > 0 and (block := file.read(min(_BLOCK_BYTES, length))):
                length -= len(block)
                yield block
    except OSError as error:
        raise StorageError(
            f"the source cannot be read: {error.strerror}", where=Path(place).name, code="storage-failed"
        ) from None


@router.get("/frame")
def frame(
    job_id: str, service: ServiceOf, visitor: Visiting, t: Annotated[float, Query(ge=0, le=1e6)] = 0.0
) -> Response:
    """One picture of the source, so many seconds after its first one. The headers say what it is a picture of."""
    made, jpeg = look(service, service.job(job_id, visitor.access), t)
    headers = {
        "X-At": f"{made.at_s:.6f}", "X-Length": f"{made.length_s:.6f}", "X-Step": f"{made.step_s:.6f}",
        "Cache-Control": "private, max-age=300",
    }  # fmt: skip
    return Response(jpeg, media_type="image/jpeg", headers=headers)


_seen: OrderedDict[tuple[str, int | None, float], tuple[Snapshot, bytes]] = OrderedDict()
_lock = threading.Lock()


def look(service: Service, job: Job, at_s: float) -> tuple[Snapshot, bytes]:
    """A picture of a job's source, decoded in a confined process; the last ones are remembered.

    :raises InputError: where no picture decodes.
    """
    key = (job.source.sha256, job.options.stream, round(at_s, 3))
    with _lock:
        if key in _seen:
            _seen.move_to_end(key)
            return _seen[key]
    with _AT_ONCE, _at_hand(service, job) as path:
        made = picture_at(path, at_s, stream=job.options.stream)
    with _lock:
        _seen[key] = made
        while len(_seen) > _PICTURES:
            _seen.popitem(last=False)
    return made


@contextlib.contextmanager
def _at_hand(service: Service, job: Job) -> Iterator[Path]:
    """The source as a file of this machine. In a folder that is a link; from S3 it is fetched each time."""
    if job.source.place.startswith(BY_PATH):
        yield Path(job.source.place.removeprefix(BY_PATH))
        return
    service.config.uploads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="look-", dir=service.config.uploads) as folder:
        path = Path(folder) / job.source.name
        service.objects.fetch(job.source.place, path)
        yield path


__all__ = ["kind_of", "look", "router", "span"]

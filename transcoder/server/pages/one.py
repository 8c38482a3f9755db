"""One job: what came of it, what to do next, its files, its report, and how it plays."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from transcoder.errors import TranscodeError
from transcoder.jobs.base import ENDED, Job, JobState
from transcoder.phases import WORDS as PHASES
from transcoder.report.player import playlist
from transcoder.report.verdict import advice
from transcoder.server import headers, requests
from transcoder.server.access import Role
from transcoder.server.filenames import attachment
from transcoder.server.pages import words
from transcoder.server.pages.media import kind_of
from transcoder.server.pages.visiting import PageRoute, Visiting, back_to, page
from transcoder.server.problem import Refused
from transcoder.server.service import Service, ServiceOf

router = APIRouter(prefix="/jobs/{job_id}", route_class=PageRoute, include_in_schema=False)
_CERTIFICATE_BYTES = 16_000_000
_REPORT_BYTES = 64_000_000
_PLAYED = ("media", "part")
_SEEN = ("media", "still", "overview", "tile", "page", "frame", "crop", "evidence")


@router.get("")
def job(job_id: str, service: ServiceOf, visitor: Visiting) -> HTMLResponse:
    """Everything about one job."""
    found = service.job(job_id, visitor.access)
    predicate = _predicate(service, found)
    names = {item["role"]: item["name"] for item in found.files}
    return page(
        "job.html.j2", visitor, job=found, at="jobs", headline=words.headline(found), over=found.state in ENDED,
        next_step=words.next_step(found, submits=visitor.submits), names=names,
        advice=advice(predicate) if predicate else [], refusal=predicate.get("refusal") if predicate else None,
        player=_player(found, predicate), phases=json.dumps(PHASES),
        under_way=json.dumps({state: (words.STATES[state], *said) for state, said in words.UNDER_WAY.items()}),
        kept=sum(item["bytes"] for item in found.files if item["role"] in (*_PLAYED, *_SEEN)),
    )  # fmt: skip


@router.post("/cancel")
def cancel(job_id: str, service: ServiceOf, visitor: Visiting) -> Response:
    """Stop a job."""
    visitor.confirm(Role.SUBMIT)
    found = service.job(job_id, visitor.access)
    service.ledger.ask_cancel(found.id, f"cancelled by {visitor.access.name}")
    return back_to(f"/jobs/{found.id}")


@router.post("/retry")
def retry(job_id: str, service: ServiceOf, visitor: Visiting) -> Response:
    """Run a job again as it is."""
    visitor.confirm(Role.SUBMIT)
    found = service.desk.run_again(service.job(job_id, visitor.access).id, requests.current())
    return back_to(f"/jobs/{found.id}")


@router.get("/report")
def report(job_id: str, service: ServiceOf, visitor: Visiting) -> Response:
    """The report, in an origin of its own: what it says about a hostile file can reach no session."""
    found = service.job(job_id, visitor.access)
    item = next((item for item in found.files if item["role"] == "report"), None)
    if item is None or item["bytes"] > _REPORT_BYTES:
        raise Refused("not-found", "There is no report for this job.")
    text = b"".join(service.objects.read(f"{found.delivery}/{item['name']}"))
    return HTMLResponse(text, headers={"Content-Security-Policy": headers.REPORT})


@router.get("/all.zip")
def everything(job_id: str, service: ServiceOf, visitor: Visiting) -> StreamingResponse:
    """All files of a delivery in one, as they are."""
    found = service.job(job_id, visitor.access)
    if not found.files:
        raise Refused("not-found", "There are no files to download.")
    stem = found.source.name.rpartition(".")[0] or found.source.name
    return StreamingResponse(
        _zipped(service, found), media_type="application/zip",
        headers={"Content-Disposition": attachment(f"{stem}_{found.id[4:12]}.zip")},
    )  # fmt: skip


class _Outflow(io.RawIOBase):
    """Takes what the archive writes until it is passed on."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken


def _zipped(service: Service, job: Job) -> Iterator[bytes]:
    out = _Outflow()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for item in job.files:
            # The time of its end, not of the download: the same delivery is the same archive.
            entry = zipfile.ZipInfo(item["name"])
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=item["bytes"] > 1 << 30) as target:
                for block in service.objects.read(f"{job.delivery}/{item['name']}"):
                    target.write(block)
                    yield out.take()
    yield out.take()


def _predicate(service: Service, job: Job) -> Mapping[str, Any] | None:
    """What the certificate says; None where there is none that can be read."""
    item = next((item for item in job.files if item["role"] in ("certificate", "refusal")), None)
    if item is None or item["bytes"] > _CERTIFICATE_BYTES:
        return None
    try:
        said = json.loads(b"".join(service.objects.read(f"{job.delivery}/{item['name']}")))
    except (TranscodeError, ValueError):
        return None
    predicate: Mapping[str, Any] = said["predicate"]
    return predicate


def _player(job: Job, predicate: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the page plays or shows side by side; None where there is nothing to compare."""
    if predicate is None or job.state is not JobState.DELIVERED:
        return None
    base = f"/jobs/{job.id}"
    video = predicate["source"].get("video")
    if video is None:
        pictures = [
            item["name"] for item in job.files if item["role"] in _SEEN and kind_of(item["name"]).startswith("image/")
        ]
        return {"kind": "still", "source": f"{base}/frame", "copies": [f"{base}/play/{name}" for name in pictures[:1]]}
    listed = playlist(predicate)
    names = [item["name"] for item in job.files if item["role"] in _PLAYED]
    if not names or not kind_of(names[0]).startswith("video/"):
        return None
    first = listed.first_s if listed else float(video["start_s"])
    last = listed.last_s if listed else first + float(video["duration_s"])
    tracks = (
        [
            {"src": f"{base}/play/{t.name}", "start": t.start_s, "end": t.end_s, "offset": t.offset_s}
            for t in listed.tracks
        ]
        if listed
        else [{"src": f"{base}/play/{names[0]}", "start": first, "end": last, "offset": 0.0}]
    )
    return {
        "kind": "video", "source": f"{base}/source", "frame": f"{base}/frame", "first": first, "last": last,
        "step": listed.step_s if listed else 0.04, "tracks": json.dumps(tracks),
        "worst": listed.worst_s if listed else None, "zero": float(video["start_s"]),
    }  # fmt: skip

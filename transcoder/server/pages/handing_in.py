"""Hand in: a new file, or a known one another way, or with places that a person marked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import Field

from transcoder.jobs.base import Job
from transcoder.profile import load, shipped_names
from transcoder.server.access import Role
from transcoder.server.api.jobs import hand_in
from transcoder.server.pages import words
from transcoder.server.pages.media import look
from transcoder.server.pages.visiting import PageRoute, Visiting, Visitor, page
from transcoder.server.problem import Refused
from transcoder.server.service import Service, ServiceOf
from transcoder.server.shapes import Case, Strict, Wishes
from transcoder.snapshot import Snapshot

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Share = Annotated[float, Field(ge=0, le=1)]
Moment = Annotated[float, Field(ge=0, le=100_000)]


class Mark(Strict):
    """One box that a person drew on a picture as it was shown; its corners as shares of that picture."""

    kind: Annotated[str, Field(pattern="^(face|plate|text|person|vehicle|motion)$")]
    left: Share
    top: Share
    width: Share
    height: Share
    from_s: Moment | None = None
    to_s: Moment | None = None
    note: Annotated[str, Field(max_length=200)] = ""

    def region(self, shown: Snapshot) -> dict[str, Any]:
        """As docs/regions.schema.json has it, in pixels of the stored picture."""
        found: dict[str, Any] = {
            "kind": self.kind, "box": list(shown.stored_box(self.left, self.top, self.width, self.height)),
        }  # fmt: skip
        if self.from_s is not None and self.to_s is not None and self.to_s < self.from_s:
            raise Refused("invalid-request", "A box ends before it begins.", hint="Change its times.")
        if shown.length_s:
            found |= {key: value for key, value in (("from_s", self.from_s), ("to_s", self.to_s)) if value is not None}
        return found | ({"note": self.note.strip()} if self.note.strip() else {})


class Marks(Strict):
    """All boxes of a source."""

    boxes: Annotated[list[Mark], Field(min_length=1, max_length=200)]


class Made(Strict):
    """Where the new job is."""

    href: str


@router.get("/new")
def new(
    service: ServiceOf,
    visitor: Visiting,
    like: Annotated[str, Query(max_length=60)] = "",
    profile: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """A form for a new file, or for one that was handed in before."""
    visitor.confirm(Role.SUBMIT)
    known = service.job(like, visitor.access) if like else None
    given = asdict(known.options) if known else {}
    cases = sorted(visitor.access.cases) if visitor.access.cases is not None else None
    return page(
        "new.html.j2", visitor, at="new", known=known, given=given, cases=cases,
        profiles=words.ordered([load(name) for name in shipped_names()]),
        chosen=given.get("profile", profile or words.DEFAULT),
        limit=service.config.max_upload_bytes,
    )  # fmt: skip


@router.post("/jobs/{job_id}/again", status_code=201)
def again(job_id: str, wishes: Wishes, response: Response, service: ServiceOf, visitor: Visiting) -> Made:
    """Deliver a known source another way; it need not be sent again."""
    visitor.confirm(Role.SUBMIT)
    return _handed_in(response, service, visitor, service.job(job_id, visitor.access), wishes)


@router.get("/jobs/{job_id}/regions")
def regions(job_id: str, service: ServiceOf, visitor: Visiting) -> HTMLResponse:
    """Draw boxes on a picture of the source."""
    visitor.confirm(Role.SUBMIT)
    found = service.job(job_id, visitor.access)
    shown, _ = look(service, found, 0.0)
    known = len((found.options.regions or {}).get("regions", ()))
    return page("regions.html.j2", visitor, at="jobs", job=found, shown=shown, known=known)


@router.post("/jobs/{job_id}/regions", status_code=201)
def mark(job_id: str, marks: Marks, response: Response, service: ServiceOf, visitor: Visiting) -> Made:
    """Deliver the same source once more, with the boxes that a person drew beside those of before."""
    visitor.confirm(Role.SUBMIT)
    found = service.job(job_id, visitor.access)
    shown, _ = look(service, found, 0.0)
    before = list((found.options.regions or {}).get("regions", ()))
    document = {"version": 1, "regions": [*before, *(box.region(shown) for box in marks.boxes)]}
    return _handed_in(response, service, visitor, found, _wishes_of(found, document))


def _wishes_of(job: Job, document: dict[str, Any]) -> Wishes:
    given = {
        key: value
        for key, value in asdict(job.options).items()
        if key in Wishes.model_fields and value is not None and key != "regions"
    }
    case = Case(
        urn=job.options.urn, exhibit=job.options.exhibit, operator=job.options.operator,
        description=job.options.description,
    )  # fmt: skip
    return Wishes(**given, case=case, regions=document, priority=job.priority)


def _handed_in(response: Response, service: Service, visitor: Visitor, job: Job, wishes: Wishes) -> Made:
    if not visitor.access.sees(wishes.case.urn):
        raise Refused(
            "forbidden", "You may hand in files for your own cases only.", hint="Choose one of your case references."
        )
    made, _ = hand_in(service, visitor.access, job.source, wishes, None)
    response.headers["Location"] = f"/jobs/{made.id}"
    return Made(href=f"/jobs/{made.id}")

"""The list of jobs, what is under way first to be seen."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from transcoder.jobs.base import ENDED, JobState
from transcoder.jobs.ledger import Filter
from transcoder.server import paging
from transcoder.server.pages.visiting import PageRoute, Visiting, page
from transcoder.server.service import ServiceOf

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LIMIT = 25


@router.get("/jobs")
def jobs(
    service: ServiceOf,
    visitor: Visiting,
    name: Annotated[str, Query(max_length=200)] = "",
    case: Annotated[str, Query(max_length=500)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    verdict: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[str | None, Query(max_length=200)] = None,
    rows: bool = False,
) -> HTMLResponse:
    """Jobs that this person may see, newest first; with ``rows`` only the list itself, for the page's script."""
    wanted = Filter(
        cases=visitor.access.cases, case=case.strip() or None, name=name.strip() or None, verdict=verdict or None,
        states=(JobState(state),) if state in list(JobState) else (),
    )  # fmt: skip
    found = service.ledger.list(wanted, limit=_LIMIT + 1, before=paging.parse(after))
    shown = found[:_LIMIT]
    asked = {"name": name.strip(), "case": case.strip(), "state": state, "verdict": verdict}
    asked = {key: value for key, value in asked.items() if value}
    more = urlencode(asked | {"after": paging.mark(shown[-1])}) if len(found) > _LIMIT else ""
    counts = service.ledger.counts(Filter(cases=visitor.access.cases))
    return page(
        "rows.html.j2" if rows else "jobs.html.j2", visitor, jobs=shown, more=more, newest=urlencode(asked),
        asked=asked, first=after is None,
        here=urlencode(asked | ({"after": after} if after else {}) | {"rows": "1"}), counts=counts,
        busy=any(job.state not in ENDED for job in shown), at="jobs",
    )  # fmt: skip

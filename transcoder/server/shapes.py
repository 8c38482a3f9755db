"""The API's bodies, as OpenAPI describes them. Unknown fields are refused: a typing mistake must not be overlooked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from transcoder.jobs.base import Job, JobState, Options, Priority

Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line: control characters mislead whoever reads it, and Postgres takes no NUL."""
Seconds = Annotated[str, Field(pattern=r"^\d{1,7}(\.\d{1,9})?(/\d{1,9})?$", examples=["12.5", "1001/30000"])]
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Strict(BaseModel):
    """A body with no other fields than these."""

    model_config = ConfigDict(extra="forbid")


class Case(Strict):
    """Fields of the case, for the certificate."""

    urn: Text | None = Field(None, description="Unique reference number.", examples=["45AA1234526"])
    exhibit: Text | None = Field(None, description="Exhibit reference.", examples=["RJK/1"])
    operator: Text | None = Field(None, description="Who does this.")
    description: Text | None = Field(None, description="What the material is.")


class Wishes(Strict):
    """How a source is to be delivered."""

    profile: str = Field("cps-twif-1mb", max_length=100, description="A profile that `GET /v1/profiles` lists.")
    cap_bytes: int | None = Field(None, ge=1, le=10**12, description="Another hard cap than the profile's.")
    max_parts: int | None = Field(None, ge=1, le=10_000)
    case: Case = Case()  # type: ignore[call-arg]
    accept_degraded: bool = Field(False, description="Deliver below a floor; needs case.operator and reason.")
    reason: Text | None = None
    regions: dict[str, Any] | None = Field(None, description="Places to keep well: docs/regions.schema.json.")
    with_original: bool = False
    stills: int | None = Field(None, ge=0, le=1000)
    within_s: Seconds | None = Field(None, description="Be ready in this time, with less effort where it must be.")
    from_s: Seconds | None = Field(None, description="Deliver a clip: from here.")
    to_s: Seconds | None = Field(None, description="Deliver a clip: up to here.")
    stream: int | None = Field(None, ge=0, le=9999)
    priority: Priority = Priority.NORMAL
    deadline: AwareDatetime | None = Field(
        None, ge=_EARLIEST, le=_LATEST, description="By when it must be done; it orders the queue."
    )
    timeout_s: float | None = Field(None, gt=0, le=604_800)

    def options(self) -> Options:
        """What of this changes the delivery."""
        return Options(
            profile=self.profile, cap_bytes=self.cap_bytes, max_parts=self.max_parts, urn=self.case.urn,
            exhibit=self.case.exhibit, operator=self.case.operator, description=self.case.description,
            accept_degraded=self.accept_degraded, reason=self.reason, regions=self.regions,
            with_original=self.with_original, stills=self.stills, within_s=self.within_s, from_s=self.from_s,
            to_s=self.to_s, stream=self.stream,
        )  # fmt: skip


class FileShape(BaseModel):
    """One file of a delivery."""

    name: str
    role: str
    bytes: int
    sha256: str
    href: str


class ErrorShape(BaseModel):
    """Why there is no delivery."""

    code: str
    message: str
    where: str | None = None
    hint: str | None = None
    details: dict[str, Any] = {}


class SourceShape(BaseModel):
    """What was handed in."""

    name: str
    bytes: int
    sha256: str


class JobShape(BaseModel):
    """A job as it stands."""

    id: str = Field(examples=["job_0f3c"])
    state: JobState
    phase: str
    percent: float
    profile: str
    verdict: str | None
    source: SourceShape
    case: Case
    priority: Priority
    deadline: datetime | None
    at_risk: bool = Field(description="It will miss its deadline, as far as can be seen from what it still needs.")
    at_risk_reason: str | None
    warnings: list[str]
    error: ErrorShape | None
    files: list[FileShape]
    receipts: list[dict[str, Any]] = Field(description="Receipts of recipients that came back, oldest first.")
    result: dict[str, Any] | None
    attempt: int
    worker: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    hold: str | None = Field(description="Why it is kept whatever its age; null where it is not.")
    revision: int

    @classmethod
    def of(cls, job: Job) -> JobShape:
        """What the API says of a job."""
        options, source = job.options, job.source
        return cls(
            id=job.id, state=job.state, phase=job.phase, percent=job.percent, profile=options.profile,
            verdict=job.verdict, source=SourceShape(name=source.name, bytes=source.bytes, sha256=source.sha256),
            case=Case(
                urn=options.urn, exhibit=options.exhibit, operator=options.operator, description=options.description
            ),
            priority=job.priority, deadline=_moment(job.deadline),
            at_risk=job.at_risk is not None, at_risk_reason=job.at_risk, warnings=list(job.warnings),
            error=ErrorShape.model_validate(job.error) if job.error is not None else None,
            files=[FileShape(**item, href=f"/v1/jobs/{job.id}/files/{quote(item['name'])}") for item in job.files],
            receipts=list((job.result or {}).get("receipts", ())),
            result=dict(job.result) if job.result is not None else None, attempt=job.attempt, worker=job.worker,
            created_at=datetime.fromtimestamp(job.created, UTC), started_at=_moment(job.started),
            ended_at=_moment(job.ended), hold=job.hold,
            revision=job.revision,
        )  # fmt: skip


class JobsShape(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobShape]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last one.")


class ProfileShape(BaseModel):
    """A transmission profile."""

    name: str
    title: str
    cap_bytes: int
    summary: str
    toml: str


class ProblemShape(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    where: str | None = None
    hint: str | None = None
    request_id: str | None = Field(None, description="As in `X-Request-Id`; the service's log has it too.")
    errors: list[dict[str, str]] | None = None


class PathSource(Strict):
    """A source on the server."""

    path: Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]+$")]


class UploadSource(Strict):
    """A source that came by a resumable upload."""

    upload: Annotated[str, Field(pattern=r"^upl_[0-9a-f]{32}$")]


class Submission(Strict):
    """A job whose source is there already: under an allowed folder of the server, or uploaded to `/v1/uploads`."""

    source: PathSource | UploadSource
    options: Wishes = Wishes()  # type: ignore[call-arg]


class Hold(Strict):
    """Why a job is kept."""

    reason: Annotated[Text, Field(min_length=1)]


class JobToVerify(Strict):
    """A job whose delivery, as the service keeps it, is to be verified."""

    job: Annotated[str, Field(pattern=r"^job_[0-9a-f]{24}$")]


class StepShape(BaseModel):
    """One numbered step of a verification; docs/certificate.md says what each holds."""

    number: int
    title: str
    outcome: str = Field(examples=["passed", "failed", "skipped"])
    detail: str


class VerifiedShape(BaseModel):
    """What a certificate is worth."""

    certificate: str = Field(examples=["clip.certificate.json"])
    ok: bool = Field(description="No step failed.")
    verdict: str | None
    signer: dict[str, Any] | None
    steps: list[StepShape]
    receipts: list[dict[str, Any]]


class VerificationShape(BaseModel):
    """What came of verifying: one result for each certificate."""

    ok: bool
    results: list[VerifiedShape]


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


class WebhookWishes(Strict):
    """Whom to tell of what."""

    url: str = Field(min_length=1, max_length=2000, description="https, at a host that the operator has allowed.")
    events: list[Text] = Field(default_factory=list, max_length=10, description="None means every end of a job.")
    cases: list[Text] | None = Field(
        None, max_length=200, description="Case references; null means all that the token sees."
    )


class WebhookShape(BaseModel):
    """A webhook, without its secret."""

    id: str
    url: str
    events: list[str]
    cases: list[str] | None
    created_at: datetime
    disabled: str | None = Field(description="Why it is not told any more.")


class NewWebhookShape(WebhookShape):
    """A webhook as it was made."""

    secret: str = Field(description="Signs what it is told; shown once.")


class ToldShape(BaseModel):
    """One delivery to a webhook."""

    id: str = Field(description="Header webhook-id, the same at each attempt.")
    event: str
    job: str | None
    state: str = Field(description="waiting, delivered or dead.")
    attempts: int
    status: int | None = Field(description="Of the receiver's last answer.")
    error: str | None
    created_at: datetime
    next_at: datetime | None
    delivered_at: datetime | None

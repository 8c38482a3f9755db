"""``/v1/verify`` and the receipts of recipients."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from transcoder.certificate.verify import Verification
from transcoder.server import receiving, verifying
from transcoder.server.access import Access
from transcoder.server.api.bodies import parsed
from transcoder.server.api.problems import problems
from transcoder.server.problem import Refused
from transcoder.server.service import Reader, Service, ServiceOf, Submitter
from transcoder.server.shapes import JobShape, JobToVerify, VerificationShape, VerifiedShape

router = APIRouter(tags=["verification"])
_RECEIPT_BYTES = 70 << 20
_FILES = {"type": "array", "items": {"type": "string", "format": "binary"}}
_DELIVERY = {
    "type": "object", "required": ["file"],
    "properties": {"file": {**_FILES, "description": "Every file of the delivery, the certificate and its .p7s."},
                   "source": {"type": "string", "format": "binary", "description": "The master, to measure again."}},
}  # fmt: skip
_VERIFY_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": _DELIVERY},
        "application/json": {"schema": {"$ref": "#/components/schemas/JobToVerify"}},
    },
}
_RECEIPT_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object", "required": ["file"],
                "properties": {"file": {**_FILES, "description": "X.receipt.json and X.receipt.json.p7s."}},
            }
        }
    },
}  # fmt: skip


@router.post(
    "/v1/verify", operation_id="verify", responses=problems(404, 409, 413, 507), summary="Verify a delivery",
    openapi_extra={"requestBody": _VERIFY_BODY},
)  # fmt: skip
async def verify(request: Request, service: ServiceOf, access: Reader) -> VerificationShape:
    """Check a delivery step by step: its files with the certificate as a form, or one that the service keeps.

    A delivery that does not hold is no error: 200, `ok` is false, and the steps say why.
    """
    if request.headers.get("content-type", "").startswith("application/json"):
        asked = parsed(JobToVerify, await request.body())
        request.state.job = asked.job
        results = await run_in_threadpool(_kept, service, access, asked.job)
    else:
        arrived = await _receive(request, service, service.config.max_upload_bytes)
        with verifying.closing(arrived):
            results = await run_in_threadpool(verifying.check, arrived)
    shown = [_shape(item) for item in results]
    return VerificationShape(ok=all(item.ok for item in shown), results=shown)


@router.post(
    "/v1/jobs/{job_id}/receipt", operation_id="addReceipt", responses=problems(404, 409, 413, 507),
    summary="Hand in a recipient's receipt", openapi_extra={"requestBody": _RECEIPT_BODY},
)  # fmt: skip
async def receipt(job_id: str, request: Request, service: ServiceOf, access: Submitter) -> JobShape:
    """Keep a receipt that came back with its job: it must be for this delivery, whole, and of a signer trusted here."""
    job = await run_in_threadpool(service.job, job_id, access)
    arrived = await _receive(request, service, _RECEIPT_BYTES)
    with verifying.closing(arrived):
        now = await run_in_threadpool(receiving.take, service, job, arrived.delivery, arrived.files)
    return JobShape.of(now)


async def _receive(request: Request, service: Service, max_bytes: int) -> verifying.Arrived:
    config = service.config
    return await verifying.receive(request, config.uploads, max_bytes=max_bytes, room=service.room)


def _kept(service: Service, access: Access, job_id: str) -> Sequence[Verification]:
    job = service.job(job_id, access)
    if job.delivery is None:
        raise Refused("not-delivered", f"it is {job.state}: there is nothing to verify", where=job.id)
    with tempfile.TemporaryDirectory(prefix="verify-", dir=_folder(service)) as rough:
        arrived = verifying.Arrived(Path(rough))
        arrived.delivery.mkdir()
        for item in job.files:
            service.objects.fetch(f"{job.delivery}/{item['name']}", arrived.delivery / item["name"])
        return verifying.check(arrived)


def _folder(service: Service) -> Path:
    service.config.uploads.mkdir(parents=True, exist_ok=True)
    return service.config.uploads


def _shape(result: Verification) -> VerifiedShape:
    told: dict[str, Any] = {**result.to_dict(), "certificate": result.certificate.name}
    told["receipts"] = [{**item, "path": Path(item["path"]).name} for item in told["receipts"]]
    return VerifiedShape.model_validate(told)


__all__ = ["router"]

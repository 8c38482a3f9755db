"""A recipient's receipt that comes back: checked against the job's certificate, kept beside it, told to the log."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from transcoder.certificate import receipts
from transcoder.certificate.delivered import stem_of
from transcoder.certificate.receipts import Receipt
from transcoder.certificate.verify import Verification, verify
from transcoder.jobs.base import Job
from transcoder.jobs.tables import jobs
from transcoder.recording import note_receipts
from transcoder.server.problem import Refused
from transcoder.server.service import Service
from transcoder.wiring import anchors

_SUFFIX = ".p7s"
_MOST = 100
"""Receipts of one job: one for each time that somebody looked."""


def take(service: Service, job: Job, folder: Path, names: list[str]) -> Job:
    """Keep a receipt with its job; one that is known already changes nothing.

    :param folder: with the two files of the receipt.
    :raises Refused: where the job has no delivery, or these are not a receipt's two files.
    :raises CertificateError: where it does not hold, is for another delivery, or nobody here trusts its signer.
    :raises StorageError: where it cannot be kept.
    """
    certificate = next((item["name"] for item in job.files if _certifies(item["name"])), None)
    if certificate is None or job.delivery is None:
        raise Refused("not-delivered", "this job has no delivery that a receipt could be for", where=job.id)
    main = next((name for name in names if f"{name}{_SUFFIX}" in names), None)
    if main is None or len(names) != 2:
        raise Refused("bad-form", "a receipt is two files: X.receipt.json and X.receipt.json.p7s")
    with tempfile.TemporaryDirectory(prefix="transcoder-") as rough:
        for name in (certificate, certificate + _SUFFIX):
            service.objects.fetch(f"{job.delivery}/{name}", Path(rough) / name)
        path = Path(rough) / certificate
        trust = anchors(None, service.settings)
        receipt = receipts.read(folder / main, path.read_bytes(), trust)
        seen = verify(path, anchors=trust, source=None, measure=None, named=[folder / main])
        note_receipts(service.journal, [seen])
    return _keep(service, job, receipt, Path(certificate), seen)


def _keep(service: Service, job: Job, receipt: Receipt, certificate: Path, seen: Verification) -> Job:
    for _ in range(20):
        known = list((job.result or {}).get("receipts", ()))
        if any(item["sha256"] == receipt.sha256 for item in known):
            return job
        if len(known) >= _MOST:
            raise Refused("too-many-receipts", f"{_MOST} receipts are kept for this job already", where=job.id)
        stem, number = stem_of(certificate), len(known) + 1
        name = f"{stem}{receipts.ENDING}" if number == 1 else f"{stem}.receipt-{number}.json"
        added = []
        for path, kept, role in (
            (receipt.path.with_name(f"{receipt.path.name}{_SUFFIX}"), f"{name}{_SUFFIX}", "receipt-signature"),
            (receipt.path, name, "receipt"),
        ):
            service.objects.put(f"{job.delivery}/{kept}", path)
            content = path.read_bytes()
            added.append({"name": kept, "role": role, "bytes": len(content), "sha256": receipts.digest(content)})
        told = receipt.to_dict() | {"path": name}
        if _noted(service, job, added, [*known, told]):
            break
        job = service.ledger.get(job.id) or job  # somebody else changed it meanwhile
    return service.ledger.get(job.id) or job


def _noted(service: Service, job: Job, added: list[dict[str, Any]], known: list[Any]) -> bool:
    """Write it down with the job, where that is as it was read."""
    values = {
        "files": json.dumps([*map(dict, job.files), *added], ensure_ascii=False),
        "result": json.dumps({**(job.result or {}), "receipts": known}, ensure_ascii=False),
        "revision": job.revision + 1,
    }
    with service.ledger.engine.begin() as connection:
        same = (jobs.c.id == job.id) & (jobs.c.revision == job.revision)
        return connection.execute(sa.update(jobs).where(same).values(**values)).rowcount == 1


def _certifies(name: str) -> bool:
    return name.endswith((".certificate.json", ".refusal.json"))


__all__ = ["take"]

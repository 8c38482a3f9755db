"""What the audit log is told: of a delivery, of what verifying it came to, and of receipts that came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder.audit import entries
from transcoder.audit.base import Facts, Job, Journal, Sent
from transcoder.certificate.verify import Outcome, Verification
from transcoder.errors import OutputMismatch
from transcoder.made import Made
from transcoder.model import Verdict
from transcoder.profile import Profile
from transcoder.request import Request, Services
from transcoder.storage import local
from transcoder.storage.base import Admitted, Store

if TYPE_CHECKING:
    from transcoder.packet import Packet


def asked(request: Request) -> Facts:
    """What is known of a job before its source is read."""
    clip, override = request.clip, request.override
    operator = request.case.operator or (override.operator if override else None)
    return {
        "operator": operator,
        "source": {"name": request.source.name, "path": str(request.source.absolute())},
        "profile": _profile(request.profile),
        "clip": {"from_s": _text(clip[0]), "to_s": _text(clip[1])} if clip is not None else None,
        "stream": request.stream,
        "case": {key: value for key, value in request.case.to_dict().items() if key in ("urn", "exhibit")},
    }


def admitted(source: Admitted) -> Facts:
    """What is known when it was."""
    path = str(source.path.absolute())
    return {"source": {"name": source.path.name, "path": path, "bytes": source.bytes, "sha256": source.sha256}}


def came_of_it(made: Made, packet: Packet, request: Request, services: Services) -> Facts:
    """The outcome, when everything is made and signed and nothing is published."""
    refused = made.refused
    mark = next(item for item in packet.described if item.role in ("certificate", "refusal"))
    override = request.override if made.verdict is Verdict.DEGRADED else None
    return {
        "outcome": "refused" if refused is not None else "delivered",
        "delivery": {
            "verdict": str(made.verdict),
            "rung": made.rung,
            "certificate": mark.path.name,
            "certificate_sha256": mark.sha256,
            "files": len(packet.files),
            "bytes": sum(item.bytes for item in packet.described),
            "out": services.store.place,
        },
        "refusal": refused.described.get("code") if refused is not None else None,
        "override": {"operator": override.operator, "reason": override.reason} if override is not None else None,
    }


def sent_before(request: Request, source: Admitted, services: Services) -> Sent | None:
    """An earlier delivery of the same: master, profile, clip and stream; who asked for it is told."""
    same = {key: value for key, value in asked(request).items() if key in ("clip", "stream")}
    profile = {"sha256": request.profile.sha256}
    found = services.audit.sent({"source": {"sha256": source.sha256}, "profile": profile, **same})
    if found is not None:
        request.on_sent(found)
    return found


def verified(results: Sequence[Verification]) -> Facts:
    """What verifying came to: each certificate with the steps that failed."""
    return {
        "outcome": "verified" if all(result.ok for result in results) else "not-verified",
        "certificates": [
            {
                "name": result.certificate.name,
                "sha256": _hash_of(result.certificate),
                "ok": result.ok,
                "verdict": result.verdict,
                "failed": [step.number for step in result.steps if step.outcome is Outcome.FAILED],
                **_about(result),
            }
            for result in results
        ],
    }


def note_receipts(journal: Journal, results: Sequence[Verification]) -> None:
    """An entry for each receipt that came back and holds; once, however often it is looked at.

    :raises StorageError: where it cannot be kept.
    """
    for result in results:
        genuine = all(step.outcome is Outcome.PASSED for step in result.steps if step.number <= 4)
        for receipt in result.receipts if genuine else ():
            if journal.holds(entries.RECEIPT, {"receipt": {"sha256": receipt.sha256}}):
                continue
            said = receipt.said
            journal.record(
                entries.RECEIPT,
                {
                    "certificate": {"name": said["certificate"]["name"], "sha256": said["certificate"]["sha256"]},
                    "source": dict(said["master"]),
                    "receipt": {
                        "name": receipt.path.name,
                        "sha256": receipt.sha256,
                        "at": said["received_at"],
                        "by": receipt.by,
                        "signer": receipt.signature.certificate_sha256,
                        "complete": receipt.complete,
                        "playable": said["playable"],
                        "counts": dict(said["counts"]),
                    },
                },
            )


class LoggedStore:
    """A store whose publishing ends a job in the log first, so that nothing leaves unlogged.

    :param facts: of the job, beside the files.
    """

    def __init__(self, store: Store, entry: Job, facts: Facts) -> None:
        self._store, self._entry, self._facts = store, entry, facts

    @property
    def place(self) -> str:
        """As the store's own."""
        return self._store.place

    def workspace(self) -> AbstractContextManager[Path]:
        """As the store's own."""
        return self._store.workspace()

    def reserve(self, names: Sequence[str]) -> None:
        """As the store's own."""
        self._store.reserve(names)

    def publish(self, files: Mapping[str, Path]) -> dict[str, Path]:
        """Log it, with the hashes of the files; then as the store's own."""
        described = [
            {"name": name, "bytes": path.stat().st_size, "sha256": local.sha256_of(path)}
            for name, path in files.items()
        ]
        self._entry.end({**self._facts, "files": described, "out": self.place})
        published = self._store.publish(files)
        self._entry.done()
        return published


def _about(result: Verification) -> Facts:
    """Master and profile, as far as the certificate can be read."""
    if result.statement is None:
        return {}
    predicate = result.statement["predicate"]
    source, profile = predicate["source"], predicate["profile"]
    return {
        "source": {"name": source["name"], "sha256": source["sha256"]},
        "profile": {key: profile[key] for key in ("name", "version", "sha256")},
    }


def _hash_of(path: Path) -> str | None:
    try:
        return local.sha256_of(path)
    except (OSError, OutputMismatch):
        return None


def _profile(profile: Profile) -> Facts:
    return {"name": profile.name, "version": profile.version, "sha256": profile.sha256}


def _text(value: object) -> str | None:
    return None if value is None else str(value)

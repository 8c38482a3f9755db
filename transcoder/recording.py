"""What the audit log is told of a delivery: what was asked for, what came of it, and whether it was sent before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcoder.audit.base import Facts, Sent
from transcoder.made import Made
from transcoder.model import Verdict
from transcoder.profile import Profile
from transcoder.request import Request, Services
from transcoder.storage.base import Admitted

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


def _profile(profile: Profile) -> Facts:
    return {"name": profile.name, "version": profile.version, "sha256": profile.sha256}


def _text(value: object) -> str | None:
    return None if value is None else str(value)

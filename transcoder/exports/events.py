"""What happened to a master, as preservation events: read from a verified statement, the same for every export."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transcoder.model import events
from transcoder.model.events import Step

_SPACE = uuid.UUID("6f0a3c52-6a8e-5a1d-9c36-0f4b8a3d7e21")
"""Names made in it are the same each time: exporting a certificate twice gives the same document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that a certificate names."""

    name: str
    bytes: int
    sha256: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that was done, in PREMIS' controlled words (id.loc.gov/vocabulary/preservation/eventType)."""

    kind: str
    outcome: str
    detail: str
    objects: Sequence[File]
    results: Sequence[File] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A statement with the hash of its bytes, and what other vocabularies ask of it."""

    statement: Mapping[str, Any]
    sha256: str
    """Of the certificate file."""

    @property
    def predicate(self) -> Mapping[str, Any]:
        """The fidelity predicate."""
        predicate: Mapping[str, Any] = self.statement["predicate"]
        return predicate

    @property
    def master(self) -> File:
        """What was delivered from."""
        source = self.predicate["source"]
        return File(name=source["name"], bytes=source["bytes"], sha256=source["sha256"], role="master")

    @property
    def files(self) -> Sequence[File]:
        """What was delivered."""
        return [File(**{key: item[key] for key in ("name", "bytes", "sha256", "role")})
                for item in self.predicate["files"]]  # fmt: skip

    @property
    def moment(self) -> str:
        """When the statement was issued, in UTC."""
        return str(self.predicate["issued_at"])

    @property
    def operator(self) -> str:
        """Who had it done; empty where nobody is named."""
        return str(self.predicate["case"].get("operator", ""))

    def name(self, *of: str) -> uuid.UUID:
        """An identifier that belongs to this certificate and to nothing else."""
        return uuid.uuid5(_SPACE, "/".join((self.sha256, *of)))

    def events(self) -> Sequence[Event]:
        """What was done, in order, as the certificate lists it; those of earlier versions do not, and mean the same."""
        predicate, master, files = self.predicate, self.master, self.files
        listed = predicate.get("events")
        steps = events.read(listed) if listed else events.done(predicate["verdict"], delivered=bool(files))
        delivered = files or [master]
        told: Mapping[Step, tuple[str, Sequence[File], Sequence[File]]] = {
            Step.HASH_MASTER: (f"SHA-256 of the master before work began: {master.sha256}", [master], ()),
            Step.MAKE: (_how(predicate), [master], files),
            Step.HASH_FILES: (f"SHA-256 of {len(files)} delivered file{'s' if len(files) > 1 else ''}", files, ()),
            Step.COMPARE: (_scores(predicate), delivered, ()),
            Step.CONFIRM_MASTER: ("the master's SHA-256 was the same after the work as before", [master], ()),
            Step.SIGN: (f"detached CMS (RFC 5652) over the certificate, SHA-256 {self.sha256}", delivered, ()),
        }
        found = []
        for item in steps:
            detail, objects, results = told[item.step]
            outcome = str(predicate["verdict"]) if item.step is Step.COMPARE else "success"
            found.append(Event(kind=str(item.type), outcome=outcome, detail=detail, objects=objects, results=results))
        return found


def _how(predicate: Mapping[str, Any]) -> str:
    delivery = predicate["delivery"] or {}
    words = [f"rung {delivery.get('rung', 'unknown')}", f"profile {predicate['profile']['name']}"]
    if delivery.get("encoder"):
        words.append(f"encoder {delivery['encoder']}")
    options = delivery.get("settings", {}).get("options")
    return ", ".join(words) + (f" ({options})" if options else "")


def _scores(predicate: Mapping[str, Any]) -> str:
    fidelity, profile = predicate["fidelity"], predicate["profile"]
    if fidelity is None:
        proof = (predicate["delivery"] or {}).get("lossless_proof")
        return f"lossless, proved by {proof}" if proof else f"verdict {predicate['verdict']}"
    worst = [
        f"{score['region']} SSIM worst 1 % {score['p1']:.4f}"
        + (f" (floor {profile['floors'][score['region']]:.3f})" if score["region"] in profile["floors"] else "")
        for score in fidelity["scores"]
        if score["metric"] == "ssim" and score["plane"] == "y"
    ]
    return f"{fidelity['frames']} frames compared with the master: " + "; ".join(worst)

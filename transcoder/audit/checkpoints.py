"""Signed checkpoints: how many entries there were, and the hash of the last one, under a detached CMS signature.

They lie in a folder beside the log, named by the count: ``checkpoints/000000000020.json`` and its ``.p7s``, so that
openssl alone can verify one, and so that a copy of one can be kept elsewhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import rfc8785

from transcoder.audit import entries, files
from transcoder.audit.entries import Head
from transcoder.certificate.base import Signer
from transcoder.certificate.trusted import Trust
from transcoder.errors import CertificateError

TYPE = "urn:transcoder:audit-checkpoint:1"
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose signature holds."""

    path: Path
    log: str
    count: int
    head: str
    at: str
    signer: str


def path_of(folder: Path, count: int) -> Path:
    """Where the checkpoint over so many entries lies."""
    return folder / files.CHECKPOINTS / f"{count:012d}.json"


def make(folder: Path, log: str, head: Head, signer: Signer, at: datetime) -> Path:
    """Sign the end of the chain.

    :raises CertificateError: where the key cannot be used.
    """
    content = rfc8785.dumps(
        {"type": TYPE, "log": log, "entries": head.seq, "head": head.sha256, "at": entries.moment(at)}
    )
    signature = signer.sign(content)
    target = path_of(folder, head.seq)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    files.write(target.with_name(f"{target.name}.p7s"), signature)
    files.write(target, content)  # last: where it is, its signature is
    return target


def read(path: Path, trust: Trust) -> Checkpoint:
    """Read a checkpoint and check its signature, its signer and what it says.

    :raises CertificateError: naming what does not hold.
    """
    from transcoder.certificate import cms, trusted

    try:
        content, signature = path.read_bytes(), path.with_name(f"{path.name}.p7s").read_bytes()
    except OSError as error:
        raise CertificateError(f"cannot be read: {error.strerror}", where=str(error.filename)) from None
    facts = cms.verify_detached(content, signature)
    trusted.confirm(facts, trust)
    said = _parsed(content)
    return Checkpoint(path, said["log"], said["entries"], said["head"], said["at"], facts.subject)


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        said = None
    if (
        not isinstance(said, dict)
        or said.get("type") != TYPE
        or type(said.get("entries")) is not int
        or not all(isinstance(said.get(key), str) for key in ("log", "head", "at"))
        or not _HASH.fullmatch(said["head"])
    ):
        raise CertificateError("is signed, and not a checkpoint of an audit log", code="statement-unknown")
    return said

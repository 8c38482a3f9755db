"""Receipts: what arrived of a delivery, signed by whoever received it (docs/receipt.schema.json)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from transcoder import resources
from transcoder.certificate import cms, form, trusted
from transcoder.certificate.base import SignatureFacts
from transcoder.certificate.trusted import Trust
from transcoder.errors import CapUnreachable, CertificateError

TYPE = "urn:transcoder:receipt:1"
SCHEMA_NAME = "receipt.schema.json"
ENDING = ".receipt.json"
_MAX_BYTES = 64 << 20
INTACT, MISSING, DAMAGED, UNPLAYABLE = "intact", "missing", "damaged", "unplayable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt whose signature holds, and which is for the certificate it was held against."""

    path: Path
    sha256: str
    said: Mapping[str, Any]
    signature: SignatureFacts

    @property
    def complete(self) -> bool:
        """Whether everything arrived."""
        return bool(self.said["complete"])

    @property
    def by(self) -> str:
        """Who received it: the name that was given, else the signing key's."""
        return self.said["received_by"]["name"] or self.signature.subject

    def __str__(self) -> str:
        when, counts = self.said["received_at"], self.said["counts"]
        text = f"{self.by} received it at {when}: "
        if not self.complete:
            text += f"INCOMPLETE, {lacking(self.said)}"
        else:
            text += f"complete, {counts['files']} file(s) intact"
        if not self.said["playable"]:
            text += f"; {counts['unplayable']} file(s) do NOT decode completely"
        elif counts["intact"]:
            text += ", each that arrived decodes to its end"
        return text

    def to_dict(self) -> dict[str, object]:
        """One item of ``receipts`` in ``transcoder verify --json``."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "at": self.said["received_at"],
            "by": self.by,
            "signer": self.signature.subject,
            "complete": self.complete,
            "playable": self.said["playable"],
            "counts": dict(self.said["counts"]),
            "lacking": [item for item in self.said["files"] if item["state"] != INTACT],
            "original": self.said["original"],
        }


def plain(text: str) -> str:
    """Text that can be signed, whatever bytes a file name is made of."""
    return text.encode("utf-8", "backslashreplace").decode()


def lacking(said: Mapping[str, Any]) -> str:
    """What a receipt says is missing or damaged, in words."""
    files = [item for item in said["files"] if item["state"] in (MISSING, DAMAGED)]
    words = [f"{item['name']} is {item['state']}" + (f" ({item['detail']})" if item["detail"] else "")
             for item in files[:5]]  # fmt: skip
    more = len(files) - 5 if len(files) > 5 else 0
    if more + said["lacking_omitted"]:
        words.append(f"and {more + said['lacking_omitted']} more")
    original = said["original"]
    for state in (MISSING, DAMAGED):
        if original and original[state]:
            words.append(f"volumes {original[state]} of {original['volumes']} of the original are {state}")
    return "; ".join(words)


def canonical(receipt: dict[str, Any], cap_bytes: int) -> bytes:
    """RFC 8785 bytes at or under the cap: first the intact files go unlisted, then the last of those that lack.

    :raises CapUnreachable: where not even that is small enough.
    """
    content = rfc8785.dumps(receipt)
    if len(content) <= cap_bytes:
        return content
    faults = [item for item in receipt["files"] if item["state"] != INTACT]
    short = {**receipt, "files": faults, "intact_omitted": len(receipt["files"]) - len(faults)}
    while len(content := rfc8785.dumps(short)) > cap_bytes:
        if not short["files"]:
            raise CapUnreachable(
                f"the receipt alone is {len(content)} bytes, over the cap of {cap_bytes}",
                hint="this cap leaves no room for receipts",
            )
        kept = short["files"][: len(short["files"]) * 3 // 4]
        short = {**short, "files": kept, "lacking_omitted": len(faults) - len(kept)}
    return content


def parse(content: bytes) -> dict[str, Any]:
    """Read a receipt and hold it against the published schema.

    :raises CertificateError: where it is no canonical JSON, or breaks the schema.
    """
    said = form.read(content, what="receipt", code="receipt-invalid")
    form.confirm(said, schema(), what="receipt", code="receipt-invalid")
    return said


def schema() -> dict[str, Any]:
    """The published JSON Schema (2020-12)."""
    loaded: dict[str, Any] = json.loads((resources.folder("docs") / SCHEMA_NAME).read_text(encoding="utf-8"))
    return loaded


def find(certificate: Path, stem: str) -> list[Path]:
    """The receipts beside a certificate, in the order in which they were written."""
    found = certificate.parent.glob("*.json")
    ours = [path for path in found if path.name == stem + ENDING or _numbered(path.name, stem)]
    return sorted(ours, key=lambda path: (len(path.name), path.name))


def _numbered(name: str, stem: str) -> bool:
    rest = name.removeprefix(f"{stem}.receipt-").removesuffix(".json")
    return rest.isdecimal() and name == f"{stem}.receipt-{rest}.json"


def read(path: Path, certificate: bytes, trust: Trust) -> Receipt:
    """Read a receipt, check its signature and its signer, and that it is for this certificate.

    :raises CertificateError: naming what does not hold.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CertificateError("is too large for a receipt", where=path.name, code="receipt-invalid")
        content = path.read_bytes()
        signature = path.with_name(f"{path.name}.p7s").read_bytes()
    except OSError as error:
        raise CertificateError(
            f"cannot be read: {error.strerror}", where=Path(str(error.filename)).name, code="receipt-unreadable",
            hint="a receipt is two files: .receipt.json and .receipt.json.p7s",
        ) from None  # fmt: skip
    try:
        facts = cms.verify_detached(content, signature)
        said = parse(content)
    except CertificateError as error:
        if error.code == "content-changed":
            raise CertificateError("was changed after it was signed", where=path.name, code="content-changed") from None
        error.where = f"{path.name}: {error.where}" if error.where else path.name
        raise
    try:
        trusted.confirm(facts, trust)
    except CertificateError as error:
        error.where = path.name
        if error.code == "signer-untrusted":
            error.hint = "get its certificate from the recipient by another way and name it with --receipt-ca FILE"
        raise
    if said["signer"]["certificate_sha256"] != facts.certificate_sha256:
        raise CertificateError("names another signer than the one who signed", where=path.name, code="receipt-invalid")
    if said["certificate"]["sha256"] != digest(certificate):
        raise CertificateError("is for another delivery", where=path.name, code="receipt-foreign")
    return Receipt(path=path, sha256=digest(content), said=said, signature=facts)


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()

"""A recipient: a home and a key of their own, and receipts about small deliveries that need no encoding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.helpers.deliveries import Parcel, digest
from tests.helpers.factories import NOW
from transcoder.certificate import arrival, cms, receipts
from transcoder.certificate.arrival import Played
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.parts.survey import Expected, survey


def receipt_for(parcel: Parcel, pair: KeyPair, played: Sequence[Played] = (), **changes: Any) -> dict[str, Any]:
    """The receipt of this recipient, with some values changed before it is signed."""
    content = parcel.certificate.read_bytes()
    predicate = json.loads(content)["predicate"]
    wanted = [Expected(name=f["name"], bytes=f["bytes"], sha256=f["sha256"]) for f in predicate["files"]]
    built = arrival.build(
        certificate=parcel.certificate,
        content=content,
        predicate=predicate,
        sender=cms.verify_detached(content, parcel.signature.read_bytes()),
        files=survey(parcel.folder, wanted),
        volumes=None,
        played=played,
        name="the recipient",
        user="somebody",
        signer=PemSigner(pair).identity,
        at=NOW,
    )
    return built | changes


def write(receipt: dict[str, Any], parcel: Parcel, pair: KeyPair, *, name: str = "clip.receipt.json") -> Path:
    """Sign it and lay both files beside the certificate."""
    content = receipts.canonical(receipt, 1_000_000)
    path = parcel.folder / name
    path.write_bytes(content)
    path.with_name(f"{name}.p7s").write_bytes(PemSigner(pair).sign(content))
    return path


__all__ = ["digest", "receipt_for", "write"]

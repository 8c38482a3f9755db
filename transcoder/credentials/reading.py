"""Reading what a file carries: is the manifest whole, does it fit the file, who signed it, what does it say.

Only in a child: the parsers behind this read what strangers made. Nothing is fetched, whatever a file asks for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from transcoder.credentials import embedding
from transcoder.credentials.manifest import LABEL, mime_of

_MOST_CODES, _TEXT_CHARACTERS = 8, 200
_UNTRUSTED = "signingCredential.untrusted"


class State(StrEnum):
    """What a manifest is worth. Values are part of the certificate format."""

    VALID = "valid"
    """It holds, and leads to an authority that is trusted here."""
    UNTRUSTED = "untrusted"
    """It holds, and nobody here knows who the signer is."""
    INVALID = "invalid"
    """It does not fit the file, or was changed, or its signature does not hold."""
    MALFORMED = "malformed"
    """It cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The active manifest of one file."""

    state: State
    codes: tuple[str, ...] = ()
    """What does not hold, in the words of the C2PA specification."""
    signer: str | None = None
    issuer: str | None = None
    serial: str | None = None
    """Number of the signer's certificate, in decimal."""
    signed_at: str | None = None
    """By a time stamp authority; None where there was none."""
    generator: str | None = None
    """What wrote it, as it says itself."""
    parent: str | None = None
    """The instance that the file was made from, as it says."""
    master_sha256: str | None = None
    """What our own assertion names as the master."""


def read(path: Path, trusted_pem: str, sidecar: Path | None = None) -> Found | None:
    """The manifest of a file; None where it has none.

    :param trusted_pem: authorities that are trusted.
    :param sidecar: the store that belongs to it, where it is not inside.
    """
    import c2pa

    try:
        with path.open("rb") as file:
            store = sidecar.read_bytes() if sidecar is not None else None
            reader = c2pa.Reader(mime_of(path.suffix), file, store, embedding.context(trusted_pem))
            document = json.loads(reader.json())
    except c2pa.C2paError as error:
        text = " ".join(str(error).split())
        if text.startswith("ManifestNotFound"):
            return None
        return Found(state=State.MALFORMED, codes=(_text(text) or "unreadable",))
    except (ValueError, RecursionError):
        return Found(state=State.MALFORMED, codes=("unreadable",))
    try:
        return _found(document)
    except (AttributeError, KeyError, TypeError, IndexError):
        return Found(state=State.MALFORMED, codes=("no active manifest",))


def _found(document: Mapping[str, Any]) -> Found:
    manifest = document["manifests"][document["active_manifest"]]
    results = document["validation_results"]
    failures = [item["code"] for item in results["activeManifest"]["failure"]]
    for delta in results.get("ingredientDeltas", ()):
        failures += [item["code"] for item in delta["validationDeltas"].get("failure", ())]
    signature = manifest.get("signature_info") or {}
    none: Mapping[str, Any] = {}
    parent = next((i for i in manifest.get("ingredients", ()) if i.get("relationship") == "parentOf"), none)
    own = next((i["data"] for i in manifest.get("assertions", ()) if i.get("label") == LABEL), none)
    generator = (manifest.get("claim_generator_info") or [{}])[0].get("name") or manifest.get("claim_generator")
    return Found(
        state=_state(document.get("validation_state"), failures),
        codes=tuple(_text(code) or "" for code in dict.fromkeys(failures))[:_MOST_CODES],
        signer=_text(signature.get("common_name")),
        issuer=_text(signature.get("issuer")),
        serial=_text(signature.get("cert_serial_number")),
        signed_at=_text(signature.get("time")),
        generator=_text(generator),
        parent=_text(parent.get("instance_id")),
        master_sha256=_text(own.get("master_sha256")),
    )


def _state(said: object, failures: list[str]) -> State:
    if said == "Trusted":
        return State.VALID
    if said == "Valid" or (failures and set(failures) == {_UNTRUSTED}):
        return State.UNTRUSTED
    return State.INVALID


def _text(value: object) -> str | None:
    return value[:_TEXT_CHARACTERS] if isinstance(value, str) else None

"""Content Credentials of a delivery: which manifest each file gets, and what the certificate says about it.

The parent's half: it knows the files, the case and the key. What touches the files happens in a child of its own, which
asks here for each signature; that child sees finished media, not the source (but for one whose own manifest is to go
along), and knows no key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transcoder import provenance
from transcoder.certificate.trusted import as_trust
from transcoder.credentials import others
from transcoder.credentials.manifest import Carrier, Facts, actions_of
from transcoder.credentials.notary import Notary, chain_pem
from transcoder.credentials.work import EMBED, SIDECAR, Item, Written
from transcoder.errors import OutputMismatch, SandboxError
from transcoder.made import Made, MadeFile
from transcoder.model import DeliveredFile, Fate, ItemFate, SourceInfo, Verdict
from transcoder.provenance import Incoming
from transcoder.request import Request, Services
from transcoder.sandbox.parent import Tick, Worker
from transcoder.storage import local

ROLE = "credentials"
"""Of a manifest store beside its file."""
_SIGNATURES_PER_FILE = 4
"""With the master's own manifest, without it, and beside the file in one of two ways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """The files of a delivery with their manifests."""

    files: Mapping[str, Path]
    """By final name; stores that lie beside a file come last."""
    described: Sequence[DeliveredFile]
    section: Mapping[str, Any]
    """The certificate's ``credentials``."""
    fates: Sequence[ItemFate]
    """What became of what the source was signed with."""


def credit(
    worker: Worker | None, made: Made, subjects: Sequence[DeliveredFile], source: SourceInfo, request: Request,
    services: Services, folder: Path, tick: Tick,
) -> Credited:  # fmt: skip
    """Give every file its manifest.

    :param worker: of ``work.EMBED``; None where nothing was made.
    :param subjects: the media as they were made.
    :param folder: an empty one, for the files with their manifests.
    :raises OutputMismatch: where a finished file is over the cap.
    :raises SandboxError: where the child answers with something that no honest one does.
    """
    files: dict[str, Path] = {item.name: item.path for item in made.files}
    described, beside = {item.path.name: item for item in subjects}, []
    written = _write(worker, made, source, request, services, folder, tick) if worker is not None else []
    cap = request.profile.payload_cap_bytes
    for entry in written:
        if entry.carrier is Carrier.NONE or entry.path is None:
            continue
        size = local.confirm_own(entry.path, folder).stat().st_size
        sidecar = entry.carrier is Carrier.SIDECAR
        name = entry.name + SIDECAR if sidecar else entry.name
        if size > cap:
            raise OutputMismatch(f"{size} bytes are over the cap of {cap}", where=name)
        item = DeliveredFile(role=ROLE if sidecar else described[name].role, path=Path(name), bytes=size,
                             sha256=local.sha256_of(entry.path))  # fmt: skip
        files[name] = entry.path
        if sidecar:
            beside.append(item)
        else:
            described[name] = item
    incoming = made.provenance.incoming
    kept = _along(incoming, made, written)
    return Credited(
        files=files,
        described=[*described.values(), *beside],
        section={
            "files": [_described(entry) for entry in written],
            "incoming": _incoming(incoming, kept) if incoming is not None else None,
            "other": [item.to_dict() for item in made.provenance.others],
        },
        fates=(*_fate(incoming, kept, made), *others.fates_of(made.provenance.others)),
    )


def _write(
    worker: Worker, made: Made, source: SourceInfo, request: Request, services: Services, folder: Path, tick: Tick
) -> Sequence[Written]:
    if not made.files:
        return ()
    certificates = services.signer.certificates
    notary = Notary(services.signer.sign_bytes, certificates[0], _SIGNATURES_PER_FILE * len(made.files))
    incoming = made.provenance.incoming
    parent = request.source if incoming is not None and incoming.keep else None
    about = provenance.facts_about(replace(source, path=request.source), request.profile, request.case)
    items = [
        Item(path=item.path, facts=_facts(about, item, made), untouched=_untouched(item, made)) for item in made.files
    ]
    arguments = {
        "items": items,
        "chain_pem": chain_pem(certificates),
        "trusted_pem": chain_pem((*certificates[1:], *as_trust(services.anchors).anchors)),
        "cap_bytes": request.profile.payload_cap_bytes,
        "parent": parent,
    }
    read = [*(item.path for item in made.files), *([parent] if parent is not None else [])]
    try:
        answer = worker.run(arguments, name=source.name, read=read, work=folder, tick=tick, ask=notary,
                            source_bytes=sum(path.stat().st_size for path in read))  # fmt: skip
    except SandboxError as error:
        if error.code == "sandbox-protocol":
            raise
        # A delivery without credentials is a delivery; one that is not made helps nobody.
        return [
            Written(name=item.name, carrier=Carrier.NONE, path=None, manifest_bytes=0, with_incoming=False,
                    note=f"not written: {error.message}")
            for item in made.files
        ]  # fmt: skip
    written: Sequence[Written] = answer.value
    if [entry.name for entry in written] != [item.name for item in made.files]:
        raise foreign("manifests of other files")
    for entry, item in zip(written, items, strict=True):
        if item.untouched and entry.carrier is Carrier.EMBEDDED:
            raise foreign("a manifest in a file whose bytes must stay")
    return written


def foreign(what: str) -> SandboxError:
    """The error for a child that answers with something that no honest one does."""
    return SandboxError(
        f"the child process made {what}; nothing was delivered",
        hint="the file may be hostile: do not open it elsewhere without care",
        code="sandbox-protocol",
    )


def _untouched(item: MadeFile, made: Made) -> bool:
    return made.verdict is Verdict.IDENTICAL and item.role != "evidence"


def _facts(about: Facts, item: MadeFile, made: Made) -> Facts:
    predicate = made.statement.get("predicate")
    stated: Mapping[str, Any] = predicate if isinstance(predicate, dict) else {}
    delivery = stated.get("delivery")
    settings = delivery.get("settings") if isinstance(delivery, dict) else None
    return replace(
        about,
        title=item.name,
        suffix=Path(item.name).suffix,
        verdict=str(made.verdict),
        actions=actions_of(
            item.role, made.rung, settings if isinstance(settings, dict) else {}, clipped=made.source.clip is not None
        ),
        p1=_worst(item, made, stated),
    )


def _worst(item: MadeFile, made: Made, stated: Mapping[str, Any]) -> Mapping[str, float]:
    """The worst 1 % of what was measured in this very file."""
    if item.role in ("media", "still", "overview"):
        return made.fidelity.worst if made.fidelity is not None else {}
    pieces = stated.get("pieces")
    entries = [*(stated.get("parts") or ()), *(pieces.get("items") or () if isinstance(pieces, dict) else ())]
    found = next((entry for entry in entries if isinstance(entry, dict) and entry.get("name") == item.name), {})
    scores = found.get("p1")
    return {str(name): float(value) for name, value in scores.items()} if isinstance(scores, dict) else {}


def _described(entry: Written) -> dict[str, Any]:
    return {
        "name": entry.name,
        "carrier": str(entry.carrier),
        "store": entry.name + SIDECAR if entry.carrier is Carrier.SIDECAR else None,
        "bytes": entry.manifest_bytes,
        "note": entry.note,
    }


def _along(incoming: Incoming | None, made: Made, written: Sequence[Written]) -> bool:
    """Whether the source's own manifest reaches the receiver."""
    if incoming is None:
        return False
    return made.verdict is Verdict.IDENTICAL or any(entry.with_incoming for entry in written)


def _incoming(incoming: Incoming, kept: bool) -> dict[str, Any]:
    found = incoming.found
    return {
        "state": str(found.state),
        "problems": list(found.codes),
        "signer": found.signer,
        "issuer": found.issuer,
        "signed_at": found.signed_at,
        "generator": found.generator,
        "bytes": incoming.bytes,
        "kept": kept,
    }


def _fate(incoming: Incoming | None, kept: bool, made: Made) -> tuple[ItemFate, ...]:
    if incoming is None or made.refused is not None or made.verdict is Verdict.IDENTICAL:
        return ()
    found = incoming.found
    who = f", signed by {found.signer}" if found.signer else ""
    state = f"before: {found.state}{who}"
    note = f"{state}; carried in the new manifest as that of its ingredient" if kept else (
        f"{state}; it signs the bytes of the source, and there is no room for it in the new manifest"
    )  # fmt: skip
    return (ItemFate(item=f"C2PA manifest ({incoming.bytes} bytes)", fate=Fate.KEPT if kept else Fate.LOST, note=note),)


__all__ = ["EMBED", "ROLE", "Credited", "credit", "foreign"]

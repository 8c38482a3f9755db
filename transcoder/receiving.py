"""Receiving what was sent: which files arrived, whether they are intact and decode, and a signed receipt about it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transcoder import tasks
from transcoder.audit.base import Job
from transcoder.audit.base import job as audited
from transcoder.audit.entries import user_name
from transcoder.certificate import arrival, delivered, form, receipts, sets, verify
from transcoder.certificate.arrival import Played
from transcoder.errors import CertificateError, InputError, SandboxError, UsageError
from transcoder.parts.survey import Expected, Survey, survey
from transcoder.request import Services
from transcoder.sandbox import parent
from transcoder.sandbox.limits import Policy

Tick = Callable[[str, int, int | None], None]
_MAX_NAME_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A delivery that was looked through, and the receipt that was written about it."""

    certificate: Path
    path: Path
    """The receipt; its signature lies beside it."""
    receipt: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        """True where everything arrived intact and decodes to its end."""
        return bool(self.receipt["complete"] and self.receipt["playable"])

    def to_dict(self) -> dict[str, object]:
        """The object that ``transcoder receive --json`` prints."""
        return {"certificate": str(self.certificate), "path": str(self.path), "receipt": dict(self.receipt)}


def receive(path: Path, services: Services, *, name: str | None, tick: Tick) -> list[Received]:
    """Look through every delivery that a path stands for, and write a signed receipt for each.

    :param path: the folder that the files arrived in, a certificate, or one of its files.
    :param name: who receives, in words.
    :raises InputError: where there is no certificate, or it cannot be read.
    :raises CertificateError: where a certificate's signature does not hold or is not trusted here: a receipt says
        nothing about a delivery of nobody knows whom.
    :raises StorageError: where a receipt cannot be written.
    """
    if name is not None and (not name.strip() or len(name) > _MAX_NAME_CHARACTERS or name != receipts.plain(name)):
        raise UsageError(f"a name has 1 to {_MAX_NAME_CHARACTERS} characters", hint="give --as NAME", code="usage")
    return [_one(certificate, services, name, tick) for certificate in verify.find_certificates(path)]


def _one(certificate: Path, services: Services, name: str | None, tick: Tick) -> Received:
    with audited(services.audit, "receive", {"operator": name, "path": str(certificate.absolute())}) as entry:
        try:
            content = certificate.read_bytes()
            signature = certificate.with_name(f"{certificate.name}.p7s").read_bytes()
        except OSError as error:
            entry.begin({})
            raise InputError(
                f"cannot be read: {error.strerror}", where=str(error.filename), code="input-unreadable",
                hint="ask the sender for the certificate and its .p7s",
            ) from None  # fmt: skip
        entry.begin({"certificate": {"name": certificate.name, "sha256": receipts.digest(content)}})
        try:
            facts = verify.check_signature(content, signature, services.anchors)
        except CertificateError as error:
            error.where = error.where or certificate.name
            raise
        predicate: dict[str, Any] = form.parse(content)["predicate"]
        try:
            files, volumes = _arrived(certificate.parent, predicate)
            played = _played(certificate.parent, predicate, files, services.sandbox, tick)
        except verify.SENSELESS as error:
            raise verify.senseless(error, certificate) from None
        receipt = arrival.build(
            certificate=certificate,
            content=content,
            predicate=predicate,
            sender=facts,
            files=files,
            volumes=volumes,
            played=played,
            name=name,
            user=receipts.plain(user_name()),
            signer=services.signer.identity,
            at=services.now(),
        )
        return _signed(receipt, certificate, predicate["profile"]["payload_cap_bytes"], services, entry)


def _arrived(folder: Path, predicate: Mapping[str, Any]) -> tuple[Survey, Survey | None]:
    wanted = [Expected(name=item["name"], bytes=item["bytes"], sha256=item["sha256"]) for item in predicate["files"]]
    if any(Path(item.name).name != item.name for item in wanted):
        raise ValueError("a file outside the folder")
    original = predicate["original"]
    return survey(folder, wanted), survey(folder, sets.expected_volumes(original)) if original is not None else None


def _played(folder: Path, predicate: Mapping[str, Any], files: Survey, policy: Policy, tick: Tick) -> Sequence[Played]:
    """What arrived intact, decoded from beginning to end in a confined child, and counted."""
    paths = [folder / name for name in files.intact]
    expected = _frames(predicate)
    found = _in_child(paths, policy, tick) if paths else []
    if [item.name for item in found] != [path.name for path in paths]:
        raise ValueError("other files than were asked for")
    return [
        replace(item, fault=f"{item.frames} frames decode, and the certificate names {expected[item.name]}")
        if not item.fault and item.frames != expected.get(item.name, item.frames)
        else item
        for item in found
    ]


def _in_child(paths: Sequence[Path], policy: Policy, tick: Tick) -> Sequence[Played]:
    """All in one child; where that one dies of a file, each in its own, so that one names itself."""
    try:
        with tempfile.TemporaryDirectory(prefix="transcoder-") as work:
            return parent.run(
                tasks.PLAY, {"files": paths}, policy=policy, name=paths[0].name, read=paths, work=Path(work),
                tick=tick, source_bytes=sum(path.stat().st_size for path in paths),
            ).value  # fmt: skip
    except SandboxError as error:
        if len(paths) == 1:
            return [Played(name=paths[0].name, frames=0, fault=error.message)]
    return [item for path in paths for item in _in_child([path], policy, tick)]


def _frames(predicate: Mapping[str, Any]) -> dict[str, int]:
    """How many frames the certificate says are stored in a video."""
    if predicate["parts"]:
        return {part["name"]: part["frames"] for part in predicate["parts"]}
    timing = predicate["timing"]
    media = [item["name"] for item in predicate["files"] if item["role"] == "media"]
    if not timing or not timing["frames"] or len(media) != 1:
        return {}
    repeats = timing["repeats"]
    return {media[0]: timing["frames"] - (repeats["count"] if repeats else 0)}


def _signed(receipt: dict[str, Any], certificate: Path, cap_bytes: int, services: Services, entry: Job) -> Received:
    content = receipts.canonical(receipt, cap_bytes)
    signature = services.signer.sign(content)
    store = services.store
    with store.workspace() as work:
        target = _free_name(certificate, Path(store.place))
        made = {f"{target}.p7s": work / "signature", target: work / "receipt"}
        made[f"{target}.p7s"].write_bytes(signature)
        made[target].write_bytes(content)
        said = receipts.parse(content)
        entry.end({
            "outcome": "complete" if said["complete"] else "incomplete",
            "source": dict(said["master"]),
            "receipt": {"name": target, "sha256": receipts.digest(content), "complete": said["complete"],
                        "playable": said["playable"], "counts": said["counts"]},
            "lacking": receipts.lacking(said),
        })  # fmt: skip
        published = store.publish(made)
        entry.done()
    return Received(certificate=certificate, path=published[target], receipt=said)


def _free_name(certificate: Path, folder: Path) -> str:
    """A delivery that is completed later gets a second receipt beside the first."""
    stem, number = delivered.stem_of(certificate), 1
    name = f"{stem}{receipts.ENDING}"
    while os.path.lexists(folder / name) or os.path.lexists(folder / f"{name}.p7s"):
        number += 1
        name = f"{stem}.receipt-{number}.json"
    return name

"""Joining what arrived: parts to a video, volumes to the original; what lacks is named, nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from cryptography import x509

from transcoder import tasks
from transcoder.audit.base import Job
from transcoder.certificate import sets, verify
from transcoder.certificate.trusted import Trust
from transcoder.errors import CertificateError, InputError, UsageError
from transcoder.parts.restore import restore
from transcoder.parts.survey import Expected, Survey, survey
from transcoder.parts.volumes import expected_from_names
from transcoder.recording import LoggedStore
from transcoder.sandbox import parent
from transcoder.sandbox.limits import Policy
from transcoder.storage import local
from transcoder.storage.base import Store

Tick = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A file that was put together."""

    path: Path
    kind: str
    """``video``, ``picture`` or ``original``."""
    proof: str
    """What was proved, in words."""
    bytes: int
    certificate: Path | None
    """The certificate it was held against."""
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The object that ``transcoder join --json`` prints."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "bytes": self.bytes,
            "proof": self.proof,
            "certificate": str(self.certificate) if self.certificate is not None else None,
            "warnings": list(self.warnings),
        }


def join(
    path: Path, out: Path, *, original: bool, anchors: Sequence[x509.Certificate] | Trust, store: Store, policy: Policy,
    entry: Job, tick: Tick,
) -> Joined:  # fmt: skip
    """Put together what a certificate describes.

    :param path: a folder, a certificate, or one of its files.
    :param out: the file to write; ``store`` publishes into its folder.
    :param original: restore the original although there are parts as well.
    :param policy: how the process is confined that opens parts and tiles.
    :param entry: the job in the audit log; it ends just before the file gets its name.
    :raises InputError: where files are missing, damaged or foreign (``parts-incomplete``), or there are none.
    :raises CertificateError: where the certificate does not hold, or the whole is not what it names.
    """
    store.reserve([out.name])
    found = _signed(path, original, anchors)
    if found is None:
        return _unsigned(path, out, LoggedStore(store, entry, {"outcome": "joined", "certificate": None}), tick)
    certificate, predicate = found
    about = {"certificate": {"name": certificate.name, "sha256": local.sha256_of(certificate)},
             "source": {"name": predicate["source"]["name"], "sha256": predicate["source"]["sha256"]}}  # fmt: skip
    store = LoggedStore(store, entry, {"outcome": "joined", **about})
    try:
        return _described(certificate, predicate, out, store, policy, tick, original=original)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise verify.senseless(error, certificate) from None


def _described(
    certificate: Path, predicate: dict[str, Any], out: Path, store: Store, policy: Policy, tick: Tick, *, original: bool
) -> Joined:
    """What a certificate that holds describes."""
    folder = certificate.parent
    if predicate["parts"] and not original:
        wanted = [Expected(name=f["name"], bytes=f["bytes"], sha256=f["sha256"]) for f in predicate["files"]
                  if f["role"] == "part"]  # fmt: skip
        there = _complete(folder, wanted, "part")
        parts = [(folder / part["name"], Fraction(part["offset_s"])) for part in predicate["parts"]]
        arguments = {
            "parts": parts,
            "target": f"joined{parts[0][0].suffix}",
            "time_base": Fraction(predicate["source"]["video"]["time_base"]),
            "frames_sha256": predicate["timing"]["frames_sha256"],
        }
        with store.workspace() as work:
            frames, target = _made(tasks.JOIN_VIDEO, arguments, [path for path, _ in parts], work, policy, tick)
            size = target.stat().st_size
            published = store.publish({out.name: target})[out.name]
        proof = f"{len(parts)} parts joined; all {frames} frames of the master are there, each at its own time"
        return Joined(path=published, kind="video", proof=proof, bytes=size, certificate=certificate,
                      warnings=_foreign(there))  # fmt: skip
    if predicate["pieces"] and predicate["pieces"]["kind"] == "tiles" and not original:
        return _picture(certificate, predicate, out, store, policy, tick)
    wanted = sets.expected_volumes(predicate["original"])
    there = _complete(folder, wanted, "volume")
    volumes = [folder / item.name for item in wanted]
    size = _restored(volumes, out, predicate["original"]["sha256"], store, tick)
    proof = f"{len(volumes)} volumes restored; the SHA-256 is the master's, {predicate['original']['sha256']}"
    return Joined(path=out, kind="original", proof=proof, bytes=size, certificate=certificate,
                  warnings=_foreign(there))  # fmt: skip


def _made(
    task: parent.Task[Any], arguments: dict[str, Any], files: Sequence[Path], work: Path, policy: Policy, tick: Tick
) -> tuple[Any, Path]:
    """What a child answers, and the file that it made of others."""
    folder = work / "made"
    folder.mkdir()
    answer = parent.run(
        task, arguments, policy=policy, name=files[0].name, read=files, work=folder, tick=tick,
        source_bytes=sum(path.stat().st_size for path in files),
    )  # fmt: skip
    return answer.value, local.confirm_own(folder / arguments["target"], folder)


def _picture(
    certificate: Path, predicate: dict[str, Any], out: Path, store: Store, policy: Policy, tick: Tick
) -> Joined:
    """The whole picture out of its tiles."""
    pieces, folder = predicate["pieces"], certificate.parent
    if out.suffix.lower() != ".png":
        raise UsageError("the joined picture is a PNG", where=str(out), hint="name it with .png", code="usage")
    sent = {item["name"]: item for item in predicate["files"]}
    names = [item["name"] for item in pieces["items"]]
    wanted = [Expected(name=name, bytes=sent[name]["bytes"], sha256=sent[name]["sha256"]) for name in names]
    there = _complete(folder, wanted, "tile")
    arguments = {"pieces": pieces, "folder": folder, "target": "joined.png"}
    with store.workspace() as work:
        files = [folder / name for name in names]
        (width, height), target = _made(tasks.JOIN_TILES, arguments, files, work, policy, tick)
        size = target.stat().st_size
        store.publish({out.name: target})
    proof = f"{len(names)} tiles joined; all {width}x{height} pixels are the master's"
    return Joined(path=out, kind="picture", proof=proof, bytes=size, certificate=certificate, warnings=_foreign(there))


def _restored(volumes: Sequence[Path], out: Path, sha256: str | None, store: Store, tick: Tick) -> int:
    with store.workspace() as work:
        target = work / "restored"
        restore(volumes, target, sha256=sha256, tick=tick)
        size = target.stat().st_size
        store.publish({out.name: target})
    return size


def _signed(
    path: Path, original: bool, anchors: Sequence[x509.Certificate] | Trust
) -> tuple[Path, dict[str, Any]] | None:
    """The certificate of something that can be joined; None where the folder holds volumes and no certificate."""
    try:
        certificates = verify.find_certificates(path)
    except InputError:
        if path.is_dir():
            return None
        raise
    found = []
    for certificate in certificates:
        predicate = _predicate(certificate, anchors)
        tiles = predicate["pieces"] and predicate["pieces"]["kind"] == "tiles"
        if predicate["original"] if original else (predicate["parts"] or tiles or predicate["original"]):
            found.append((certificate, predicate))
    if not found:
        raise InputError(
            "no certificate here describes " + ("volumes of an original" if original else "parts or volumes"),
            where=str(path),
            hint="a delivery in one file needs no joining, nor do the pages of one",
            code="nothing-to-join",
        )
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} deliveries here can be joined",
            where=str(path),
            hint=f"name one certificate, such as {found[0][0].name}",
            code="several-deliveries",
        )
    return found[0]


def _predicate(certificate: Path, anchors: Sequence[x509.Certificate] | Trust) -> dict[str, Any]:
    try:
        content = certificate.read_bytes()
        signature = certificate.with_name(f"{certificate.name}.p7s").read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(error.filename), code="input-unreadable"
        ) from None
    try:
        verify.check_signature(content, signature, anchors)
    except CertificateError as error:
        error.where = error.where or certificate.name
        raise
    predicate: dict[str, Any] = json.loads(content)["predicate"]
    return predicate


def _complete(folder: Path, wanted: Sequence[Expected], kind: str) -> Survey:
    there = survey(folder, wanted)
    if there.complete:
        return there
    numbers = {item.name: number for number, item in enumerate(wanted, start=1)}
    hints = dict.fromkeys(there.missing, "missing") | dict(there.damaged)
    lines = [f"{kind} {numbers[name]} of {len(wanted)} ({name}) {_fault(reason)}" for name, reason in hints.items()]
    lines += [f"{name} {hint}" for name, hint in there.hints]
    raise InputError(
        "; ".join(lines[:5]) + (f"; and {len(lines) - 5} more" if lines[5:] else ""),
        where=str(folder),
        hint="ask the sender for these and join again",
        code="parts-incomplete",
        details=there.to_dict(),
    )


def _fault(reason: str) -> str:
    return "is missing" if reason == "missing" else f"is damaged: {reason}"


def _foreign(there: Survey) -> tuple[str, ...]:
    return tuple(f"{name} is no file of this delivery and was not used" for name in there.foreign)


def _unsigned(path: Path, out: Path, store: Store, tick: Tick) -> Joined:
    """Volumes that came without their certificate: put together by their names alone, and said so."""
    found = expected_from_names(path)
    if found.missing:
        numbers = ", ".join(str(number) for number in found.missing[:12]) + (", ..." if found.missing[12:] else "")
        raise InputError(
            f"of {found.count} volumes of {found.stem} these are missing: {numbers}",
            where=str(path),
            hint="ask the sender for these and join again",
            code="parts-incomplete",
        )
    size = _restored(found.paths, out, None, store, tick)
    return Joined(
        path=out, kind="original", bytes=size, certificate=None,
        proof=f"{found.count} volumes put together in the order of their names",
        warnings=("there is no certificate here, so nothing proves that this is the sender's original",),
    )  # fmt: skip

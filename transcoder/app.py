"""What the outside calls: delivering and joining, and all that ``looking``, ``checking`` and ``wiring`` offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder import profile as profiles
from transcoder import spare
from transcoder.audit.base import Sent
from transcoder.audit.base import job as audited
from transcoder.auditing import read_audit, sign_audit, verify_audit
from transcoder.certificate.trustfolder import Entry
from transcoder.checking import export_record, render_report, verify
from transcoder.looking import Inspection, inspect, inspect_regions, picture_at, plan, video_streams
from transcoder.model import (
    CaseFields,
    Delivery,
    Override,
    Progress,
    ProgressCallback,
    ignore_progress,
)
from transcoder.parts.chunks import ChunkStore
from transcoder.profile import Profile
from transcoder.request import Request, ignore_sent
from transcoder.settings import Settings
from transcoder.storage import local
from transcoder.wiring import KeyStatus, add_trust, anchors, journal, key_status, rotate_keys, services, trust_folder

if TYPE_CHECKING:
    from transcoder import joining, receiving


def transcode(
    source: Path | str,
    *,
    profile: Profile | str = "cps-twif-1mb",
    out: Path | str,
    cap_bytes: int | None = None,
    case: CaseFields | None = None,
    override: Override | None = None,
    progress: ProgressCallback = ignore_progress,
    settings: Settings | None = None,
    regions: Path | str | None = None,
    with_original: bool = False,
    stills: int | None = None,
    within_s: Fraction | None = None,
    from_s: Fraction | None = None,
    to_s: Fraction | None = None,
    stream: int | None = None,
    chunks: ChunkStore | None = None,
    on_sent: Callable[[Sent], None] = ignore_sent,
) -> Delivery:
    """Deliver one video or picture under a transmission profile.

    :param source: the master; it is opened read-only and hashed before and after.
    :param profile: a profile, the name of a shipped one, or the path of a TOML file.
    :param out: the folder for the delivery; it is made when needed, and nothing in it is overwritten.
    :param cap_bytes: another cap than the profile's.
    :param case: structured case fields for the certificate.
    :param override: a named person's decision to accept a result below the floors.
    :param progress: called with every progress event; an exception raised in it stops the work cleanly.
    :param regions: a JSON file of regions that a person marked (docs/regions.schema.json).
    :param with_original: also send the untouched source, in volumes under the cap.
    :param stills: so many of a video's best frames go along as pictures; None means what the profile says.
    :param within_s: be ready in so many seconds, with less encoding effort where it must be.
    :param from_s: deliver a clip: from the frame that is shown this long after the first one.
    :param to_s: up to this moment; frames that begin later are left out.
    :param stream: number of the video stream to deliver, of several; None means the best one.
    :param chunks: where parts of a video are kept while they are being made, for who goes on after a crash or helps.
    :param on_sent: called before any work where the audit log knows an earlier delivery of the same.
    :returns: the published files, the verdict and the scores.
    :raises NoAcceptableEncoding: where nothing meets cap and floors; a signed refusal is written.
    :raises InputError: where the source is not usable.
    :raises TranscodeError: any other failure; nothing is left behind.
    """
    settings = settings or Settings.from_environment()
    with spare.child(settings.sandbox) as child:
        from transcoder import pipeline

        loaded = profile if isinstance(profile, Profile) else profiles.load(profile)
        if cap_bytes is not None:
            loaded = loaded.with_cap(cap_bytes)
        request = Request(
            source=Path(source),
            profile=loaded,
            case=case or CaseFields(),
            override=override,
            progress=progress,
            regions=Path(regions) if regions is not None else None,
            with_original=with_original,
            stills=stills,
            within_s=within_s,
            clip=(from_s, to_s) if from_s is not None or to_s is not None else None,
            stream=stream,
            chunks=chunks,
            on_sent=on_sent,
        )
        return pipeline.transcode(request, services(Path(out), settings), child)


def join(
    path: Path | str,
    *,
    out: Path | str,
    original: bool = False,
    ca: Path | str | None = None,
    progress: ProgressCallback = ignore_progress,
    settings: Settings | None = None,
) -> joining.Joined:
    """Put a delivery in parts together again, by stream copy, and prove that all frames are there.

    :param path: the folder with the parts, or their certificate.
    :param out: the file to write; it must not exist.
    :param original: restore the untouched original from its volumes instead.
    :param ca: PEM file of trusted authorities; without it, this machine's own and the trust folder's.
    :raises InputError: naming each part that is missing, damaged or swapped (``parts-incomplete``).
    :raises CertificateError: where the certificate does not hold, or the whole is not what it names.
    """

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(path), phase=phase, done=done, total=total, unit="bytes"))

    from transcoder import joining

    target, settings = Path(out), settings or Settings.from_environment()
    trusted = anchors(Path(ca) if ca is not None else None, settings)
    store = local.LocalStore(target.absolute().parent)
    with audited(journal(settings), "join", {"path": str(Path(path).absolute()), "original": original}) as entry:
        entry.begin({"target": str(target.absolute())})
        return joining.join(
            Path(path), target, original=original, anchors=trusted, store=store, policy=settings.sandbox,
            entry=entry, tick=tick,
        )  # fmt: skip


def receive(
    path: Path | str,
    *,
    name: str | None = None,
    out: Path | str | None = None,
    ca: Path | str | None = None,
    progress: ProgressCallback = ignore_progress,
    settings: Settings | None = None,
) -> list[receiving.Received]:
    """Look through what arrived, and write a signed receipt for each delivery.

    :param path: the folder that the files arrived in, a certificate, or one of its files.
    :param name: who receives, in words; it stands in the receipt.
    :param out: the folder for receipts; without it, the one that the certificate lies in. Nothing is overwritten.
    :param ca: PEM file of the sender's authorities; without it, this machine's own.
    :raises InputError: where no certificate belongs to the path.
    :raises CertificateError: where a certificate does not hold or its signer is not trusted here.
    :raises StorageError: where the receipt, or its entry in the audit log, cannot be written.
    """

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(path), phase=phase, done=done, total=total, unit="files"))

    from transcoder import receiving

    settings, arrived = settings or Settings.from_environment(), Path(path)
    folder = Path(out) if out is not None else arrived if arrived.is_dir() else arrived.absolute().parent
    wired = services(folder, settings)
    if ca is not None:
        wired = replace(wired, anchors=anchors(Path(ca), settings))
    return receiving.receive(arrived, wired, name=name, tick=tick)


def make_chunk(
    source: Path | str, kit: Path | str, name: str, *, out: Path | str,
    progress: ProgressCallback = ignore_progress, settings: Settings | None = None,
) -> None:  # fmt: skip
    """Make one part of a video that another process delivers in parts (``parts.chunks``).

    :param source: the same file as there.
    :param kit: what that process found before its first part.
    :param name: which frames.
    :param out: the file to write.
    :raises TranscodeError: where it cannot be made.
    """

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(source), phase=phase, done=done, total=total))

    policy = (settings or Settings.from_environment()).sandbox
    with spare.child(policy) as child:
        from transcoder import sharing

        sharing.make_chunk(Path(source), Path(kit), name, Path(out), policy=policy, tick=tick, child=child)


def expand(paths: Iterable[Path]) -> list[Path]:
    """Files that a list of files and folders stands for; folders give their own files, sorted, not hidden ones."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(item for item in path.iterdir() if item.is_file() and not item.name.startswith("."))
        else:
            found.append(path)
    return list(dict.fromkeys(found))


__all__ = [
    "Entry",
    "Inspection",
    "KeyStatus",
    "add_trust",
    "expand",
    "export_record",
    "inspect",
    "inspect_regions",
    "join",
    "key_status",
    "make_chunk",
    "picture_at",
    "plan",
    "read_audit",
    "receive",
    "render_report",
    "rotate_keys",
    "services",
    "sign_audit",
    "transcode",
    "trust_folder",
    "verify",
    "verify_audit",
    "video_streams",
]

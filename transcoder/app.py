"""Wiring only: settings become services, and the public functions get theirs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from transcoder import profile as profiles
from transcoder.certificate import keys
from transcoder.certificate import verify as verification
from transcoder.certificate.signer import PemSigner
from transcoder.certificate.verify import Outcome, Step, Verification
from transcoder.errors import CertificateError, UsageError
from transcoder.model import (
    CaseFields,
    Delivery,
    Override,
    Progress,
    ProgressCallback,
    RegionSet,
    SourceInfo,
    ignore_progress,
)
from transcoder.naming import safe_stem
from transcoder.profile import Profile
from transcoder.request import Request, Services
from transcoder.sandbox import parent
from transcoder.sandbox.parent import Task
from transcoder.settings import Settings
from transcoder.storage import local

if TYPE_CHECKING:
    from transcoder import joining
    from transcoder.outlook import Forecast


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """Where the signing key comes from."""

    folder: Path
    created: bool
    subject: str
    certificate_sha256: str
    self_issued: bool
    valid_until: datetime
    ca_file: Path


def key_status(settings: Settings | None = None) -> KeyStatus:
    """Make the self-issued key where there is none and none is named, and describe the one in use.

    :raises CertificateError: where a named key cannot be used.
    """
    settings = settings or Settings.from_environment()
    created = settings.signer_key is None and keys.initialise(settings.keys_dir)
    pair, ca_file = _load(settings)
    return KeyStatus(
        folder=settings.keys_dir,
        created=created,
        subject=pair.certificate.subject.rfc4514_string(),
        certificate_sha256=keys.fingerprint(pair.certificate),
        self_issued=keys.is_self_issued(pair.certificate),
        valid_until=pair.certificate.not_valid_after_utc,
        ca_file=ca_file,
    )


def _load(settings: Settings) -> tuple[keys.KeyPair, Path]:
    if (settings.signer_key is None) != (settings.signer_cert is None):
        raise UsageError("TRANSCODER_SIGNER_KEY and TRANSCODER_SIGNER_CERT belong together", hint="set both or neither")
    if settings.signer_key is not None and settings.signer_cert is not None:
        pair = keys.load_pair(settings.signer_key, settings.signer_cert, settings.signer_chain)
        return pair, settings.signer_chain or settings.signer_cert
    folder = settings.keys_dir
    keys.initialise(folder)
    pair = keys.load_pair(folder / keys.LEAF_KEY_FILE, folder / keys.LEAF_FILE, folder / keys.CA_FILE)
    return pair, folder / keys.CA_FILE


def services(out: Path, settings: Settings | None = None) -> Services:
    """Everything a job needs, for deliveries into ``out``.

    :raises CertificateError: where the signing key cannot be used.
    """
    settings = settings or Settings.from_environment()
    pair, _ = _load(settings)
    return Services(
        store=local.LocalStore(out),
        signer=PemSigner(pair),
        anchors=pair.chain or (pair.certificate,),
        now=lambda: datetime.now(UTC),
        sandbox=settings.sandbox,
    )


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
    :returns: the published files, the verdict and the scores.
    :raises NoAcceptableEncoding: where nothing meets cap and floors; a signed refusal is written.
    :raises InputError: where the source is not usable.
    :raises TranscodeError: any other failure; nothing is left behind.
    """
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
    )
    return pipeline.transcode(request, services(Path(out), settings))


def verify(
    path: Path | str,
    *,
    source: Path | str | None = None,
    ca: Path | str | None = None,
    progress: ProgressCallback = ignore_progress,
    settings: Settings | None = None,
) -> list[Verification]:
    """Verify every certificate that a path stands for.

    :param path: a delivery's folder, one of its files, or a certificate.
    :param source: the master, to measure again.
    :param ca: PEM file of trusted authorities; without it, this machine's own.
    :raises InputError: where no certificate belongs to the path.
    :raises CertificateError: where ``ca`` cannot be read.
    """

    from transcoder import tasks

    settings = settings or Settings.from_environment()

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(path), phase=phase, done=done, total=total))

    def measure(parsed: dict[str, Any], master: Path, folder: Path) -> list[Step]:
        arguments = {"parsed": parsed, "source": master, "folder": folder}
        steps = _in_child(tasks.REMEASURE, arguments, settings, master, _files_of(parsed, folder), tick)
        return list(steps)

    anchors = _anchors(Path(ca) if ca is not None else None, settings)
    return [
        verification.verify(
            certificate,
            anchors=anchors,
            source=Path(source) if source is not None else None,
            measure=measure,
        )
        for certificate in verification.find_certificates(Path(path))
    ]


def plan(
    source: Path | str,
    *,
    profile: Profile | str = "cps-twif-1mb",
    cap_bytes: int | None = None,
    max_parts: int | None = None,
    stream: int | None = None,
    progress: ProgressCallback = ignore_progress,
    settings: Settings | None = None,
) -> Forecast:
    """Predict what ``transcode`` would deliver, from short samples of the source; nothing is written.

    :param stream: number of the video stream that is meant, of several.
    :raises InputError: where the source is not usable.
    """
    from transcoder import tasks

    loaded = profile if isinstance(profile, Profile) else profiles.load(profile)
    loaded = loaded.with_cap(cap_bytes) if cap_bytes is not None else loaded
    loaded = loaded.with_max_parts(max_parts) if max_parts is not None else loaded

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(source), phase=phase, done=done, total=total, unit="samples"))

    local.confirm_readable(Path(source))
    arguments = {"path": Path(source), "profile": loaded, "stream": stream}
    return _in_child(tasks.PLAN, arguments, settings or Settings.from_environment(), Path(source), (), tick)


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
    :param ca: PEM file of trusted authorities; without it, this machine's own.
    :raises InputError: naming each part that is missing, damaged or swapped (``parts-incomplete``).
    :raises CertificateError: where the certificate does not hold, or the whole is not what it names.
    """

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(path), phase=phase, done=done, total=total, unit="bytes"))

    from transcoder import joining

    target, settings = Path(out), settings or Settings.from_environment()
    anchors = _anchors(Path(ca) if ca is not None else None, settings)
    store = local.LocalStore(target.absolute().parent)
    return joining.join(
        Path(path), target, original=original, anchors=anchors, store=store, policy=settings.sandbox, tick=tick
    )


def _anchors(ca: Path | None, settings: Settings) -> Sequence[Any]:
    if ca is not None:
        return keys.load_certificates(ca)
    own = [settings.signer_chain or settings.signer_cert, settings.keys_dir / keys.CA_FILE]
    return [
        certificate
        for path in own
        if path is not None and path.exists()
        for certificate in keys.load_certificates(path)
    ]


def inspect(path: Path | str, *, stream: int | None = None, settings: Settings | None = None) -> SourceInfo:
    """Describe a source: hash, container, streams, timing, or the picture's properties.

    :param stream: number of the video stream that is meant, of several; None means the best one.
    :raises InputError: where it is not media.
    :raises UsageError: where it has no such video stream.
    """
    from transcoder import tasks

    admitted = local.admit(Path(path))
    arguments = {"path": Path(path), "sha256": admitted.sha256, "stream": stream}
    found = _in_child(tasks.INSPECT, arguments, settings or Settings.from_environment(), Path(path), (), _no_tick)
    return replace(found, path=Path(path), bytes=admitted.bytes, sha256=admitted.sha256)


def video_streams(path: Path | str, *, settings: Settings | None = None) -> list[int]:
    """Numbers of the video streams that can be asked for, in the file's order.

    :raises InputError: where it is not media.
    """
    source = inspect(path, settings=settings)
    others = [track.index for track in source.others if track.footage]
    return sorted([*others, source.video.index]) if source.video is not None else []


R = TypeVar("R")


def _in_child(
    task: Task[R], arguments: Mapping[str, Any], settings: Settings, source: Path, files: Sequence[Path],
    tick: Callable[[str, int, int | None], None],
) -> R:  # fmt: skip
    """Do a task that leaves no files behind.

    :param files: what it may read beside the source.
    """
    with tempfile.TemporaryDirectory(prefix="transcoder-") as folder:
        answer = parent.run(
            task, arguments, policy=settings.sandbox, name=source.name, read=[source, *files], work=Path(folder),
            tick=tick, source_bytes=source.stat().st_size,
        )  # fmt: skip
    return answer.value


def _files_of(parsed: Mapping[str, Any], folder: Path) -> list[Path]:
    """The files of a delivery; none that lie elsewhere."""
    names = [item["name"] for item in parsed["predicate"]["files"]]
    return [folder / name for name in names if Path(name).name == name]


def _no_tick(_phase: str, _done: int, _total: int | None) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Inspection:
    """What ``inspect_regions`` wrote."""

    found: RegionSet
    document: Path
    sheet: Path


def inspect_regions(
    path: Path | str,
    *,
    out: Path | str,
    regions: Path | str | None = None,
    stream: int | None = None,
    progress: ProgressCallback = ignore_progress,
    settings: Settings | None = None,
) -> Inspection:
    """Find the regions of a source and write them as JSON and as a contact sheet.

    :param out: the folder for both files; it is made when needed, and nothing in it is overwritten.
    :param regions: a JSON file of regions that a person marked, shown with the others.
    :param stream: number of the video stream to look at, of several.
    :raises InputError: where the source is not usable.
    :raises StorageError: where a file of that name exists or cannot be written.
    """
    from transcoder import tasks

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(path), phase=phase, done=done, total=total))

    source, settings = Path(path), settings or Settings.from_environment()
    admitted = local.admit(source)
    stem = safe_stem(SourceInfo(path=source, bytes=admitted.bytes, sha256=admitted.sha256, container="", stream=stream))
    names = {"document": f"{stem}.regions.json", "sheet": f"{stem}.regions.jpg"}
    store = local.LocalStore(Path(out))
    store.reserve(list(names.values()))
    marked = Path(regions) if regions is not None else None
    with store.workspace() as work:
        made = work / "made"
        made.mkdir()
        answer = parent.run(
            tasks.SCOUT, {"path": source, "sha256": admitted.sha256, "regions": marked, "stream": stream},
            policy=settings.sandbox,
            name=source.name, read=[source, *([marked] if marked else [])], work=made, tick=tick,
            source_bytes=admitted.bytes,
        )  # fmt: skip
        sheet, document = (local.confirm_own(made / name, made) for name in (tasks.SHEET, tasks.DOCUMENT))
        # The JSON is the commit mark: where it is, the sheet is too.
        written = store.publish({names["sheet"]: sheet, names["document"]: document})
    return Inspection(answer.value, written[names["document"]], written[names["sheet"]])


def render_report(
    path: Path | str,
    *,
    out: Path | str,
    source: Path | str | None = None,
    ca: Path | str | None = None,
    settings: Settings | None = None,
) -> Path:
    """Render the report of a delivery again, after verifying its certificate.

    :param source: the master; with it the report shows the worst moment before and after.
    :raises CertificateError: where the certificate does not verify, or ``source`` is not its master.
    :raises StorageError: where ``out`` exists or cannot be written.
    """
    from transcoder import tasks
    from transcoder.report import html

    settings = settings or Settings.from_environment()
    result = verify(path, ca=ca, settings=settings)[0]
    failed = next((step for step in result.steps if step.outcome is Outcome.FAILED), None)
    if failed is not None or result.statement is None or result.signature is None:
        raise CertificateError(
            f"step {failed.number} failed, {failed.title}: {failed.detail}" if failed else "not verified",
            where=result.certificate.name,
        )
    shown = html.Illustrations()
    if source is not None:
        verification.confirm_master(result.statement, Path(source))
        folder = result.certificate.parent
        arguments = {"parsed": result.statement, "source": Path(source), "folder": folder}
        files = _files_of(result.statement, folder)
        shown = _in_child(tasks.ILLUSTRATE, arguments, settings, Path(source), files, _no_tick)
    kind = "refusal" if result.certificate.name.endswith(".refusal.json") else "certificate"
    target = Path(out)
    page = html.page(
        result.statement,
        html.SignedBy(result.signature.subject, result.signature.self_issued),
        names={
            kind: result.certificate.name,
            "signature": f"{result.certificate.name}.p7s",
            "report": target.name,
        },
        shown=shown,
        max_bytes=result.statement["predicate"]["profile"]["payload_cap_bytes"],
    )
    store = local.LocalStore(target.absolute().parent)
    with store.workspace() as work:
        (work / "report").write_text(page, encoding="utf-8")
        return store.publish({target.name: work / "report"})[target.name]


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
    "KeyStatus",
    "expand",
    "inspect",
    "join",
    "key_status",
    "plan",
    "render_report",
    "services",
    "transcode",
    "verify",
    "video_streams",
]

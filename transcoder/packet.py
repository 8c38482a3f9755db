"""The packet: what the child made, held against what the parent knows, signed, and reported.

A child that was taken over by what it decoded may have lied in everything it measured; that shows when somebody
measures again. It cannot lie about which files these are, whose they are, or what was asked for: all of that is put
into the statement here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transcoder.certificate import describing, form, sealing, sets, verify
from transcoder.crediting import Credited, foreign
from transcoder.errors import CapUnreachable, CertificateError, OutputMismatch
from transcoder.made import Made, MadeFile
from transcoder.model import DeliveredFile, SourceInfo, Verdict
from transcoder.parts.volumes import Volume
from transcoder.profile import Profile
from transcoder.report import html
from transcoder.request import Request, Services
from transcoder.sandbox.confine import Layers
from transcoder.storage import local
from transcoder.version import __version__

ROLES = frozenset(("media", "still", "part", "overview", "tile", "crop", "page", "frame", "evidence"))


@dataclass(frozen=True, slots=True)
class Packet:
    """Files in the workspace by final name, commit mark last, and each described."""

    files: Mapping[str, Path]
    described: Sequence[DeliveredFile]
    statement: Mapping[str, object]


def prepare() -> None:
    """Load what the end of a job needs, at a time when nobody waits for it."""
    html.prepare()
    form.prepare()


def certify(
    made: Made,
    credited: Credited,
    original: Sequence[Volume],
    layers: Layers | None,
    source: SourceInfo,
    request: Request,
    services: Services,
    work: Path,
) -> Packet:
    """Take what was made, sign the statement about it, verify the signature, and render the report from that.

    :param layers: of the sandbox it was made in; None where there was none.
    :param source: the master as the parent knows it.
    :param work: the folder of the delivery; what was made is in ``work / "made"``.
    :raises OutputMismatch: where a file is not what was promised.
    :raises CertificateError: where the statement breaks its schema.
    """
    cap, subjects = request.profile.payload_cap_bytes, credited.described
    stated = _stated(made, credited, original, layers, source, request, services)
    sealed = sealing.seal(stated, services.signer, services.stamper, services.warnings)
    statement, content, signature = sealed.statement, sealed.content, sealed.signature
    facts = verify.check_signature(content, signature, services.anchors)

    stem, kind = made.stem, "refusal" if made.refused else "certificate"
    names = {kind: f"{stem}.{kind}.json", "signature": f"{stem}.{kind}.json.p7s", "report": f"{stem}.report.html"}
    page = html.page(
        statement, html.SignedBy(facts.subject, facts.self_issued), names=names, shown=made.shown, max_bytes=cap
    )
    contents = {names["report"]: page.encode(), names["signature"]: signature, names[kind]: content}
    for name, data in contents.items():
        if len(data) > cap:
            raise CapUnreachable(
                f"{name} alone is {len(data)} bytes, over the cap of {cap}",
                hint="a certificate needs more room than this cap leaves",
            )
        (work / f"final-{name}").write_bytes(data)
    sidecars = {name: work / f"final-{name}" for name in contents}
    roles = {name: key for key, name in names.items()}
    parcels = [
        DeliveredFile(role="volume", path=Path(item.path.name), bytes=item.bytes, sha256=item.sha256)
        for item in original
    ]
    described = [*subjects, *parcels, *(_describe(name, path, roles[name]) for name, path in sidecars.items())]
    return Packet(
        {**credited.files, **{item.path.name: item.path for item in original}, **sidecars}, described, statement
    )


def confirm(made: Made, folder: Path, profile: Profile) -> Sequence[DeliveredFile]:
    """The media that the child made, each held against what a delivery is. See ``confirm_file``."""
    return [confirm_file(item, made, folder, profile.payload_cap_bytes) for item in made.files]


def confirm_file(item: MadeFile, made: Made, folder: Path, cap_bytes: int) -> DeliveredFile:
    """A file of the child's, hashed here. The child has ended: nothing changes any more.

    :raises SandboxError: where it is no regular file of its own inside the folder, or has a name or role that no
        delivery has.
    :raises OutputMismatch: where it is over the cap.
    """
    plain = item.name == Path(item.name).name and item.name.isprintable() and len(os.fsencode(item.name)) <= 255
    if not plain or not item.name.startswith(made.stem) or item.role not in ROLES:
        raise foreign("a file that no delivery has")
    size = local.confirm_own(item.path, folder).stat().st_size
    if size > cap_bytes:
        raise OutputMismatch(f"{size} bytes are over the cap of {cap_bytes}", where=item.name)
    return _describe(item.name, item.path, item.role)


def _stated(
    made: Made, credited: Credited, original: Sequence[Volume], layers: Layers | None,
    source: SourceInfo, request: Request, services: Services,
) -> dict[str, Any]:  # fmt: skip
    """The statement with everything in it that the parent knows by itself."""
    stated: Any = made.statement.get("predicate")
    if not isinstance(stated, dict) or not isinstance(stated.get("source"), dict):
        raise CertificateError("the statement has no predicate", code="statement-invalid")
    tool, subjects = stated.get("tool"), credited.described
    about = {"name": source.name, "bytes": source.bytes, "sha256": source.sha256}
    predicate = stated | {
        "warnings": [],
        "verdict": str(made.verdict),
        "issued_at": describing.moment(services.now()),
        "tool": {
            **(tool if isinstance(tool, dict) else {}),
            "name": "transcoder",
            "version": __version__,
            "sandbox": layers.to_dict() if layers is not None else None,
        },
        "signer": describing.describe_signer(services.signer.identity),
        "case": request.case.to_dict(),
        "source": stated["source"] | about,
        "profile": describing.describe_profile(request.profile),
        "files": describing.list_files(subjects),
        "events": describing.list_events(made.verdict, subjects),
        "delivery": _grown(stated.get("delivery"), made, subjects, request.profile.payload_cap_bytes),
        "fates": _fates(stated.get("fates"), credited),
        "credentials": dict(credited.section),
        "original": sets.original(source, original),
        "override": describing.describe_override(request.override if made.verdict is Verdict.DEGRADED else None),
        "refusal": dict(made.refused.described) if made.refused else None,
        "notice": describing.notice(made.verdict, source.name, source.sha256),
    }
    if (made.verdict is Verdict.REFUSED) != (made.refused is not None):
        raise foreign("a verdict that contradicts itself")
    if made.verdict is Verdict.IDENTICAL and source.sha256 not in {item.sha256 for item in subjects}:
        raise foreign("other bytes that it calls identical")
    if made.verdict is Verdict.DEGRADED and request.override is None:
        raise foreign("a degraded delivery that nobody asked for")
    return {
        "_type": form.STATEMENT_TYPE,
        "subject": describing.list_subjects(subjects, source.name, source.sha256),
        "predicateType": form.PREDICATE_TYPE,
        "predicate": predicate,
    }


def _grown(delivery: Any, made: Made, subjects: Sequence[DeliveredFile], cap_bytes: int) -> Any:
    """The delivery with the sizes that its files have with their manifests."""
    if not isinstance(delivery, dict):
        return delivery
    before = {item.name: item.path.stat().st_size for item in made.files}
    names = [item.path.name for item in subjects if item.path.name in before]
    roles = {item.path.name: item.role for item in subjects}
    counted = [name for name in names if roles[name] in ("tile", "page", "frame", "part")]
    counted = counted or [name for name in names if roles[name] not in ("evidence", "crop")]
    sizes = {item.path.name: item.bytes for item in subjects}
    size = sum(sizes[name] for name in counted)
    if delivery.get("bytes") != sum(before[name] for name in counted):
        raise foreign("files of other sizes than it says")
    return delivery | {"bytes": size, "share_of_cap": describing.number(size / cap_bytes / max(1, len(counted)))}


def _fates(stated: Any, credited: Credited) -> Any:
    """What the child says became of everything, with what is known better of what the source was signed with."""
    if not isinstance(stated, list):
        return stated
    known = any("C2PA manifest" in fate.item for fate in credited.fates)
    rest = [item for item in stated if not (known and isinstance(item, dict) and "C2PA manifest" in str(item))]
    return rest + describing.list_fates(credited.fates)


def _describe(name: str, path: Path, role: str) -> DeliveredFile:
    return DeliveredFile(role=role, path=Path(name), bytes=path.stat().st_size, sha256=local.sha256_of(path))

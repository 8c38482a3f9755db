"""The spine: one source in, one certified delivery out. Reads like a table of contents."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from transcoder import search
from transcoder.certificate import statement as statements
from transcoder.certificate import verify
from transcoder.certificate.base import Signer
from transcoder.encode import fates
from transcoder.encode.base import EncodeJob, Tick
from transcoder.encode.ladder import Plan, plan_ladder
from transcoder.errors import CapUnreachable, EncodeError, FloorUnreachable, NoAcceptableEncoding
from transcoder.media.index import clip
from transcoder.media.probe import probe
from transcoder.model import (
    Attempt,
    CaseFields,
    Choice,
    DeliveredFile,
    Delivery,
    EncodeSpec,
    Fidelity,
    Override,
    Progress,
    ProgressCallback,
    Region,
    Rung,
    SourceInfo,
    Verdict,
    exact_clock,
)
from transcoder.parts import volumes
from transcoder.parts.volumes import Volume
from transcoder.profile import Profile
from transcoder.refusal import Refusal, build_refusal
from transcoder.report import html
from transcoder.storage import local
from transcoder.storage.base import Store
from transcoder.studio import Studio

if TYPE_CHECKING:
    from transcoder.evidence import EvidenceStill
    from transcoder.haste import Haste
    from transcoder.metrics.checks import Checked
    from transcoder.metrics.measure import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the outer layers wire in."""

    store: Store
    signer: Signer
    anchors: Sequence[x509.Certificate]
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One job."""

    source: Path
    profile: Profile
    case: CaseFields
    override: Override | None
    progress: ProgressCallback
    regions: Path | None = None
    """A file of regions that a person marked."""
    with_original: bool = False
    """Also send the untouched source in volumes, as a profile may ask as well."""
    within_s: Fraction | None = None
    """Be ready in this time, with less effort where it must be."""
    stills: int | None = None
    """How many evidence stills of a video go along; None means what the profile says."""
    clip: tuple[Fraction | None, Fraction | None] | None = None
    """Only what is shown between two moments, in seconds from the first frame."""


def transcode(request: Request, services: Services) -> Delivery:
    """Deliver one source under a profile.

    :returns: the published delivery.
    :raises InputError: where the source is unusable; nothing is written.
    :raises NoAcceptableEncoding: a refusal; its ``delivery`` attribute names the signed refusal that was written.
    :raises StorageError: where the delivery cannot be written; nothing is left.
    """
    started = time.monotonic()
    tick = _ticker(request)
    admitted = local.admit(request.source, tick)
    source = master = probe(request.source, sha256=admitted.sha256)
    if request.clip is not None:
        source = clip(master, *request.clip, tick)
    stem = delivery_stem(source, request.profile)
    services.store.reserve([f"{stem}.{ending}" for ending in ("certificate.json", "refusal.json")])
    drawn = _drawn(request, source)
    cap = request.profile.payload_cap_bytes

    with services.store.workspace() as work:
        profile, haste = request.profile, None
        if request.within_s is not None:
            profile, haste = _hurried(source, profile, request.within_s, started, work, tick)
        job = EncodeJob(source=source, profile=profile, cap_bytes=cap, workdir=work, tick=tick)
        studio = Studio(job)
        plan, choice = _decide(studio, drawn, degraded=request.override is not None)
        outcome = _Outcome(request, source, master, plan, choice, studio, studio.check(choice), haste)
        refusal = build_refusal(choice, plan, request.profile, source, studio) if choice.winner is None else None
        stills = _evidence(outcome, drawn)
        original = _volumes(outcome, work, tick)
        local.confirm_unchanged(admitted, tick)
        packet = _certify(outcome, refusal, stills, original, services, work, stem)
        published = services.store.publish(packet.files)

    return _result(outcome, packet, published, refusal, time.monotonic() - started)


def _hurried(
    source: SourceInfo, profile: Profile, within_s: Fraction, began: float, work: Path, tick: Tick
) -> tuple[Profile, Haste]:
    from transcoder.haste import hurry

    folder = work / "forecast"
    folder.mkdir()
    return hurry(source, profile, within_s, began, folder, tick)


def _decide(studio: Studio, drawn: Sequence[Region], *, degraded: bool) -> tuple[Plan, Choice]:
    """Walk down the ladder: what changes no sample, one lossy file, several; and what a person accepts, at last."""
    job = studio.job
    choose = partial(search.choose, cap_bytes=job.cap_bytes, floors=job.profile.floors, probe=studio)
    plan = plan_ladder(job.source, job.profile, job.cap_bytes)
    choice = choose(plan.gentle)
    if choice.winner is not None or len(plan.rungs) == len(plan.gentle):
        return plan, choice
    studio.look_for_regions(drawn)
    plan = plan_ladder(job.source, job.profile, job.cap_bytes, studio.regions.kinds())
    choice = choose(plan.whole, before=choice.attempts)
    if choice.winner is None and plan.parts is not None:
        choice = _in_parts(studio, plan.parts, choice) if job.source.video else _in_pieces(studio, plan.parts, choice)
    return plan, search.accept_nearest(choice) if degraded else choice


def _in_parts(studio: Studio, rung: Rung, choice: Choice) -> Choice:
    """The parts, or the choice so far with the reason why there are none."""
    from transcoder.partition import PartSet, split_video

    try:
        made = split_video(studio, rung, choice.nearest[0] if choice.nearest else None)
    except EncodeError as error:
        made = Attempt(spec=EncodeSpec(rung=rung), bytes=None, fidelity=None, rejected_for=str(error), encodes=1)
    if not isinstance(made, PartSet):
        return replace(choice, attempts=(*choice.attempts, made))
    assert made.choice.encoded is not None
    studio.adopt(made.choice.encoded, made.measurement)
    return replace(made.choice, attempts=(*choice.attempts, *made.choice.attempts))


def _in_pieces(studio: Studio, rung: Rung, choice: Choice) -> Choice:
    """The picture in pieces, or the choice so far with the reason why there are none."""
    from transcoder.pieces import split_still

    made = split_still(studio, rung, choice)
    if isinstance(made, Attempt):
        return replace(choice, attempts=(*choice.attempts, made))
    return replace(made, attempts=(*choice.attempts, *made.attempts))


def delivery_stem(source: SourceInfo, profile: Profile) -> str:
    """The common name of a delivery's files: source, profile and the master's hash, safe on every file system."""
    part = ""
    if source.clip is not None:
        span = f"{exact_clock(source.clip.from_s)}-{exact_clock(source.clip.to_s)}"
        part = f"_clip-{span.replace(':', '.')}"
    return f"{safe_name(source)}_{profile.name}_{source.sha256[:8]}{part}"


def safe_stem(source: SourceInfo) -> str:
    """The common name of files that belong to a source alone."""
    return f"{safe_name(source)}_{source.sha256[:8]}"


def safe_name(source: SourceInfo) -> str:
    """The source's name without its ending, in characters that every file system takes."""
    safe = re.sub(r"[^\w.-]+", "_", Path(source.name).stem).strip("._-")
    # File systems count bytes, and the longest ending and profile name take about half of their 255.
    return safe.encode()[:100].decode("utf-8", "ignore") or "source"


def _drawn(request: Request, source: SourceInfo) -> tuple[Region, ...]:
    """The caller's own regions, read before any work is done on the source."""
    if request.regions is None:
        return ()
    from transcoder.regions import drawn

    return drawn.load(request.regions, source)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the search decided, with everything it was decided from."""

    request: Request
    source: SourceInfo
    """What was delivered: the master, or a clip of it."""
    master: SourceInfo
    plan: Plan
    choice: Choice
    studio: Studio
    checked: Checked
    haste: Haste | None = None

    @property
    def verdict(self) -> Verdict:
        winner, encoded = self.choice.winner, self.choice.encoded
        if winner is None or encoded is None:
            return Verdict.REFUSED
        if self.choice.degraded:
            return Verdict.DEGRADED
        if encoded.lossless_proof is None:
            return Verdict.MEETS_FLOOR
        return Verdict.IDENTICAL if winner.spec.rung.encoder == "copy" else Verdict.LOSSLESS

    @property
    def fidelity(self) -> Fidelity | None:
        """Of what was delivered; of a refusal, of the best file under the cap."""
        attempt = self.choice.winner or (self.choice.nearest[0] if self.choice.nearest else None)
        return attempt.fidelity if attempt else None

    @property
    def pictures(self) -> Measurement | None:
        """The worst moment of the same file."""
        return self.studio.measurement(self.choice)


@dataclass(frozen=True, slots=True)
class _Packet:
    """Files in the workspace by final name, commit mark last, and each described."""

    files: Mapping[str, Path]
    described: Sequence[DeliveredFile]
    statement: Mapping[str, object]


def _evidence(outcome: _Outcome, drawn: Sequence[Region]) -> Sequence[EvidenceStill]:
    """The best frames of a video as pictures, where they are wanted; also beside a refusal."""
    wanted = outcome.request.stills
    count = outcome.request.profile.evidence_stills if wanted is None else wanted
    if outcome.source.video is None or not count:
        return ()
    from transcoder.evidence import evidence_stills

    studio = outcome.studio
    if not studio.index.moments:
        studio.look_for_regions(drawn)
    return evidence_stills(studio, count)


def _volumes(outcome: _Outcome, work: Path, tick: Tick) -> Sequence[Volume]:
    """The original in volumes where it is wanted, also beside a refusal; not where the delivery is the original."""
    wanted = outcome.request.with_original or outcome.request.profile.originals
    if not wanted or outcome.verdict is Verdict.IDENTICAL:
        return ()
    source = outcome.source
    folder = work / "volumes"
    folder.mkdir()
    suffix = re.sub(r"[^\w.]+", "_", source.path.suffix)
    cap = outcome.request.profile.payload_cap_bytes
    return volumes.cut(source.path, folder, name=f"{safe_stem(source)}{suffix}", max_bytes=cap, tick=tick)


def _certify(
    outcome: _Outcome,
    refusal: Refusal | None,
    stills: Sequence[EvidenceStill],
    original: Sequence[Volume],
    services: Services,
    work: Path,
    stem: str,
) -> _Packet:
    """Name the media, sign the statement about it, verify the signature, and render the report from that."""
    request, choice = outcome.request, outcome.choice
    media: dict[str, tuple[Path, str]] = {}
    if choice.winner is not None and choice.encoded is not None:
        media = _named(stem, choice, "still" if outcome.source.still is not None else "media")
    evidence = {f"{stem}{still.suffix}": still for still in stills}
    media |= {name: (still.path, "evidence") for name, still in evidence.items()}
    subjects = [_describe(name, path, role) for name, (path, role) in media.items()]
    offset = fates.offset_item(choice.encoded.timing_offset_s) if choice.encoded else ()
    statement = statements.build(
        statements.StatementInput(
            source=outcome.master,
            clip=outcome.source.clip,
            profile=request.profile,
            verdict=outcome.verdict,
            choice=choice,
            skipped=outcome.plan.skipped,
            subjects=subjects,
            fidelity=outcome.fidelity,
            case=request.case,
            override=request.override if choice.degraded else None,
            signer=services.signer.identity,
            issued_at=services.now(),
            fates=(choice.encoded.fates if choice.encoded else ()) + offset,
            refusal=refusal.to_dict() if refusal else None,
            regions=outcome.studio.regions,
            checked=outcome.checked,
            stills=[still.to_dict(name) for name, still in evidence.items()],
            haste=outcome.haste.to_dict() if outcome.haste is not None else None,
            volumes=original,
        )
    )
    content = statements.canonical(statement)
    signature = services.signer.sign(content)
    facts = verify.check_signature(content, signature, services.anchors)

    kind = "refusal" if refusal else "certificate"
    names = {kind: f"{stem}.{kind}.json", "signature": f"{stem}.{kind}.json.p7s", "report": f"{stem}.report.html"}
    pictures = outcome.pictures
    page = html.render(
        statement,
        html.SignedBy(facts.subject, facts.self_issued),
        names=names,
        before=pictures.before if pictures else None,
        after=pictures.after if pictures else None,
        max_bytes=request.profile.payload_cap_bytes,
        views=pictures.views if pictures else (),
    )
    contents = {names["report"]: page.encode(), names["signature"]: signature, names[kind]: content}
    for name, data in contents.items():
        if len(data) > request.profile.payload_cap_bytes:
            raise CapUnreachable(
                f"{name} alone is {len(data)} bytes, over the cap of {request.profile.payload_cap_bytes}",
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
    files = {name: path for name, (path, _) in media.items()}
    return _Packet({**files, **{item.path.name: item.path for item in original}, **sidecars}, described, statement)


def _named(stem: str, choice: Choice, role: str) -> dict[str, tuple[Path, str]]:
    """Media files and their roles by final name; parts and tiles sort in their order.

    :param role: of a file that holds everything.
    """
    winner, encoded, parts, pieces = choice.winner, choice.encoded, choice.parts, choice.pieces
    assert winner is not None
    assert encoded is not None
    extension = winner.spec.rung.extension
    if pieces is not None:
        piece = "tile" if pieces.kind == "tiles" else "crop"
        named = {f"{stem}{item.suffix}": (item.path, piece) for item in pieces.files}
        if pieces.overview is not None:
            path = pieces.overview.path
            named = {f"{stem}_overview{path.suffix}": (path, "overview"), **named}
        return named
    if parts:
        width = max(2, len(str(len(parts))))
        of = f"of-{len(parts):0{width}d}.{extension}"
        return {f"{stem}_part-{part.number:0{width}d}-{of}": (part.encoded.path, "part") for part in parts}
    return {f"{stem}.{extension}": (encoded.path, role)}


def _describe(name: str, path: Path, role: str) -> DeliveredFile:
    return DeliveredFile(role=role, path=Path(name), bytes=path.stat().st_size, sha256=local.sha256_of(path))


def _result(
    outcome: _Outcome, packet: _Packet, published: Mapping[str, Path], refusal: Refusal | None, seconds: float
) -> Delivery:
    files = tuple(replace(item, path=published[item.path.name]) for item in packet.described)
    winner = outcome.choice.winner
    delivery = Delivery(
        source=outcome.source,
        profile=outcome.request.profile.name,
        verdict=outcome.verdict,
        rung=str(winner.spec.rung.name) if winner else "refuse",
        files=files,
        fidelity=outcome.fidelity,
        rejected=statements.rejected_pairs(outcome.choice, outcome.plan.skipped),
        statement=packet.statement,
        seconds=seconds,
        refusal=refusal.to_dict() if refusal else None,
    )
    if refusal is not None:
        kind: type[NoAcceptableEncoding] = FloorUnreachable if refusal.best is not None else CapUnreachable
        error = kind(refusal.message, where=outcome.source.name, hint=refusal.hint)
        error.delivery = delivery
        raise error
    return delivery


def _ticker(request: Request) -> Callable[[str, int, int | None], None]:
    units = {"hash": "bytes", "confirm": "bytes", "encode": "frames", "measure": "frames"}
    name = str(request.source)

    def tick(phase: str, done: int, total: int | None) -> None:
        request.progress(Progress(source=name, phase=phase, done=done, total=total, unit=units.get(phase, "frames")))

    return tick

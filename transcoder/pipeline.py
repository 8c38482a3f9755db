"""The spine: one source in, one certified delivery out. Reads like a table of contents."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder import search
from transcoder.certificate import statement as statements
from transcoder.encode.base import EncodeJob, Tick
from transcoder.encode.ladder import PAGES, Plan, plan_ladder
from transcoder.errors import CapUnreachable, EncodeError, FloorUnreachable, NoAcceptableEncoding
from transcoder.media.index import clip
from transcoder.media.probe import probe
from transcoder.model import (
    Attempt,
    Choice,
    Delivery,
    EncodeSpec,
    Progress,
    Region,
    Rung,
    SourceInfo,
    Verdict,
)
from transcoder.naming import delivery_stem, safe_stem
from transcoder.packet import Outcome, Packet, certify
from transcoder.parts import volumes
from transcoder.parts.volumes import Volume
from transcoder.profile import Profile
from transcoder.refusal import Refusal, build_refusal
from transcoder.request import Request, Services
from transcoder.storage import local
from transcoder.studio import Studio

if TYPE_CHECKING:
    from transcoder.evidence import EvidenceStill
    from transcoder.haste import Haste


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
        outcome = Outcome(request, source, master, plan, choice, studio, studio.check(choice), haste)
        refusal = build_refusal(choice, plan, request.profile, source, studio) if choice.winner is None else None
        stills = _evidence(outcome, drawn)
        original = _volumes(outcome, work, tick)
        local.confirm_unchanged(admitted, tick)
        packet = certify(outcome, refusal, stills, original, services, work, stem)
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
    if plan.parts is not None and plan.parts.encoder == PAGES:
        if drawn:
            studio.look_for_regions(drawn, wanted=())
        return plan, _in_pieces(studio, plan.parts, choice)  # each page is looked at by itself
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
        made = split_video(studio, rung, choice.nearest)
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


def _drawn(request: Request, source: SourceInfo) -> tuple[Region, ...]:
    """The caller's own regions, read before any work is done on the source."""
    if request.regions is None:
        return ()
    from transcoder.regions import drawn

    return drawn.load(request.regions, source)


def _evidence(outcome: Outcome, drawn: Sequence[Region]) -> Sequence[EvidenceStill]:
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


def _volumes(outcome: Outcome, work: Path, tick: Tick) -> Sequence[Volume]:
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


def _result(
    outcome: Outcome, packet: Packet, published: Mapping[str, Path], refusal: Refusal | None, seconds: float
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

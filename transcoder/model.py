"""Core types: frozen values without I/O. Everything the stages hand to each other is defined here.

Times are exact ``Fraction`` seconds; sizes are integer bytes; scores are floats between -1 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from transcoder.errors import UsageError

Value = str | int | float | bool | None


class Verdict(StrEnum):
    """What a delivery is worth, best first. Values are part of the certificate format."""

    IDENTICAL = "identical"
    LOSSLESS = "lossless"
    MEETS_FLOOR = "meets-floor"
    DEGRADED = "degraded"
    REFUSED = "refused"


class RungName(StrEnum):
    """The ladder, least harm first (the order is the order of ``harm_rank``)."""

    UNCHANGED = "unchanged"
    REWRAP = "rewrap"
    LOSSLESS = "lossless"
    RE_ENCODE = "re-encode"
    SPLIT = "split"
    REDUCE = "reduce"
    REFUSE = "refuse"


class Fate(StrEnum):
    """What became of one stream, tag or property of the source."""

    KEPT = "kept"
    CONVERTED = "converted"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFate:
    """One line of the "what was kept and what was lost" list."""

    item: str
    fate: Fate
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTrack:
    """The video stream of a source, as its container and codec describe it."""

    index: int
    codec: str
    profile: str | None
    pixel_format: str
    width: int
    height: int
    sample_aspect: Fraction | None
    rotation_deg: int
    mirrored: bool
    display_matrix: tuple[int, ...] | None
    interlaced: bool
    color_range: int
    color_primaries: int
    color_trc: int
    color_space: int
    time_base: Fraction
    average_rate: Fraction | None
    start_s: Fraction
    duration_s: Fraction
    frames: int
    timing: str
    """``container`` (exact), ``decode-order`` (the container stores none; rebuilt) or ``assumed`` (raw stream)."""
    variable_rate: bool
    payload_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTrack:
    """One audio stream of a source."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: int
    layout: str
    duration_s: Fraction
    payload_bytes: int
    start_s: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTrack:
    """A stream that is neither the chosen video nor audio: subtitles, telemetry, a second camera."""

    index: int
    kind: str
    codec: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StillInfo:
    """A picture, before any rotation tag is applied."""

    format: str
    mode: str
    width: int
    height: int
    bit_depth: int
    pages: int
    subsampling: str | None
    """``4:4:4``, ``4:2:2``, ``4:2:0`` or None where the format does not say."""
    has_transparency: bool
    orientation: int
    exif_bytes: int
    icc_bytes: int
    xmp_bytes: int
    extras: tuple[str, ...]
    """What else the file carries: further pictures, gain maps, an appended movie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What was admitted: one file, its hash, and what is in it."""

    path: Path
    bytes: int
    sha256: str
    container: str
    video: VideoTrack | None = None
    audio: tuple[AudioTrack, ...] = ()
    others: tuple[OtherTrack, ...] = ()
    still: StillInfo | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's own name, without folders; bytes that are not UTF-8 are shown as escapes."""
        return self.path.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

    @property
    def kind(self) -> str:
        """``video`` or ``still``."""
        return "still" if self.still is not None else "video"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """The one number a lossy rung is tuned by, such that a larger value gives a larger file."""

    name: str
    low: float
    high: float
    start: float
    integer: bool
    proportional: bool
    """True where size grows with the knob itself (a byte target), False where its logarithm does (a quality)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One way to deliver, with what it does fixed and at most one knob left open."""

    name: RungName
    encoder: str
    extension: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    knob: Knob | None = None
    fates: tuple[ItemFate, ...] = ()

    @property
    def label(self) -> str:
        """The rung with its encoder, for people: ``re-encode (h264)``."""
        return f"{self.name} ({self.encoder})"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeSpec:
    """A rung with its knob set: enough to make the same file again."""

    rung: Rung
    knob_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A finished file of one attempt, in the work folder."""

    path: Path
    bytes: int
    settings: Mapping[str, Value]
    saturated: bool = False
    """True where the encoder could not use more bytes, so that asking for more is pointless."""
    lossless_proof: str | None = None
    """How it was proved that no sample changed, or None for a lossy encoding."""
    fates: tuple[ItemFate, ...] = ()
    timing_offset_s: Fraction = Fraction(0)
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric over one region class and plane, summarised over all frames.

    ``p1`` is the first percentile ("worst 1 %"): the value that 99 % of the frames reach.
    """

    metric: str
    region: str
    plane: str
    mean: float
    p1: float
    minimum: float
    minimum_at_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """Everything measured between a source and one output."""

    frames: int
    scores: tuple[Score, ...]
    times_s: Sequence[float]
    ssim_y: Sequence[float]
    worst_tile: Sequence[float]
    tile_grid: tuple[int, int]
    worst_tile_box: tuple[int, int, int, int]
    """x, y, width, height in source pixels of the worst tile of the worst frame."""
    worst_at_s: float
    max_time_error_s: Fraction
    parameters: Mapping[str, Value]

    def score(self, region: str, plane: str = "y", metric: str = "ssim") -> Score:
        """The score of one region class and plane.

        :raises KeyError: where it was not measured.
        """
        for score in self.scores:
            if (score.region, score.plane, score.metric) == (region, plane, metric):
                return score
        raise KeyError(f"{metric}/{region}/{plane}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One rung tried, and why it was not taken (``rejected_for`` is empty for the winner)."""

    spec: EncodeSpec
    bytes: int | None
    fidelity: Fidelity | None
    rejected_for: str
    missed: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Floors missed: region class -> (reached, floor)."""
    encodes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The outcome of the search: a winner or none, and the whole trail."""

    winner: Attempt | None
    encoded: Encoded | None
    attempts: tuple[Attempt, ...]
    degraded: bool = False
    nearest: tuple[Attempt, Encoded] | None = None
    """Where nothing won: the attempt under the cap that came nearest to its floors."""


MAX_FIELD_CHARACTERS = 500
"""Longest text a person may put into a certificate: six of them must fit the smallest cap, escaped."""


def _check_length(name: str, value: str | None) -> None:
    if value is not None and len(value) > MAX_FIELD_CHARACTERS:
        raise UsageError(f"{name} is longer than {MAX_FIELD_CHARACTERS} characters", code="case-field-too-long")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFields:
    """Structured fields of the case, as the interface's preset data fields will carry them."""

    urn: str | None = None
    exhibit: str | None = None
    operator: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        for name in ("urn", "exhibit", "operator", "description"):
            _check_length(name, getattr(self, name))

    def to_dict(self) -> dict[str, str]:
        """Only the fields that were given."""
        pairs = (("urn", self.urn), ("exhibit", self.exhibit), ("operator", self.operator))
        filled = {key: value for key, value in pairs if value}
        return filled | ({"description": self.description} if self.description else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An accountable person's decision to deliver below a floor."""

    operator: str
    reason: str

    def __post_init__(self) -> None:
        if not self.operator.strip() or not self.reason.strip():
            raise UsageError(
                "an override needs a named operator and a reason",
                code="override-incomplete",
                hint="give --operator NAME and --reason TEXT",
            )
        _check_length("operator", self.operator)
        _check_length("reason", self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """One published file. ``role`` is media, part, still, certificate, signature, report or refusal."""

    role: str
    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What ``transcode`` returns: the published files and what they are worth."""

    source: SourceInfo
    profile: str
    verdict: Verdict
    rung: str
    files: tuple[DeliveredFile, ...]
    fidelity: Fidelity | None
    rejected: tuple[tuple[str, str], ...]
    statement: Mapping[str, object]
    seconds: float
    refusal: Mapping[str, object] | None = None

    def file(self, role: str) -> DeliveredFile:
        """The first file of a role.

        :raises KeyError: where the delivery has none.
        """
        for item in self.files:
            if item.role == role:
                return item
        raise KeyError(role)

    def to_dict(self) -> dict[str, object]:
        """The object that ``transcoder apply --json`` prints; its shape is documented in docs/json-output.md."""
        fidelity: dict[str, object] | None = None
        if self.fidelity is not None:
            fidelity = {"frames": self.fidelity.frames}
            for score in self.fidelity.scores:
                key = f"{score.metric}_{score.plane}" if score.region == "frame" else f"{score.metric}_{score.region}"
                fidelity[key] = {
                    "mean": round(score.mean, 6),
                    "p1": round(score.p1, 6),
                    "min": round(score.minimum, 6),
                    "min_at_s": round(score.minimum_at_s, 6),
                }
        return {
            "source": {"path": str(self.source.path), "sha256": self.source.sha256, "bytes": self.source.bytes},
            "profile": self.profile,
            "verdict": str(self.verdict),
            "rung": self.rung,
            "files": [{"role": f.role, "path": str(f.path), "bytes": f.bytes, "sha256": f.sha256} for f in self.files],
            "fidelity": fidelity,
            "rejected": [{"rung": rung, "reason": reason} for rung, reason in self.rejected],
            "refusal": dict(self.refusal) if self.refusal is not None else None,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One progress event: ``done`` of ``total`` units (frames, encodes, bytes) of a named phase."""

    source: str
    phase: str
    done: int
    total: int | None
    unit: str = "frames"


ProgressCallback = Callable[[Progress], None]


def ignore_progress(_: Progress) -> None:
    """The callback of a caller who does not want to know."""


def require_aware(moment: datetime) -> datetime:
    """Return ``moment`` unchanged; a naive datetime in a certificate would be a guess about a time zone.

    :raises UsageError: for a datetime without a time zone.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise UsageError("a time without a time zone is refused", code="naive-datetime")
    return moment

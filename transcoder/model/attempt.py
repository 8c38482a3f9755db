"""What is tried on a source, and what came of it: rungs, files, scores, the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from transcoder.model.region import Box, RegionKind
from transcoder.model.value import Value


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
    DAMAGED = "damaged"
    """It was so in the source already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFate:
    """One line of the "what was kept and what was lost" list."""

    item: str
    fate: Fate
    note: str = ""


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
    variant: str = ""
    """What sets it apart from another rung of the same encoder: ``4:2:0``, ``more bits for face``."""

    @property
    def label(self) -> str:
        """The rung with its encoder, for people: ``re-encode (h264)``."""
        return f"{self.name} ({self.encoder}{', ' if self.variant else ''}{self.variant})"


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
class RegionScore:
    """SSIM (luma) of one region over the frames it is in."""

    id: str
    kind: RegionKind
    mean: float
    p1: float
    minimum: float
    minimum_at_s: float
    times_s: Sequence[float]
    values: Sequence[float]


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
    regions: tuple[RegionScore, ...] = ()
    repeats: Sequence[int] = ()
    """Numbers of the frames that are not stored because they repeat the one before."""

    @property
    def worst(self) -> dict[str, float]:
        """Worst 1 % of SSIM (luma) by region class: what floors apply to."""
        return {score.region: score.p1 for score in self.scores if (score.metric, score.plane) == ("ssim", "y")}

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
    needs_parts: int | None = None
    """Of a splitting that was given up: how many files it would take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of several files that together hold all frames."""

    number: int
    """From 1."""
    first: int
    """Number of its first frame in the source, from 0."""
    start_s: Fraction
    end_s: Fraction
    """When its first frame is shown and its last one is over, in the source's own time."""
    encoded: Encoded
    attempt: Attempt

    @property
    def frames(self) -> int:
        """How many it holds."""
        return self.attempt.fidelity.frames if self.attempt.fidelity else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceFile:
    """One lossless part of a picture."""

    path: Path
    suffix: str
    """What its final name ends with, behind the delivery's own."""
    box: Box
    """Where it lies in the picture, in stored pixels."""
    page: int = 0
    """Of pages and frames: its number in the file, from 1."""
    shown_ms: int | None = None
    """Of a frame: how long it is on display."""
    lossless: bool = True
    p1: Mapping[str, float] = field(default_factory=dict)
    """Of a lossy page: worst 1 % of SSIM (luma) by region class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A picture in an overview and lossless parts."""

    kind: str
    """``tiles`` cover the picture; ``crops`` show what the overview keeps too badly; ``pages`` and ``frames`` are
    the pictures of a file that holds several."""
    size: tuple[int, int]
    mode: str
    pixels_sha256: str | None
    """Of tiles: of all samples together (``media.stills.pixels_digest``)."""
    overview: Encoded | None
    files: tuple[PieceFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The outcome of the search: a winner or none, and the whole trail."""

    winner: Attempt | None
    encoded: Encoded | None
    attempts: tuple[Attempt, ...]
    degraded: bool = False
    nearest: tuple[Attempt, Encoded] | None = None
    """Where nothing won: the attempt under the cap that came nearest to its floors."""
    pieces: Pieces | None = None
    """Where the winner is a picture in several files; ``encoded`` then describes what its fidelity is of."""
    parts: tuple[Part, ...] = ()
    """Where the winner is a set of files; ``encoded`` then describes the set, and its path is the first part's."""

    @property
    def best(self) -> tuple[Attempt, Encoded] | None:
        """What was chosen; where nothing won, what came nearest; None where nothing is under the cap."""
        if self.winner is not None and self.encoded is not None:
            return self.winner, self.encoded
        return self.nearest

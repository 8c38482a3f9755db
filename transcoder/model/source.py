"""What was admitted: a file and what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from transcoder.model.span import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Mastering:
    """The display on which HDR material was graded (SMPTE ST 2086): chromaticities and cd/m2."""

    red: tuple[Fraction, Fraction]
    green: tuple[Fraction, Fraction]
    blue: tuple[Fraction, Fraction]
    white: tuple[Fraction, Fraction]
    least: Fraction
    most: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class LightLevel:
    """The brightest sample and the brightest frame on average, in cd/m2 (CTA-861.3)."""

    content: int
    frame_average: int


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
    span: Span | None = field(default=None, compare=False)
    """The frames that are meant, where that is not all of them."""
    field_order: str | None = None
    """Of interlaced video: ``top field first`` or ``bottom field first``."""
    mastering: Mastering | None = None
    light: LightLevel | None = None
    side_data: tuple[str, ...] = ()
    """What lies beside the pictures in the stream, by name: captions, Dolby Vision, time codes of frames."""
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    chosen: str = "the only one"
    """Why this stream, where the file holds several."""
    hidden: int = 0
    """Packets that an edit list keeps from being shown."""
    ends_early: str = ""
    """The error that the file ends in, where it is cut short."""


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
    name: str = ""
    """What the file calls it: its title, its handler, an attachment's file name."""
    size: tuple[int, int] | None = None
    """Width and height of a second picture."""
    packets: int = 0
    bytes: int = 0
    timecode: str = ""
    """Of a stream of time codes: the first frame's."""
    picture: bool = False
    """A cover picture or thumbnail, no footage."""

    @property
    def footage(self) -> bool:
        """Whether it is video that could have been chosen."""
        return self.kind == "video" and not self.picture and self.packets > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StillItem:
    """One block of metadata, or one thing that lies beside the picture in its file."""

    kind: str
    """What it is, whatever the format calls it: ``exif``, ``icc``, ``xmp``, ``comment``, ``picture``, ``trailing``."""
    name: str
    """For people, with the format's own name or number: ``PNG chunk tEXt (Author)``."""
    bytes: int
    sha256: str
    """Of the payload without what the format wraps around it: the same EXIF has the same hash in JPEG and PNG."""
    detail: str = ""

    @property
    def label(self) -> str:
        """Name and size, as the certificate lists it."""
        return f"{self.name} ({self.bytes} bytes{', ' if self.detail else ''}{self.detail})"


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
    items: tuple[StillItem, ...] = ()
    """Every block of metadata and everything beside the picture, in the file's order."""
    animated: bool = False
    """True where the pages are frames that follow each other in time."""
    damage: str = ""
    """What of the picture does not decode, in words; empty where all of it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A part of a video that a person asked for."""

    first_frame: int
    """Number in the master, from 0."""
    frames: int
    from_s: Fraction
    to_s: Fraction
    """When the clip's first frame is shown and its last one is over, counted from the master's first frame."""


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
    chapters: int = 0
    stream: int | None = None
    """The video stream that a person asked for, where the choice was not left to the tool."""
    clip: Clip | None = None
    """Which frames of the master are delivered, where a person asked for a part of it."""

    @property
    def name(self) -> str:
        """The file's own name, without folders; bytes that are not UTF-8 are shown as escapes."""
        return self.path.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

    @property
    def kind(self) -> str:
        """``video`` or ``still``."""
        return "still" if self.still is not None else "video"

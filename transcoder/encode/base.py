"""What every encoder is: one method that turns a job and a spec into a file in the work folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import av.packet

from transcoder.media.reader import TimedFrame
from transcoder.media.writer import AudioFeed
from transcoder.model import NO_REGIONS, Encoded, EncodeSpec, ItemFate, RegionSet, Rung, RungName, SourceInfo
from transcoder.profile import Profile

Tick = Callable[[str, int, int | None], None]
"""Called as ``tick(phase, done, total)``; may raise ``Cancelled`` to stop the work."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio packets to put beside the video, and what became of every audio track."""

    feed: AudioFeed | None
    fates: tuple[ItemFate, ...] = ()


class Onlooker(Protocol):
    """Sees all that goes into an encoder and all that comes out. Entered before the first frame, left after the last
    packet; whatever it makes of them, the encoder goes on."""

    def __enter__(self) -> Onlooker: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def frame(self, timed: TimedFrame) -> None:
        """The source's next frame, as decoded."""
        ...

    def packet(self, packet: av.packet.Packet[Any], codec: str, header: bytes) -> None:
        """The next packet, in decoding order, with what is coded (FFmpeg's name) and what a decoder needs first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeJob:
    """What stays the same over all attempts at one source."""

    source: SourceInfo
    profile: Profile
    cap_bytes: int
    """The largest file allowed on disk (the profile's cap after transfer encoding)."""
    workdir: Path
    tick: Tick
    regions: RegionSet = field(default=NO_REGIONS)
    """Where the evidence is; encoders that can spend bits by place do."""
    sound: Sound | None = None
    """Audio that is ready to be copied; None where the encoder is to prepare its own."""
    onlook: Callable[[Path], Onlooker] | None = None
    """Who looks on while a file is made, where its frames and packets can be followed."""
    first_pass: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Held while a first pass runs: it looks so far ahead that it takes four times the memory of the second."""


Planned = Rung | tuple[RungName, str]
"""A rung to try, or one that does not apply and why."""


class Encoder(Protocol):
    """Makes one file. Instances live for one job and may keep what later attempts can use again."""

    def __init__(self, job: EncodeJob) -> None: ...

    def encode(self, spec: EncodeSpec) -> Encoded:
        """Write a file in ``job.workdir``.

        :raises EncodeError: where the codec or muxer fails.
        :raises Cancelled: where the caller asked to stop.
        """
        ...

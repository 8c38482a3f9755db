"""The streams of a file: what each holds, and which of several is the picture to deliver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av.container
import av.stream

from transcoder.errors import UsageError
from transcoder.model import AudioTrack, OtherTrack

_SLACK_S = Fraction(1)


@dataclass(slots=True)
class Walk:
    """Facts gathered from the packets of one stream, in constant memory; times are in its ticks."""

    packets: int = 0
    bytes: int = 0
    first: int | None = None
    last: int | None = None
    last_duration: int = 0
    missing: int = 0
    leading: int = 0
    """Packets without a time before the first that has one."""
    hidden: int = 0
    previous: int | None = None
    gaps: set[int] = field(default_factory=set)

    def add(self, packet: av.packet.Packet[av.stream.Stream]) -> None:
        """Take the next packet."""
        self.packets += 1
        self.bytes += packet.size
        self.hidden += packet.is_discard
        if packet.pts is None:
            self.missing += 1
            self.leading += self.first is None
            return
        if self.first is None or packet.pts < self.first:
            self.first = packet.pts
        if self.last is None or packet.pts > self.last:
            self.last, self.last_duration = packet.pts, packet.duration or 0
        if packet.dts is not None:
            if self.previous is not None and len(self.gaps) < 8:
                self.gaps.add(packet.dts - self.previous)
            self.previous = packet.dts


def footage(container: av.container.InputContainer) -> list[av.video.stream.VideoStream]:
    """Streams that are video, and no cover picture."""
    return [stream for stream in container.streams.video if stream.codec_context is not None and not _cover(stream)]


def _cover(stream: av.stream.Stream) -> bool:
    covers = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    return bool(stream.disposition & covers)


def candidates(
    container: av.container.InputContainer, walks: Mapping[int, Walk], path: Path, asked: int | None
) -> list[int]:
    """Numbers of the video streams, best first: the largest, then what the file marks as default, then the longest."""
    found = footage(container)
    if asked is not None:
        if asked not in [stream.index for stream in found]:
            known = ", ".join(str(stream.index) for stream in found)
            raise UsageError(
                f"stream {asked} is not video", where=path.name, code="no-such-stream",
                hint=f"video streams of this file: {known}",
            )  # fmt: skip
        return [asked]

    def rank(stream: av.video.stream.VideoStream) -> tuple[bool, int, bool, int, int]:
        context, packets = stream.codec_context, walks[stream.index].packets
        default = bool(stream.disposition & av.stream.Disposition.default)
        return bool(packets), context.width * context.height, default, packets, -stream.index

    return [stream.index for stream in sorted(found, key=rank, reverse=True)]


def describe(stream: av.stream.Stream, walk: Walk) -> AudioTrack | OtherTrack:
    """A stream that is not the chosen one; audio that cannot be played counts as other."""
    if stream.type == "audio" and (track := _audio_track(stream, walk)) is not None:
        return track
    tags = stream.metadata
    name = next((tags[key] for key in ("title", "filename", "handler_name") if tags.get(key)), "")
    size = None
    if isinstance(stream, av.video.stream.VideoStream) and stream.codec_context is not None:
        size = stream.codec_context.width, stream.codec_context.height
    codec = _codec_name(stream) or getattr(stream, "name", None) or None  # data streams have a name and no codec
    return OtherTrack(
        index=stream.index,
        kind=stream.type,
        codec=codec,
        name=str(name)[:80],
        size=size,
        packets=walk.packets,
        bytes=walk.bytes,
        timecode=str(tags.get("timecode", ""))[:20] if stream.type == "data" else "",
        picture=_cover(stream),
    )


def _codec_name(stream: av.stream.Stream) -> str | None:
    context = getattr(stream, "codec_context", None)
    return context.codec.canonical_name if context is not None else None


def _audio_track(stream: av.stream.Stream, walk: Walk) -> AudioTrack | None:
    assert isinstance(stream, av.audio.stream.AudioStream)
    context = stream.codec_context
    if context is None or not walk.packets or not context.sample_rate or stream.time_base is None:
        return None
    first, last = walk.first or 0, walk.last or 0
    return AudioTrack(
        index=stream.index,
        codec=context.codec.canonical_name,
        sample_rate_hz=context.sample_rate,
        channels=context.channels,
        layout=context.layout.name,
        duration_s=(last - first + walk.last_duration) * stream.time_base,
        payload_bytes=walk.bytes,
        start_s=first * stream.time_base,
    )


def cut_short(container: av.container.InputContainer, walks: Mapping[int, Walk]) -> str:
    """Why the packets look as if the file were cut short: the container states more time than they fill."""
    starts, ends = [Fraction(0)], list[Fraction]()
    for stream in container.streams:
        walk = walks[stream.index]
        if walk.first is not None and walk.last is not None and stream.time_base is not None:
            starts.append(walk.first * stream.time_base)
            ends.append((walk.last + walk.last_duration) * stream.time_base)
    if container.duration is None or not ends:
        return ""
    # Some containers count from zero, some from the first packet.
    stated, held = Fraction(container.duration, 1_000_000), max(ends) - min(starts)
    if stated - held <= max(_SLACK_S, stated / 20):
        return ""
    return f"it states {float(stated):.1f} s and holds {float(held):.1f} s"

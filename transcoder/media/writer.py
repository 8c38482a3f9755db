"""Muxing: one video stream with its original timestamps, and audio packets interleaved beside it.

Everything that says how a picture is to be shown (sample aspect, rotation, range, colour) goes from the
source track into the output stream here, so that no encoder can forget one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.codec.context
import av.container
import av.packet
import av.stream
import av.video.frame
import av.video.stream

from transcoder.errors import EncodeError
from transcoder.media.containers import open_input, packets
from transcoder.model import VideoTrack

MUXERS: Mapping[str, str] = {"mp4": "mp4", "mov": "mov", "mkv": "matroska"}
_LARGEST_INT = 2**31 - 1
_HELD_BACK_S = Fraction(1, 2)
"""A start below this is part of the timeline and is kept; beyond, it is a clock's origin and is declared."""


@dataclass(frozen=True, slots=True)
class AudioFeed:
    """Audio packets to copy: from the source itself, or from a finished AAC encoding of it."""

    path: Path
    index: int
    payload_bytes: int
    start_s: Fraction
    from_s: Fraction | None = None
    """Only packets that begin at or after this, in the source's own time."""
    until_s: Fraction | None = None
    """Only packets that begin before this: each packet lies in one part, whole, so that parts join without a gap."""

    def takes(self, moment_s: Fraction) -> bool:
        """Whether a packet that begins at a moment is meant."""
        return (self.from_s is None or moment_s >= self.from_s) and (self.until_s is None or moment_s < self.until_s)


def timing_offset(
    track: VideoTrack, audio_start_s: Fraction | None, first_packet_s: Fraction | None = None
) -> Fraction:
    """Seconds to subtract from every timestamp, a whole number of the video's ticks; usually 0.

    Transport streams start anywhere, and a file that starts at 26 hours does not play. Audio and video
    are shifted alike, so they stay together.

    :param first_packet_s: of the audio, for a container that keeps no timestamp below zero: what a decoder needs before
        the first sample that is heard begins there, and the muxer would shift everything without telling.
    """
    if first_packet_s is not None and first_packet_s < 0 <= track.start_s:
        return (first_packet_s // track.time_base) * track.time_base
    start = track.start_s
    if audio_start_s is not None and audio_start_s < start:
        start = max(audio_start_s, start - 10)
    if 0 <= start < _HELD_BACK_S or (start < 0 and track.start_s >= 0):
        return Fraction(0)
    return (start // track.time_base) * track.time_base


def first_packet_s(feed: AudioFeed, container: str) -> Fraction | None:
    """When the first packet begins, where the container keeps no timestamp below zero."""
    if container != "mkv":
        return None
    return next((moment_s for moment_s, _ in taken(feed)), None)


def taken(feed: AudioFeed) -> Iterator[tuple[Fraction, int]]:
    """When each packet of a feed begins, and its bytes."""
    with open_input(feed.path) as source:
        for packet in packets(source, source.streams[feed.index]):
            stamp = packet.dts if packet.dts is not None else packet.pts
            if packet.size and stamp is not None and feed.takes(stamp * packet.time_base):
                yield stamp * packet.time_base, packet.size


def open_output(path: Path, container: str, time_base: Fraction | None = None) -> av.container.OutputContainer:
    """Open an output for reproducible bytes: no creation time, no library version; index first in MP4.

    :param time_base: the video's. MP4 stores where a track starts in ticks of the whole movie, by default
        milliseconds, which would round the first timestamp and shift all others with it.
    """
    options = {"fflags": "+bitexact"}
    if container in ("mp4", "mov"):
        options["movflags"] = "+faststart"
        if time_base is not None:
            ticks = time_base.denominator
            options["movie_timescale"] = str(ticks * -(-1000 // ticks))
    return av.open(str(path), mode="w", format=MUXERS[container], options=options)


def copied_stream(output: av.container.OutputContainer, template: av.stream.Stream) -> av.stream.Stream:
    """A stream of the output that takes another one's packets as they are; no encoder of its codec is needed."""
    return output.add_stream_from_template(template, opaque=True)


class VideoWriter:
    """Encodes frames into a file, beside copied audio. Use as a context manager.

    :param path: the file to write.
    :param container: ``mp4``, ``mov`` or ``mkv``.
    :param track: the source track whose properties are carried over.
    :param size: width and height of the frames that will be written.
    :param codec: FFmpeg's encoder name.
    :param pixel_format: format of the frames that will be written.
    :param color_space: the YUV matrix to declare.
    :param options: encoder options.
    :param bitrate_bps: target rate, or None where the options set the quality.
    :param flags: encoder flags (two-pass).
    :param offset_s: seconds to subtract from every timestamp.
    :param clock_scale: the encoder is told that time runs so many times faster, at so many times the rate: encoders
        that take whole kilobits are then set more finely. The file's timestamps are the true ones.
    :param audio: packets to interleave, or None.
    :param seen: is given each packet, FFmpeg's name of its codec, and what a decoder needs before it.
    :param tags: of the whole file: place, time, title, time code of the first frame.
    """

    def __init__(
        self,
        path: Path,
        *,
        container: str,
        track: VideoTrack,
        size: tuple[int, int],
        codec: str,
        pixel_format: str,
        color_space: int,
        options: Mapping[str, str],
        bitrate_bps: int | None,
        flags: av.codec.context.Flags | None,
        threads: int,
        offset_s: Fraction,
        audio: AudioFeed | None,
        clock_scale: int = 1,
        tags: Mapping[str, str] | None = None,
        seen: Callable[[av.packet.Packet[Any], str, bytes], None] | None = None,
    ) -> None:
        if track.time_base.denominator * clock_scale > _LARGEST_INT:
            clock_scale = 1  # Matroska may count nanoseconds: finer than that no encoder's clock goes
        self.video_bytes = 0
        self.frames = 0
        self._offset_ticks = int(offset_s / track.time_base)
        self._time_base = track.time_base
        self._durations: dict[int, int] = {}
        self._container = open_output(path, container, track.time_base)
        self._container.metadata.update(tags or {})
        rate = track.average_rate or Fraction(25)
        stream = self._container.add_stream(codec, rate=rate, options=dict(options))
        assert isinstance(stream, av.video.stream.VideoStream)
        context = stream.codec_context
        (context.width, context.height), context.pix_fmt = size, pixel_format
        context.time_base = self._encoder_time_base = track.time_base / clock_scale
        context.framerate = rate
        stream.time_base = track.time_base
        context.thread_count = threads
        # PyAV's default is slice threading, which cuts every picture into slices that cannot predict from
        # each other: at 17 kbit/s that cost 0.025 of SSIM.
        context.thread_type = "FRAME"
        if bitrate_bps is not None:
            context.bit_rate = bitrate_bps * clock_scale
        if flags is not None:
            context.flags |= flags
        if track.interlaced:
            context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
        if track.sample_aspect is not None and not _stretches(track.display_matrix, track.sample_aspect):
            context.sample_aspect_ratio = track.sample_aspect
        context.color_range, context.color_primaries = track.color_range, track.color_primaries
        context.color_trc, context.colorspace = track.color_trc, color_space
        if track.display_matrix is not None:
            stream.set_display_matrix(track.display_matrix)
        elif track.rotation_deg:
            stream.set_display_rotation(track.rotation_deg)
        self._stream, self._seen = stream, seen
        self._audio = _AudioCopy(self._container, audio, offset_s) if audio is not None else None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # x264 writes its first-pass statistics when the encoder is freed, so nothing may keep it.
        try:
            self._container.close()
        except av.error.FFmpegError:
            if error is None:
                raise
        finally:
            del self._stream, self._container

    def write(self, frame: av.video.frame.VideoFrame, pts: int, duration: int) -> None:
        """Encode one frame at ``pts`` ticks of the source's time base, shown for ``duration`` ticks."""
        frame.pts = pts - self._offset_ticks
        frame.time_base = self._encoder_time_base
        frame.pict_type = 0  # the source's choice of key frames must not bind the encoder
        self._durations[frame.pts] = duration
        self._mux(self._stream.codec_context.encode(frame))

    def finish(self) -> None:
        """Flush the encoder and the audio."""
        self._mux(self._stream.codec_context.encode(None))
        if self._audio is not None:
            self._audio.copy_until(None)

    def _mux(self, packets: list[av.packet.Packet[Any]]) -> None:
        context = self._stream.codec_context
        for packet in packets:
            if self._seen is not None:
                self._seen(packet, context.codec.canonical_name, context.extradata or b"")
            packet.stream = self._stream
            packet.time_base = self._time_base
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, 0)
            self.video_bytes += packet.size
            self.frames += 1
            if self._audio is not None and packet.dts is not None:
                self._audio.copy_until(packet.dts * self._time_base)
            self._container.mux_one(packet)


def _stretches(matrix: tuple[int, ...] | None, aspect: Fraction) -> bool:
    """Whether the aspect is the display matrix's own: said twice, players would stretch the picture twice."""
    if matrix is None:
        return False
    across, down = math.hypot(matrix[0], matrix[1]), math.hypot(matrix[3], matrix[4])
    return down > 0 and aspect != 1 and abs(across / down / float(aspect) - 1) < 0.001


class _AudioCopy:
    """Copies audio packets up to a moment, so that audio and video lie interleaved without buffering."""

    def __init__(self, container: av.container.OutputContainer, feed: AudioFeed, offset_s: Fraction) -> None:
        self._container, self._feed = container, feed
        self._input = open_input(feed.path)
        container_in = self._input.__enter__()
        source = container_in.streams[feed.index]
        if source.time_base is None:
            raise EncodeError("the audio stream has no time base", where=feed.path.name)
        self._time_base = source.time_base
        self._offset = round(offset_s / self._time_base)
        self._stream = copied_stream(container, source)
        self._packets: Iterator[av.packet.Packet] = packets(container_in, source)  # type: ignore[type-arg]
        self._pending: av.packet.Packet | None = None  # type: ignore[type-arg]
        self._done = False

    def copy_until(self, moment_s: Fraction | None) -> None:
        """Mux every packet that starts before ``moment_s``; all that are left for None."""
        while not self._done:
            packet = self._pending or next(self._packets, None)
            self._pending = None
            if packet is None:
                self._done = True
                self._input.__exit__(None, None, None)
                return
            if not packet.size:
                continue
            stamp = packet.dts if packet.dts is not None else packet.pts
            if stamp is not None and not self._feed.takes(stamp * self._time_base):
                continue
            if moment_s is not None and stamp is not None and (stamp - self._offset) * self._time_base > moment_s:
                self._pending = packet
                return
            packet.pts = None if packet.pts is None else packet.pts - self._offset
            packet.dts = None if packet.dts is None else packet.dts - self._offset
            packet.stream = self._stream
            self._container.mux_one(packet)

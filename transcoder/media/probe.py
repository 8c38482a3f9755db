"""What is in a file: streams, timing, colour, rotation, and whether it is a picture or a video.

The packets of a video are walked once (no decoding), because headers lie: frame counts, durations and
variable rates come from the packets themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av.container
import av.error
import av.video.frame
from av.sidedata.sidedata import SideData

from transcoder.errors import InputError
from transcoder.media import frames, stills
from transcoder.media.containers import RAW_FORMATS, open_input, reason
from transcoder.model import AudioTrack, OtherTrack, SourceInfo, VideoTrack

MAX_PIXELS = 8192 * 8192
"""Frames beyond this are taken for a forged header."""
MAX_FRAMES = 16_000_000
"""A week at 25 frames a second: beyond this a file was made to keep us busy."""
MAX_DURATION_S = 400 * 24 * 3600
"""Time lapse may last long; beyond a year of it the timestamps are forged."""
_PICTURE_BRANDS = frozenset(("heic", "heix", "heim", "heis", "mif1", "avif", "msf1"))


@dataclass(slots=True)
class _Walk:
    """Facts gathered from the packets of one stream, in constant memory."""

    packets: int = 0
    bytes: int = 0
    first: int | None = None
    last: int | None = None
    last_duration: int = 0
    missing: int = 0
    previous: int | None = None
    gaps: set[int] = field(default_factory=set)

    def add(self, packet: av.packet.Packet[av.stream.Stream]) -> None:
        self.packets += 1
        self.bytes += packet.size
        if packet.pts is None:
            self.missing += 1
            return
        if self.first is None or packet.pts < self.first:
            self.first = packet.pts
        if self.last is None or packet.pts > self.last:
            self.last, self.last_duration = packet.pts, packet.duration or 0
        if packet.dts is not None:
            if self.previous is not None and len(self.gaps) < 8:
                self.gaps.add(packet.dts - self.previous)
            self.previous = packet.dts


def probe(path: Path, *, sha256: str) -> SourceInfo:
    """Describe a video or a picture.

    :param path: the file; it is opened read-only.
    :param sha256: its hash, taken by the caller beforehand.
    :raises InputError: where it is empty, not media, has no picture in it, or lasts no time.
    """
    size = path.stat().st_size
    if size == 0:
        raise InputError("the file is empty", where=path.name, code="input-empty")
    still = stills.identify(path)
    if still is not None:
        return SourceInfo(path=path, bytes=size, sha256=sha256, container=still.format, still=still)
    return _probe_video(path, size, sha256)


def _probe_video(path: Path, size: int, sha256: str) -> SourceInfo:
    with open_input(path) as container:
        if container.metadata.get("major_brand", "").strip() in _PICTURE_BRANDS:
            # FFmpeg would deliver one tile of the picture's grid as if it were the video.
            raise InputError("the picture cannot be decoded", where=path.name, code="input-damaged")
        chosen = _choose_video(container)
        if chosen is None:
            raise InputError(
                "there is no video in this file",
                where=path.name,
                code="no-video",
                hint="audio-only and data-only files are outside what this service delivers",
            )
        video_stream = container.streams[chosen]
        assert isinstance(video_stream, av.video.stream.VideoStream)
        walks = {stream.index: _Walk() for stream in container.streams}
        try:
            for packet in container.demux():
                if packet.size and packet.stream_index in walks:
                    walks[packet.stream_index].add(packet)
                    if walks[chosen].packets > MAX_FRAMES:
                        raise InputError(
                            f"the video has more than {MAX_FRAMES} frames", where=path.name, code="too-many-frames",
                            hint="cut the recording and send the pieces",
                        )  # fmt: skip
        except (av.error.FFmpegError, MemoryError) as error:
            # A file cut short ends in an error after its last whole packet: deliver what there is.
            if not walks[chosen].packets:
                raise InputError(
                    f"the video cannot be read ({reason(error)})", where=path.name, code="input-damaged"
                ) from None
        metadata = {str(key): str(value) for key, value in container.metadata.items()}
        container_name = container.format.name
        others = []
        audio = []
        for stream in container.streams:
            if stream.index == chosen:
                continue
            track = _audio_track(stream, walks[stream.index]) if stream.type == "audio" else None
            if track is not None:
                audio.append(track)
            else:
                others.append(OtherTrack(index=stream.index, kind=stream.type, codec=_codec_name(stream)))
    first = _first_frame(path, chosen)
    return SourceInfo(
        path=path,
        bytes=size,
        sha256=sha256,
        container=container_name,
        video=_video_track(path, container_name, chosen, walks[chosen], first),
        audio=tuple(audio),
        others=tuple(others),
        metadata=metadata,
    )


def _choose_video(container: av.container.InputContainer) -> int | None:
    """The largest real video stream; cover pictures do not count."""
    candidates = []
    for stream in container.streams.video:
        context = stream.codec_context
        if context is None or stream.disposition & av.stream.Disposition.attached_pic:
            continue
        candidates.append((context.width * context.height, -stream.index, stream.index))
    return max(candidates)[2] if candidates else None


def _codec_name(stream: av.stream.Stream) -> str | None:
    context = getattr(stream, "codec_context", None)
    return context.codec.canonical_name if context is not None else None


def _audio_track(stream: av.stream.Stream, walk: _Walk) -> AudioTrack | None:
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


@dataclass(frozen=True, slots=True)
class _FirstFrame:
    """What only the decoder knows, and what the stream's headers say once it has run."""

    frame: av.video.frame.VideoFrame
    codec: str
    profile: str | None
    time_base: Fraction
    average_rate: Fraction | None
    sample_aspect: Fraction | None
    reordered: bool


def _first_frame(path: Path, index: int) -> _FirstFrame:
    with open_input(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, av.video.stream.VideoStream)
        problem = "no frame can be decoded"
        try:
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except (av.error.FFmpegError, ValueError) as error:
                    problem = reason(error)
                    continue
                for frame in frames:
                    context = stream.codec_context
                    if frame.width * frame.height > MAX_PIXELS:
                        raise InputError(
                            f"a frame of {frame.width}x{frame.height} is beyond the limit of {MAX_PIXELS} pixels",
                            where=path.name,
                            code="too-many-pixels",
                        )
                    return _FirstFrame(
                        frame,
                        context.codec.canonical_name,
                        stream.profile,
                        stream.time_base or Fraction(1, 90000),
                        stream.average_rate or stream.guessed_rate,
                        stream.sample_aspect_ratio,
                        bool(context.has_b_frames),
                    )
        except (av.error.FFmpegError, MemoryError) as error:
            problem = reason(error)
        raise InputError(f"the video holds no decodable frame ({problem})", where=path.name, code="no-frames")


def _video_track(path: Path, container: str, index: int, walk: _Walk, first: _FirstFrame) -> VideoTrack:
    frame, time_base = first.frame, first.time_base
    nominal = 1 / first.average_rate if first.average_rate else Fraction(1, 25)
    start, last = walk.first or 0, walk.last or 0
    timing = "container"
    if container in RAW_FORMATS or walk.missing > walk.packets // 2:
        timing = "assumed"
    elif container == "avi" and first.reordered:
        timing = "decode-order"
    duration = (last - start) * time_base + (walk.last_duration * time_base or nominal)
    if timing == "assumed":
        duration = walk.packets * nominal
    if duration <= 0 or walk.packets == 0:
        raise InputError("the video lasts no time", where=path.name, code="zero-duration")
    if duration > MAX_DURATION_S:
        raise InputError(
            f"the video would last {float(duration):.0f} s, beyond the limit of {MAX_DURATION_S} s", where=path.name,
            code="too-long", hint="its timestamps are damaged or forged: export it again",
        )  # fmt: skip
    rotation, mirrored, matrix = orientation(frame)
    return VideoTrack(
        index=index,
        codec=first.codec,
        profile=first.profile,
        pixel_format=frame.format.name,
        width=frame.width,
        height=frame.height,
        sample_aspect=first.sample_aspect or None,
        rotation_deg=rotation,
        mirrored=mirrored,
        display_matrix=matrix,
        interlaced=bool(frame.interlaced_frame),
        color_range=frames.declared_range(int(frame.color_range), frame.format.name),
        color_primaries=int(frame.color_primaries),
        color_trc=int(frame.color_trc),
        color_space=int(frame.colorspace),
        time_base=time_base,
        average_rate=first.average_rate,
        start_s=start * time_base,
        duration_s=duration,
        frames=walk.packets,
        timing=timing,
        variable_rate=len(walk.gaps) > 1,
        payload_bytes=walk.bytes,
    )


def orientation(frame: av.video.frame.VideoFrame) -> tuple[int, bool, tuple[int, ...] | None]:
    """Rotation in degrees counter-clockwise, mirroring, and the nine raw integers of the display matrix."""
    try:
        side_data = list(frame.side_data)
    except ValueError:
        # PyAV 18 cannot list side data that holds a type it has no name for; the rotation is still known.
        return int(frame.rotation), False, None
    for data in side_data:
        if isinstance(data, SideData) and data.type.name == "DISPLAYMATRIX":
            matrix = tuple(memoryview(bytes(data)).cast("i"))
            mirrored = matrix[0] * matrix[4] - matrix[1] * matrix[3] < 0
            return int(frame.rotation), mirrored, matrix
    return 0, False, None

"""What is in a file: streams, timing, colour, rotation, and whether it is a picture or a video.

The packets of a video are walked once (no decoding), because headers lie: frame counts, durations and
variable rates come from the packets themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av.container
import av.error
import av.video.frame

from transcoder.errors import InputError, UsageError
from transcoder.media import fields, frames, sidedata, stills, streams
from transcoder.media.containers import RAW_FORMATS, open_input, packets, reason
from transcoder.model import AudioTrack, OtherTrack, SourceInfo, VideoTrack

MAX_PIXELS = 8192 * 8192
"""Frames beyond this are taken for a forged header."""
MAX_FRAMES = 16_000_000
"""A week at 25 frames a second: beyond this a file was made to keep us busy."""
MAX_DURATION_S = 400 * 24 * 3600
"""Time lapse may last long; beyond a year of it the timestamps are forged."""
_LOOKED_AT = 6
"""So many frames say whether a video is interlaced, and what lies beside its pictures."""
_PICTURE_BRANDS = frozenset(("heic", "heix", "heim", "heis", "mif1", "avif", "msf1"))


def probe(path: Path, *, sha256: str, stream: int | None = None) -> SourceInfo:
    """Describe a video or a picture.

    :param path: the file; it is opened read-only.
    :param sha256: its hash, taken by the caller beforehand.
    :param stream: number of the video stream that is meant; None means the best one.
    :raises InputError: where it is empty, not media, has no picture in it, or lasts no time.
    :raises UsageError: where it has no such video stream.
    """
    size = path.stat().st_size
    if size == 0:
        raise InputError("the file is empty", where=path.name, code="input-empty")
    still = stills.identify(path)
    if still is not None:
        if stream is not None:
            raise UsageError("a picture has no streams to choose from", where=path.name, code="no-such-stream")
        return SourceInfo(path=path, bytes=size, sha256=sha256, container=still.format, still=still)
    return _probe_video(path, size, sha256, stream)


def _probe_video(path: Path, size: int, sha256: str, asked: int | None) -> SourceInfo:
    ends_early = ""
    with open_input(path) as container:
        if container.metadata.get("major_brand", "").strip() in _PICTURE_BRANDS:
            # FFmpeg would deliver one tile of the picture's grid as if it were the video.
            raise InputError("the picture cannot be decoded", where=path.name, code="input-damaged")
        if not streams.footage(container):
            raise InputError(
                "there is no video in this file",
                where=path.name,
                code="no-video",
                hint="audio-only and data-only files are outside what this service delivers",
            )
        walks = {stream.index: streams.Walk() for stream in container.streams}
        try:
            for packet in packets(container, list(container.streams)):
                if packet.size and packet.stream_index in walks:
                    walks[packet.stream_index].add(packet)
                    if walks[packet.stream_index].packets > MAX_FRAMES:
                        raise InputError(
                            f"the video has more than {MAX_FRAMES} frames", where=path.name, code="too-many-frames",
                            hint="cut the recording and send the pieces",
                        )  # fmt: skip
        except (av.error.FFmpegError, MemoryError) as error:
            # A file cut short ends in an error after its last whole packet: deliver what there is.
            ends_early = reason(error)
        ends_early = ends_early or streams.cut_short(container, walks)
        candidates = streams.candidates(container, walks, path, asked)
        if ends_early and not any(walks[index].packets for index in candidates):
            raise InputError(f"the video cannot be read ({ends_early})", where=path.name, code="input-damaged")
        first, chosen = _first_of(path, candidates)
        video_stream = container.streams[chosen]
        described = {stream.index: streams.describe(stream, walks[stream.index]) for stream in container.streams}
        why, several = "the only one", len(streams.footage(container))
        if several > 1:
            why = "asked for" if asked is not None else f"the largest of {several}, or the file's default among equals"
        return SourceInfo(
            path=path,
            bytes=size,
            sha256=sha256,
            container=container.format.name,
            video=replace(
                _video_track(path, container.format.name, chosen, walks[chosen], first),
                tags=_texts(video_stream.metadata),
                chosen=why,
                ends_early=ends_early,
            ),
            audio=tuple(item for item in described.values() if isinstance(item, AudioTrack)),
            others=tuple(item for item in described.values() if isinstance(item, OtherTrack) and item.index != chosen),
            metadata=_texts(container.metadata),
            chapters=len(container.chapters()),
            stream=asked,
        )


def _texts(tags: Mapping[str, str]) -> dict[str, str]:
    return {str(key): str(value) for key, value in tags.items()}


def _first_of(path: Path, candidates: Sequence[int]) -> tuple[_FirstFrames, int]:
    """The first stream of which a frame decodes."""
    problem: InputError | None = None
    for index in candidates:
        try:
            return _first_frames(path, index), index
        except InputError as error:
            problem = problem or error
    assert problem is not None
    raise problem


@dataclass(frozen=True, slots=True)
class _FirstFrames:
    """What only the decoder knows, and what the stream's headers say once it has run."""

    frames: Sequence[av.video.frame.VideoFrame]
    """At least one."""
    codec: str
    profile: str | None
    time_base: Fraction
    average_rate: Fraction | None
    sample_aspect: Fraction | None
    reordered: bool
    field_order: int


def _first_frames(path: Path, index: int) -> _FirstFrames:
    with open_input(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, av.video.stream.VideoStream)
        problem, found = "no frame can be decoded", list[av.video.frame.VideoFrame]()
        try:
            for packet in packets(container, stream):
                try:
                    decoded = packet.decode()
                except (av.error.FFmpegError, ValueError) as error:
                    problem = reason(error)
                    continue
                for frame in decoded:
                    if frame.width * frame.height > MAX_PIXELS:
                        raise InputError(
                            f"a frame of {frame.width}x{frame.height} is beyond the limit of {MAX_PIXELS} pixels",
                            where=path.name,
                            code="too-many-pixels",
                        )
                    found.append(frame)
                if len(found) >= _LOOKED_AT:
                    break
        except (av.error.FFmpegError, MemoryError) as error:
            problem = reason(error)
        if not found:
            raise InputError(f"the video holds no decodable frame ({problem})", where=path.name, code="no-frames")
        context = stream.codec_context
        return _FirstFrames(
            found,
            context.codec.canonical_name,
            stream.profile,
            stream.time_base or Fraction(1, 90000),
            stream.average_rate or stream.guessed_rate,
            stream.sample_aspect_ratio,
            bool(context.has_b_frames),
            int(context.field_order),
        )


def _plausible(rate: Fraction | None, packets: int, duration_s: Fraction) -> Fraction | None:
    """The stated rate, or the true one where a header states that of its clock: 1000 or 60000 frames a second."""
    if rate is None or packets < _LOOKED_AT or rate * duration_s <= 2 * packets:
        return rate
    return (packets / duration_s).limit_denominator(1001)


def _video_track(path: Path, container: str, index: int, walk: streams.Walk, first: _FirstFrames) -> VideoTrack:
    frame, time_base = first.frames[0], first.time_base
    nominal = 1 / first.average_rate if first.average_rate else Fraction(1, 25)
    start, last = walk.first or 0, walk.last or 0
    timing = "container"
    if container in RAW_FORMATS or walk.missing > walk.packets // 2:
        timing = "assumed"
    elif container == "avi" and first.reordered:
        timing = "decode-order"
    else:
        start -= walk.leading * max(1, round(nominal / time_base))  # as they will be dated back
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
    rotation, mirrored, matrix = sidedata.orientation(frame)
    order = fields.order_of(first.frames, first.field_order)
    mastering, light = sidedata.hdr_of(first.frames)
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
        interlaced=order is not None,
        field_order=order,
        hidden=walk.hidden,
        mastering=mastering,
        light=light,
        side_data=sidedata.names_of(first.frames),
        color_range=frames.declared_range(int(frame.color_range), frame.format.name),
        color_primaries=int(frame.color_primaries),
        color_trc=int(frame.color_trc),
        color_space=int(frame.colorspace),
        time_base=time_base,
        average_rate=_plausible(first.average_rate, walk.packets, duration),
        start_s=start * time_base,
        duration_s=duration,
        frames=walk.packets,
        timing=timing,
        variable_rate=len(walk.gaps) > 1,
        payload_bytes=walk.bytes,
    )

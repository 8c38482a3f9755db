"""Frames with exact timestamps, one at a time, the same on every pass.

Every pass over a source (analysis, encoding, measuring) goes through ``read_frames``, so that a frame has
the same timestamp each time it is read, whatever had to be assumed about it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av.error
import av.video.frame
import av.video.stream

from transcoder.errors import InputError
from transcoder.media.checksum import checksum
from transcoder.media.containers import open_input, packets
from transcoder.media.damage import DamageLog
from transcoder.model import Span, VideoTrack

_HELD_BACK = 32
"""So many frames without a timestamp may lead up to the first that has one; each is a whole picture in memory."""


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame and its presentation timestamp in ticks of the track's time base."""

    pts: int
    frame: av.video.frame.VideoFrame


class Timestamps:
    """Gives each decoded frame its timestamp; strictly increasing, as every container requires.

    :param timing: see ``VideoTrack.timing``.
    :param step: the nominal frame duration in ticks, used where a timestamp is missing.
    """

    def __init__(self, timing: str, step: int) -> None:
        self._decode_order = timing == "decode-order"
        self._assumed = timing == "assumed"
        self._step = max(1, step)
        self._queue: deque[int] = deque()
        self._delay: int | None = None
        self._last: int | None = None
        self.repaired = 0
        """Timestamps that did not come after the one before."""
        self.filled = 0
        """Timestamps that were missing."""

    def saw_packet(self, pts: int | None, dts: int | None) -> None:
        """Note a packet's stored number: AVI stores one for each packet, in decoding order only.

        What FFmpeg calls their presentation times is a guess that is wrong where frames are reordered; it is right
        in how long the first picture waits.
        """
        if not self._decode_order or dts is None:
            return
        if self._delay is None:
            self._delay = max(0, pts - dts) if pts is not None else 0
        self._queue.append(dts + self._delay)

    def waits(self, pts: int | None) -> bool:
        """Whether the first frames have no timestamp, so that they are dated back from the first one that has."""
        return pts is None and self._last is None and not self._assumed and not self._decode_order

    def date_back(self, frames: int, known: int) -> None:
        """Let so many undated frames lead up to a known timestamp."""
        self._last = known - (frames + 1) * self._step

    def next(self, pts: int | None) -> int:
        """The timestamp of the next frame in presentation order, given the one the decoder reports."""
        if self._decode_order:
            pts = self._queue.popleft() if self._queue else None
        if self._assumed or pts is None:
            pts = 0 if self._last is None else self._last + self._step
            self.filled += not self._assumed
        elif self._last is not None and pts <= self._last:
            self.repaired += 1
            pts = self._last + 1
        self._last = pts
        return pts


def nominal_step(track: VideoTrack) -> int:
    """Nominal frame duration in ticks, at least 1."""
    rate = track.average_rate or Fraction(25)
    return max(1, round(1 / (rate * track.time_base)))


def read_frames(path: Path, track: VideoTrack, log: DamageLog | None = None) -> Iterator[TimedFrame]:
    """Decode all frames of a track, or of the span it is cut to, in presentation order.

    Packets that do not decode are skipped: damaged evidence is still evidence, and what is missing shows
    in the list of timestamps.

    :param log: takes note of what is damaged.
    :raises InputError: where no frame decodes or the picture's size changes on the way.
    """
    log = log if log is not None else DamageLog()
    return _decode(path, track, log) if track.span is None else _read_span(path, track, track.span, log)


def frames_from(path: Path, track: VideoTrack, pts: int) -> Iterator[TimedFrame]:
    """Frames from the last key frame at or before a moment, as far as the file can be moved about in.

    :raises InputError: where the picture's size changes on the way.
    """
    return _decode(path, track, DamageLog(), from_pts=pts)


def _read_span(path: Path, track: VideoTrack, span: Span, log: DamageLog) -> Iterator[TimedFrame]:
    """From the key frame before the span while that gives the frames of the index, else from the beginning.

    :raises InputError: where the frames are not there.
    """
    done = 0
    if span.first and track.timing == "container":
        for timed in _decode(path, track, log, from_pts=span.moments[0]):
            if timed.pts < span.moments[0]:
                continue
            if timed.pts != span.moments[done] or checksum(timed.frame) != span.sums[done]:
                break
            yield timed
            done += 1
            if done == len(span):
                return
    for timed in islice(_decode(path, track, log), span.first + done, span.end):
        yield timed
        done += 1
    if done < len(span):
        raise InputError(f"frame {span.first + done} cannot be read any more", where=path.name, code="source-changed")


def _decode(path: Path, track: VideoTrack, log: DamageLog, from_pts: int | None = None) -> Iterator[TimedFrame]:
    """All frames from the last key frame at or before a moment, which may come a little later or earlier."""
    stamps = Timestamps(track.timing, nominal_step(track))
    count = 0
    undated: list[av.video.frame.VideoFrame] = []
    log.begin(track)
    with open_input(path) as container:
        stream = container.streams[track.index]
        assert isinstance(stream, av.video.stream.VideoStream)
        # One frame at a time. Several take a quarter more processor time, which the encoder beside them wants, and fill
        # in what is damaged from whatever the neighbouring frame has got to by then: other pictures now and then.
        stream.thread_type = "SLICE"
        if from_pts is not None:
            try:
                container.seek(from_pts, stream=stream, backward=True)
            except av.error.FFmpegError:
                return  # not a file one can move about in
        arriving = packets(container, stream)
        while True:
            try:
                packet = next(arriving)
            except StopIteration:
                break
            except av.error.FFmpegError:
                break  # the file is cut short here
            if packet.size:
                stamps.saw_packet(packet.pts, packet.dts)
                log.packet(packet.pts, hidden=packet.is_discard)
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError):
                log.rejected()
                continue
            for frame in frames:
                if (frame.width, frame.height) != (track.width, track.height):
                    raise InputError(
                        f"the picture changes from {track.width}x{track.height} to {frame.width}x{frame.height}",
                        where=path.name,
                        code="size-changes",
                        hint="cut the recording where it changes and send the pieces",
                    )
                count += 1
                log.picture(frame.pts, corrupt=frame.is_corrupt)
                undated.append(frame)
                if stamps.waits(frame.pts) and len(undated) < _HELD_BACK:
                    continue
                yield from _dated(undated, stamps, log)
                undated.clear()
        yield from _dated(undated, stamps, log)
        log.end()
    if not count and from_pts is None:
        raise InputError("no frame can be decoded", where=path.name, code="no-frames")


def _dated(frames: Sequence[av.video.frame.VideoFrame], stamps: Timestamps, log: DamageLog) -> Iterator[TimedFrame]:
    """Frames with their timestamps; those without one before the first known one are dated back from it."""
    if len(frames) > 1 and (known := frames[-1].pts) is not None:
        stamps.date_back(len(frames) - 1, known)
    for frame in frames:
        repaired, filled = stamps.repaired, stamps.filled
        pts = stamps.next(frame.pts)
        if stamps.repaired > repaired:
            log.moved(pts)
        if stamps.filled > filled:
            log.undated(pts)
        yield TimedFrame(pts, frame)

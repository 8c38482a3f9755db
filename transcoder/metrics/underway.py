"""Measuring a video while it is made: the source is decoded once for the encoder and for the comparison.

What is compared is what a decoder makes of the encoder's packets. That counts only where the finished file is then
found to hold these very packets, for the same moments; else the file is measured as any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue
from threading import Semaphore, Thread
from types import TracebackType
from typing import Any

import av
import av.packet
import av.video.codeccontext
import av.video.frame

from transcoder.media import units
from transcoder.media.reader import TimedFrame
from transcoder.metrics.measure import Collector, Measurement
from transcoder.metrics.pairing import Pair
from transcoder.model import Region, VideoTrack

_QUEUED = 24
"""Frames and packets that may wait to be looked at; beyond that the encoder waits."""
_MOST_HELD_BYTES = 256_000_000
"""Of pictures that wait for the encoder to give theirs back; one that looks further ahead is measured afterwards."""


@dataclass(frozen=True, slots=True)
class _Coded:
    packet: av.packet.Packet[Any]
    codec: str
    header: bytes


_Seen = TimedFrame | _Coded


class Underway:
    """Compares what goes into an encoder with what comes out, in a thread of its own; see ``encode.base.Onlooker``.

    :param track: of the source.
    :param regions: measured each and by class, beside the whole frame.
    """

    def __init__(self, track: VideoTrack, regions: Sequence[Region]) -> None:
        self._track = track
        self._collector = Collector(track, regions)
        self._waiting: deque[TimedFrame] = deque()
        self._moments: list[int] = []
        self._coded: list[bytes] = []
        self._headers: tuple[bytes, ...] = ()
        self._failed = False
        self._queue: SimpleQueue[_Seen | None] = SimpleQueue()
        self._room = Semaphore(_QUEUED)
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Underway:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._failed |= error is not None
        self._queue.put(None)
        self._thread.join()

    def frame(self, timed: TimedFrame) -> None:
        """Take the frame of the source that goes into the encoder next."""
        self._put(timed)

    def packet(self, packet: av.packet.Packet[Any], codec: str, header: bytes) -> None:
        """Take the packet that came out of it, before anything changes its timestamps."""
        self._put(_Coded(units.copied(packet), codec, header))

    def measurement(self, path: Path, offset_s: Fraction) -> Measurement | None:
        """What was measured, where it holds for the finished file.

        :param path: of the file that the packets were written to.
        :param offset_s: that were subtracted from every timestamp.
        """
        if self._failed or self._waiting or not self._moments:
            return None
        found = units.of_file(path)
        if found is None or found.digests != tuple(self._coded) or not found.begins_with(self._headers):
            return None
        if len(found.pts) != len(self._moments):
            return None
        worst_s = Fraction(0)
        for pts, moment in zip(sorted(found.pts), self._moments, strict=True):
            worst_s = max(worst_s, abs(pts * found.time_base - (moment * self._track.time_base - offset_s)))
        if worst_s > found.time_base:
            return None
        self._collector.worst_error_s = worst_s
        return self._collector.result()

    def _put(self, item: _Seen) -> None:
        self._room.acquire()
        self._queue.put(item)

    def _items(self) -> Iterator[_Seen]:
        while (item := self._queue.get()) is not None:
            self._room.release()
            yield item

    def _run(self) -> None:
        items = self._items()
        try:
            self._follow(items)
        except Exception:  # noqa: BLE001 - the file is measured afterwards, and there the same is raised
            self._failed = True
        for _ in items:
            pass  # whoever encodes must not wait for a place

    def _follow(self, items: Iterator[_Seen]) -> None:
        decoder: av.video.codeccontext.VideoCodecContext | None = None
        for item in items:
            if isinstance(item, TimedFrame):
                self._hold(item)
                continue
            if decoder is None:
                decoder = _decoder(item.codec, item.header)
                self._headers = units.headers(item.header)
            self._coded.append(units.digest(bytes(item.packet), prefixed=False))
            self._compare(decoder.decode(item.packet))
        if decoder is not None:
            self._compare(decoder.decode(None))

    def _hold(self, timed: TimedFrame) -> None:
        self._waiting.append(timed)
        self._moments.append(timed.pts)
        if len(self._waiting) * sum(plane.buffer_size for plane in timed.frame.planes) > _MOST_HELD_BYTES:
            raise BufferError

    def _compare(self, shown: Sequence[av.video.frame.VideoFrame]) -> None:
        for frame in shown:
            # In the order they are shown; that each comes at its own time, the finished file tells.
            self._collector.add(Pair(self._waiting.popleft(), TimedFrame(frame.pts or 0, frame), Fraction(0)))


def _decoder(codec: str, header: bytes) -> av.video.codeccontext.VideoCodecContext:
    """One thread: encoders leave no core idle."""
    decoder = av.codec.context.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.video.codeccontext.VideoCodecContext)
    decoder.extradata, decoder.thread_count = header, 1
    return decoder

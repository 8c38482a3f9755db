"""Coded frames of H.264 and HEVC as the units they consist of, however a stream or a file delimits them.

An encoder puts a start code before each unit (Annex B of both standards); MP4 and Matroska put its length there
(ISO/IEC 14496-15). What is in the units is the same, so that one can be held against the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.packet

from transcoder.media.containers import open_input, packets

_LENGTH_AT = {"h264": 4, "hevc": 21}
"""Where the file's header says how long the lengths are: ``avcC`` and ``hvcC`` of the standard."""
_START = re.compile(rb"\x00\x00\x01")
_LENGTH_BYTES = 4


def digest(data: bytes, *, prefixed: bool) -> bytes:
    """What stands for a packet's units: 16 bytes, the same for both ways to delimit them.

    :param prefixed: whether each unit comes behind its length, in four bytes; else behind a start code.
    """
    found = hashlib.blake2b(digest_size=16)
    for unit in _behind_lengths(data) if prefixed else _behind_start_codes(data):
        found.update(len(unit).to_bytes(_LENGTH_BYTES, "big"))
        found.update(unit)
    return found.digest()


@dataclass(frozen=True, slots=True)
class Coded:
    """The packets of a file's video, in decoding order."""

    digests: tuple[bytes, ...]
    pts: tuple[int, ...]
    """Ticks of the time base."""
    time_base: Fraction
    header: bytes

    def begins_with(self, headers: Sequence[bytes]) -> bool:
        """Whether a decoder is given these units before any packet."""
        return all(unit in self.header for unit in headers)


def of_file(path: Path) -> Coded | None:
    """The packets of a video file; None where they are delimited in another way, or not all to be shown."""
    digests, stamps = [], []
    with open_input(path) as container:
        stream = container.streams.video[0]
        header, place = stream.codec_context.extradata or b"", _LENGTH_AT.get(stream.codec_context.codec.canonical_name)
        if place is None or len(header) <= place or header[0] != 1 or header[place] & 3 != _LENGTH_BYTES - 1:
            return None
        for packet in packets(container, stream):
            if not packet.size:
                continue
            if packet.is_discard or packet.pts is None:
                return None
            digests.append(digest(bytes(packet), prefixed=True))
            stamps.append(packet.pts)
        assert stream.time_base is not None
        return Coded(tuple(digests), tuple(stamps), stream.time_base, header)


def headers(extradata: bytes) -> tuple[bytes, ...]:
    """The units that an encoder gives before its first packet."""
    return tuple(_behind_start_codes(extradata))


def copied(packet: av.packet.Packet[Any]) -> av.packet.Packet[Any]:
    """The packet once more: what writes the first one into a file changes its timestamps."""
    copy: av.packet.Packet[Any] = av.packet.Packet(bytes(packet))
    copy.pts, copy.dts = packet.pts, packet.dts
    return copy


def _behind_start_codes(data: bytes) -> Iterator[bytes]:
    starts = [match.end() for match in _START.finditer(data)]
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    for start, end in zip(starts, ends, strict=True):
        # No unit ends in zeros: those are of a longer start code, or padding.
        yield data[start:end].rstrip(b"\0")


def _behind_lengths(data: bytes) -> Iterator[bytes]:
    position = 0
    while position + _LENGTH_BYTES <= len(data):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "big")
        yield data[start:position].rstrip(b"\0")

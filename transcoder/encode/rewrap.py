"""Rewrap: the compressed packets move into a container the receiver opens, and nothing else changes.

Proof: every packet of every copied stream is read back from the output and its SHA-256 compared, and so
is every timestamp.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

from transcoder.encode import beside
from transcoder.encode.base import EncodeJob
from transcoder.errors import EncodeError
from transcoder.media.containers import library_errors, open_input
from transcoder.media.probe import probe
from transcoder.media.writer import copied_stream, open_output, timing_offset
from transcoder.model import Encoded, EncodeSpec

_ANNEX_B = frozenset(("mpegts", "mpeg", "h264", "hevc", "dhav", "mpegtsraw"))


class Rewrap:
    """Stream copy of the chosen video and its audio."""

    def __init__(self, job: EncodeJob) -> None:
        self._job = job

    def encode(self, spec: EncodeSpec) -> Encoded:
        """:raises EncodeError: where the container does not take the packets, or the proof fails."""
        source, video = self._job.source, self._job.source.video
        assert video is not None
        target = self._job.workdir / f"rewrap.{spec.rung.extension}"
        container = str(spec.rung.settings["container"])
        indexes = [video.index, *(track.index for track in source.audio)]
        audio_start = min((track.start_s for track in source.audio), default=None)
        offset = timing_offset(video, audio_start)
        with library_errors("rewrapping", source.path):
            self._copy(target, container, indexes, offset)
            self._prove(target, indexes, offset)
            produced = probe(target, sha256="")  # a container that nothing opens proves nothing
        return Encoded(
            path=target,
            bytes=target.stat().st_size,
            settings={"container": container},
            lossless_proof="sha256 of every packet and every timestamp equal the source's",
            fates=spec.rung.fates + beside.fates(source, produced),
            timing_offset_s=offset,
        )

    def _copy(self, target: Path, container: str, indexes: Sequence[int], offset: Fraction) -> None:
        source, video = self._job.source, self._job.source.video
        assert video is not None
        with open_input(source.path) as inputs, open_output(target, container, video.time_base) as output:
            output.metadata.update(beside.tags_to_keep(self._job.source))
            streams = {}
            for index in indexes:
                template = inputs.streams[index]
                stream = copied_stream(output, template)
                if index == video.index:
                    if video.display_matrix is not None:
                        stream.set_display_matrix(video.display_matrix)  # type: ignore[attr-defined]
                    elif video.rotation_deg:
                        stream.set_display_rotation(video.rotation_deg)  # type: ignore[attr-defined]
                streams[index] = stream
            done = 0
            for packet in inputs.demux([inputs.streams[index] for index in indexes]):
                if not packet.size:
                    continue
                if packet.dts is None and packet.pts is None:
                    raise EncodeError("packets carry no timestamps, so a copy would have to invent them")
                shift = round(offset / packet.time_base)
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
                packet.stream = streams[packet.stream_index]
                output.mux_one(packet)
                done += 1
                if done % 256 == 0:
                    self._job.tick("rewrap", done, None)

    def _prove(self, target: Path, indexes: Sequence[int], offset: Fraction) -> None:
        source = self._job.source
        for position, index in enumerate(indexes):
            originals = _fingerprints(source.path, index, offset)
            copies = _fingerprints(target, position, Fraction(0))
            for original, copy in zip_longest(originals, copies):
                if original is None or copy is None or original.sha256 != copy.sha256:
                    raise EncodeError(f"stream {index} does not survive the rewrap packet for packet")
                if abs(original.time_s - copy.time_s) > max(original.tick_s, copy.tick_s):
                    raise EncodeError(f"timestamps of stream {index} shift in the rewrap")


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """One packet: the hash of its payload in one framing, its time, and the length of one tick."""

    sha256: bytes
    time_s: Fraction
    tick_s: Fraction


def _fingerprints(path: Path, index: int, offset: Fraction) -> Iterator[_Fingerprint]:
    with open_input(path) as container:
        stream = container.streams[index]
        context = stream.codec_context
        codec = context.codec.canonical_name if context is not None else ""
        normalise = _payload_reader(codec, bytes(context.extradata or b"") if context is not None else b"")
        for packet in container.demux(stream):
            if packet.size:
                stamp = packet.pts if packet.pts is not None else packet.dts
                time = Fraction(0) if stamp is None else stamp * packet.time_base - offset
                yield _Fingerprint(hashlib.sha256(normalise(bytes(packet))).digest(), time, packet.time_base)


def _payload_reader(codec: str, extradata: bytes) -> Callable[[bytes], bytes]:
    """H.264 and HEVC units are framed by start codes or by lengths; compare the units, not the framing.

    Which framing a stream uses is in its header, never in a packet: a length of 256 to 511 looks like a start
    code. Parameter sets and delimiters are left out, because MP4 stores them once in its header.
    """
    if codec in ("h264", "hevc"):
        length_bytes = 0
        position = 4 if codec == "h264" else 21
        if extradata[:1] == b"\x01" and len(extradata) > position:  # a forged header may be cut short
            length_bytes = (extradata[position] & 3) + 1
        shift, mask, apart = (0, 0x1F, (7, 8, 9)) if codec == "h264" else (1, 0x3F, (32, 33, 34, 35))

        def pictures(data: bytes) -> bytes:
            units = (unit for unit in _units(data, length_bytes) if unit)
            return b"".join(unit for unit in units if (unit[0] >> shift) & mask not in apart)

        return pictures
    if codec == "aac":
        return lambda data: data[7:] if data[:1] == b"\xff" and len(data) > 7 and data[1] & 0xF6 == 0xF0 else data
    return lambda data: data


def _units(data: bytes, length_bytes: int) -> list[bytes]:
    """The network abstraction layer units of one packet; ``length_bytes`` is 0 for start codes (Annex B)."""
    units = []
    if not length_bytes:
        start = data.find(b"\0\0\1")
        while start >= 0:
            end = data.find(b"\0\0\1", start + 3)
            units.append(data[start + 3 : end if end >= 0 else len(data)].rstrip(b"\0"))
            start = end
        return units
    position = 0
    while position + length_bytes <= len(data):
        length = int.from_bytes(data[position : position + length_bytes], "big")
        position += length_bytes
        units.append(data[position : position + length].rstrip(b"\0"))
        position += length
    return units

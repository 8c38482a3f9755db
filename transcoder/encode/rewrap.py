"""Rewrap: the compressed packets move into a container the receiver opens, and nothing else changes.

Proof: every packet of every copied stream is read back from the output and its SHA-256 compared, and so
is every timestamp. Of a clip, every frame is decoded and compared as well: what a cut takes away may be what a frame
was predicted from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

import av.packet

from transcoder.encode import beside
from transcoder.encode.base import EncodeJob
from transcoder.errors import EncodeError
from transcoder.media.checksum import checksum
from transcoder.media.containers import library_errors, open_input, packets
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.media.writer import copied_stream, open_output, timing_offset
from transcoder.model import Encoded, EncodeSpec, SourceInfo, VideoTrack

_PROOF = "sha256 of every packet and every timestamp equal the source's"
_PROOF_OF_A_CLIP = f"{_PROOF}; every frame decodes to the same samples"
_ANNEX_B = frozenset(("mpegts", "mpeg", "h264", "hevc", "dhav", "mpegtsraw"))


class Rewrap:
    """Stream copy of the chosen video and its audio."""

    def __init__(self, job: EncodeJob) -> None:
        self._job = job
        video = job.source.video
        assert video is not None
        self._video: VideoTrack = video
        self._moments = frozenset(video.span.moments) if video.span is not None else None

    def encode(self, spec: EncodeSpec) -> Encoded:
        """:raises EncodeError: where the container does not take the packets, or the proof fails."""
        source, video = self._job.source, self._video
        target = self._job.workdir / f"rewrap.{spec.rung.extension}"
        container = str(spec.rung.settings["container"])
        indexes = [video.index, *(track.index for track in source.audio)]
        audio_start = min((track.start_s for track in source.audio), default=None)
        if audio_start is not None and video.span is not None:
            audio_start = max(audio_start, video.start_s)
        offset = timing_offset(video, audio_start)
        with library_errors("rewrapping", source.path):
            self._copy(target, container, indexes, offset)
            self._prove(target, indexes, offset)
            produced = probe(target, sha256="")  # a container that nothing opens proves nothing
            if video.span is not None:
                self._prove_frames(produced, offset)
        return Encoded(
            path=target,
            bytes=target.stat().st_size,
            settings={"container": container},
            lossless_proof=_PROOF if video.span is None else _PROOF_OF_A_CLIP,
            fates=spec.rung.fates + beside.fates(source, produced),
            timing_offset_s=offset,
        )

    def _copy(self, target: Path, container: str, indexes: Sequence[int], offset: Fraction) -> None:
        source, video = self._job.source, self._video
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
            begun = video.span is None
            for packet in packets(inputs, [inputs.streams[index] for index in indexes]):
                if not packet.size or not self._takes(packet):
                    continue
                if packet.stream_index == video.index and not begun:
                    if not packet.is_keyframe:
                        raise EncodeError("the clip begins between two key frames, where packets cannot be copied from")
                    begun = True
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

    def _takes(self, packet: av.packet.Packet[Any]) -> bool:
        """Whether it belongs to the frames of a clip, or to the sound that begins while they are shown."""
        if self._moments is None:
            return True
        if packet.stream_index == self._video.index:
            return packet.pts in self._moments
        stamp = packet.dts if packet.dts is not None else packet.pts
        begin = self._video.start_s
        return stamp is not None and begin <= stamp * packet.time_base < begin + self._video.duration_s

    def _prove_frames(self, produced: SourceInfo, offset: Fraction) -> None:
        """:raises EncodeError: where a frame of the clip does not decode to the very same samples."""
        span, made = self._video.span, produced.video
        assert span is not None
        if made is None:
            raise EncodeError("the copied packets hold no video")
        pairs = zip_longest(zip(span.moments, span.sums, strict=True), read_frames(produced.path, made))
        for number, (wanted, timed) in enumerate(pairs):
            if wanted is None or timed is None or checksum(timed.frame) != wanted[1]:
                raise EncodeError(f"copying would change frame {number} of the clip, which needs one outside it")
            error = abs(wanted[0] * self._video.time_base - offset - timed.pts * made.time_base)
            if error > max(self._video.time_base, made.time_base):
                raise EncodeError(f"frame {number} of the clip would be shown at another time")

    def _prove(self, target: Path, indexes: Sequence[int], offset: Fraction) -> None:
        source = self._job.source
        for position, index in enumerate(indexes):
            originals = _fingerprints(source.path, index, offset, self._takes)
            copies = _fingerprints(target, position, Fraction(0), lambda _: True)
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


def _fingerprints(
    path: Path, index: int, offset: Fraction, takes: Callable[[av.packet.Packet[Any]], bool]
) -> Iterator[_Fingerprint]:
    with open_input(path) as container:
        stream = container.streams[index]
        context = stream.codec_context
        codec = context.codec.canonical_name if context is not None else ""
        normalise = _payload_reader(codec, bytes(context.extradata or b"") if context is not None else b"")
        for packet in packets(container, stream):
            if packet.size and takes(packet):
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

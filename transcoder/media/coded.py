"""What of a file is coded picture and sound: its SHA-256 is the same before and after a manifest is written into it.

Delivering the same source twice gives two files, because a manifest has a signature and a time; what the encoders made
in them is the same. These hashes show it, and anyone can form them again:

- of a video, the SHA-256 of what this prints, six words for each packet of every stream: ``ffprobe -v error
  -show_packets -show_data_hash sha256 -show_entries
  packet=codec_type,stream_index,pts,dts,size,data_hash:packet_side_data=none -of csv=p=0 FILE | tr -s ',\\n' ' '``;
- of a JPEG or PNG, that of the file without its APP11 segments, or ``caBX`` chunks, which hold manifests;
- of a WebP, that of its picture chunks one after the other, headers included, without ``VP8X``, whose flags are
  about the others;
- of an AVIF, that of what its ``mdat`` boxes hold;
- of anything else, a PDF say, that of the file: its manifest lies beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from transcoder.media.anatomy import isobmff, jpeg, png
from transcoder.media.containers import library_errors, open_input, packets
from transcoder.media.writer import MUXERS

_APP11 = 0xEB
_WEBP = frozenset((b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"))


def digest(path: Path) -> str:
    """SHA-256, in hexadecimal, of what is coded in a delivered file.

    :raises EncodeError: where the packets cannot be read.
    :raises InputError: where it is no video, and its name says that it is one.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending in MUXERS:
        return _of_packets(path)
    data, found = path.read_bytes(), hashlib.sha256()
    for start, end in _KEPT.get(ending, _whole)(data):
        found.update(memoryview(data)[start:end])
    return found.hexdigest()


def _of_packets(path: Path) -> str:
    found = hashlib.sha256()
    with library_errors("reading the packets", path), open_input(path) as container:
        for packet in packets(container, list(container.streams)):
            if not packet.size and packet.pts is None and packet.dts is None:
                continue  # what empties decoders at the end
            pts, dts = ("N/A" if stamp is None else stamp for stamp in (packet.pts, packet.dts))
            stream, content = packet.stream, hashlib.sha256(packet).hexdigest()
            found.update(f"{stream.type} {stream.index} {pts} {dts} {packet.size} SHA256:{content} ".encode())
    return found.hexdigest()


def _whole(data: bytes) -> Iterator[tuple[int, int]]:
    yield 0, len(data)


def _jpeg(data: bytes) -> Iterator[tuple[int, int]]:
    kept = 0
    for segment in jpeg.layout(data).segments:
        if segment.marker == _APP11:
            yield kept, segment.offset - 4
            kept = segment.offset + len(segment.payload)
    yield kept, len(data)


def _png(data: bytes) -> Iterator[tuple[int, int]]:
    kept = 0
    for name, start, length in png.chunks(data):
        if name == b"caBX":
            yield kept, start - 8
            kept = start + length + 4
    yield kept, len(data)


def _webp(data: bytes) -> Iterator[tuple[int, int]]:
    position = 12
    while position + 8 <= len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if data[position : position + 4] in _WEBP:
            yield position, position + 8 + length
        position += 8 + length + length % 2


def _boxes(data: bytes) -> Iterator[tuple[int, int]]:
    yield from ((box.start, box.end) for box in isobmff.boxes(data, 0, len(data)) if box.name == b"mdat")


_KEPT: Mapping[str, Callable[[bytes], Iterator[tuple[int, int]]]] = {
    "jpg": _jpeg, "jpeg": _jpeg, "png": _png, "webp": _webp, "avif": _boxes,
}  # fmt: skip

"""JPEG: marker segments, and the pictures and recordings that cameras put behind the first picture."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transcoder.media.anatomy import tiff
from transcoder.media.anatomy.base import EXIF_PREFIX, MAX_BLOCKS, Block, block, guess, printable

XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
XMP_MORE_PREFIX = b"http://ns.adobe.com/xmp/extension/\0"
ICC_PREFIX = b"ICC_PROFILE\0"
MPF_PREFIX = b"MPF\0"
PHOTOSHOP_PREFIX = b"Photoshop 3.0\0"
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)
_SOS, _EOI, _SOI = 0xDA, 0xD9, 0xD8
_MAX_PICTURES = 32


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker segment."""

    marker: int
    payload: bytes
    offset: int
    """Of the payload in the file."""

    @property
    def is_metadata(self) -> bool:
        """APPn and comments."""
        return 0xE0 <= self.marker <= 0xEF or self.marker == 0xFE


@dataclass(frozen=True, slots=True)
class Layout:
    """How a JPEG is built: its segments, and where its first picture ends."""

    segments: tuple[Segment, ...]
    end: int | None
    """Of the first picture, behind its end marker; None where that is missing."""


def layout(data: bytes) -> Layout:
    """Walk the segments; what is malformed ends the walk and never raises."""
    found: list[Segment] = []
    position = 2
    while position + 2 <= len(data) and len(found) < 4 * MAX_BLOCKS:
        if data[position] != 0xFF:
            match = _MARKER.search(data, position)  # garbage between segments: decoders skip it as well
            if match is None:
                break
            position = match.start()
        marker = data[position + 1]
        if marker == 0xFF:  # fill bytes may stand before any marker (ITU-T T.81, B.1.1.2)
            position += 1
            continue
        if marker == _EOI:
            return Layout(tuple(found), position + 2)
        if marker in (_SOI, 0x00, 0x01) or 0xD0 <= marker <= 0xD7:
            position += 2
            continue
        if position + 4 > len(data):
            break
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        found.append(Segment(marker, data[position + 4 : position + 2 + max(2, length)], position + 4))
        position += 2 + max(2, length)
        if marker == _SOS:
            match = _MARKER.search(data, position)
            if match is None:
                break
            position = match.start()
    return Layout(tuple(found), None)


def blocks(data: bytes) -> Iterator[Block]:
    """Every block of metadata in the file's order, then what lies behind the picture."""
    shape = layout(data)
    yield from described([segment for segment in shape.segments if segment.is_metadata])
    if shape.end is not None:
        yield from _behind(data, shape)


def described(segments: Sequence[Segment]) -> Iterator[Block]:
    """Metadata segments as blocks; what is spread over several is put together."""
    profile: list[tuple[int, bytes]] = []
    more_xmp = b""
    for segment in segments:
        data = segment.payload
        if segment.marker == 0xE2 and data.startswith(ICC_PREFIX) and len(data) > 14:
            profile.append((data[12], data[14:]))
        elif segment.marker == 0xE1 and data.startswith(XMP_MORE_PREFIX):
            more_xmp += data
        else:
            yield from _one(segment.marker, data)
    if profile:
        yield block("icc", "ICC profile", b"".join(part for _, part in sorted(profile, key=lambda pair: pair[0])))
    if more_xmp:
        yield block("xmp-extended", "extended XMP", more_xmp)


def _one(marker: int, data: bytes) -> Iterator[Block]:
    name = f"JPEG APP{marker - 0xE0}"
    if marker == 0xFE:
        yield block("comment", "JPEG comment", data)
    elif marker == 0xE1 and data.startswith(b"Exif\0"):
        yield block("exif", "EXIF", data[len(EXIF_PREFIX) :], tiff.summary(data[len(EXIF_PREFIX) :]))
    elif marker == 0xE1 and data.startswith(XMP_PREFIX):
        yield block("xmp", "XMP", data[len(XMP_PREFIX) :])
    elif marker == 0xE0 and data.startswith(b"JFIF\0"):
        if len(data) > 14:
            yield block("thumbnail", "JFIF thumbnail", data[14:])
        if len(data) >= 12 and data[7] in (1, 2):  # zero is an aspect ratio, nearly always 1:1
            across, down = struct.unpack_from(">HH", data, 8)
            yield block(
                "density", "JFIF resolution", data[7:12], f"{across}x{down} per {'inch' if data[7] == 1 else 'cm'}"
            )
    elif marker == 0xE0 and data.startswith(b"JFXX\0"):
        yield block("thumbnail", "JFXX thumbnail", data)
    elif marker == 0xE2 and data.startswith(MPF_PREFIX):
        yield block("mpf", f"{name} MPF (index of further pictures)", data)
    elif marker == 0xEB and data[:2] == b"JP":
        c2pa = b"c2pa" in data[:4096]
        yield block("c2pa" if c2pa else "jumbf", f"{name} {'C2PA manifest' if c2pa else 'JUMBF'}", data)
    elif marker == 0xED and data.startswith(PHOTOSHOP_PREFIX):
        listed = data[len(PHOTOSHOP_PREFIX) :]
        yield block("photoshop", "Photoshop resources", listed, resources(listed))
    elif marker == 0xEE and data.startswith(b"Adobe"):
        return  # says how samples are coded: part of the picture, not of what is known about it
    else:
        label = printable(data.split(b"\0", 1)[0], 30)
        yield block("app", f"{name} {label}".rstrip(), data)


def resources(data: bytes) -> str:
    """Which Photoshop resources are in a list of them; 0x0404 is IPTC."""
    names: list[str] = []
    position = 0
    while data[position : position + 4] == b"8BIM" and len(names) < 64 and position + 8 <= len(data):
        (number,) = struct.unpack_from(">H", data, position + 4)
        position += 6 + (data[position + 6] // 2 + 1) * 2
        if position + 4 > len(data):
            break
        (length,) = struct.unpack_from(">I", data, position)
        names.append({0x0404: "IPTC", 0x0409: "thumbnail", 0x040C: "thumbnail"}.get(number, f"0x{number:04X}"))
        position += 4 + length + length % 2
    listed = list(dict.fromkeys(names))
    return ", ".join(sorted(listed, key=lambda name: name.startswith("0x"))[:8]) + (", ..." if listed[8:] else "")


def _behind(data: bytes, shape: Layout) -> Iterator[Block]:
    """Further pictures by their index, and whatever else is there between and behind them."""
    assert shape.end is not None
    position = shape.end
    for start, size in sorted(_indexed(data, shape)):
        if start < position or start + size > len(data):
            continue
        yield from _unnamed(data[position:start])
        picture = data[start : start + size]
        gain = b"hdrgm" in picture[:8192] or b"ns.adobe.com/hdr-gain-map" in picture[:8192]
        kind = ("gain-map", "HDR gain map") if gain else ("picture", "further picture")
        yield block(kind[0], f"{kind[1]} behind the first", picture)
        position = start + size
    yield from _unnamed(data[position:])


def reindexed(payload: bytes, by: int, first_bytes: int) -> bytes | None:
    """A multi-picture index (its segment's payload) whose further pictures moved; None where it is malformed.

    :param by: how much further from the index they are now.
    :param first_bytes: size of the first picture.
    """
    inner = bytearray(payload[4:])
    for tag, value in tiff.first_directory(bytes(inner)):
        place = inner.find(value) if tag == 0xB002 else -1
        if place < 0 or len(value) < 16:
            continue
        order = ">" if inner[:2] == b"MM" else "<"
        struct.pack_into(order + "I", inner, place + 4, first_bytes)
        for number in range(1, len(value) // 16):
            (offset,) = struct.unpack_from(order + "I", inner, place + 16 * number + 8)
            if not 0 < offset + by < 1 << 32:
                return None
            struct.pack_into(order + "I", inner, place + 16 * number + 8, offset + by)
        return payload[:4] + bytes(inner)
    return None


def _unnamed(data: bytes) -> Iterator[Block]:
    if data.rstrip(b"\0"):
        yield block("trailing", "data behind the end of the picture", data, guess(data))


def _indexed(data: bytes, shape: Layout) -> Iterator[tuple[int, int]]:
    """Offset and size of each further picture that the multi-picture index (CIPA DC-007) names."""
    for segment in shape.segments:
        if segment.marker != 0xE2 or not segment.payload.startswith(MPF_PREFIX):
            continue
        base = segment.offset + 4
        for tag, value in tiff.first_directory(segment.payload[4:]):
            if tag != 0xB002:
                continue
            order = ">" if segment.payload[4:6] == b"MM" else "<"
            for number in range(1, min(len(value) // 16, _MAX_PICTURES)):
                _, size, offset = struct.unpack_from(order + "III", value, 16 * number)
                if offset and size:
                    yield base + offset, size

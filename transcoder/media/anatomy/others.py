"""WebP, GIF, BMP, TGA and ICO: what their files hold beside the picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from transcoder.media.anatomy import tiff
from transcoder.media.anatomy.base import EXIF_PREFIX, MAX_BLOCKS, Block, block, printable, trailing

_WEBP_PICTURE = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"))


def webp(data: bytes) -> Iterator[Block]:
    """Chunks of a WebP's RIFF."""
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    position, count = 12, 0
    while position + 8 <= end and count < MAX_BLOCKS:
        name, length = bytes(data[position : position + 4]), int.from_bytes(data[position + 4 : position + 8], "little")
        payload = data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2
        count += 1
        if name == b"EXIF":
            exif = bytes(payload).removeprefix(EXIF_PREFIX)
            yield block("exif", "EXIF", exif, tiff.summary(exif))
        elif name == b"XMP ":
            yield block("xmp", "XMP", payload)
        elif name == b"ICCP":
            yield block("icc", "ICC profile", payload)
        elif name not in _WEBP_PICTURE:
            yield block("c2pa" if name == b"C2PA" else "other", f"WebP chunk {printable(name)}", payload)
    if behind := trailing(bytes(data[end:])):
        yield behind


def gif(data: bytes) -> Iterator[Block]:
    """Comments and application extensions."""
    flags = data[10] if len(data) > 13 else 0
    position, count = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0), 0
    while position < len(data) and count < 16 * MAX_BLOCKS:
        lead = data[position]
        count += 1
        if lead == 0x3B:
            if behind := trailing(bytes(data[position + 1 :])):
                yield behind
            return
        if lead == 0x2C and position + 10 <= len(data):
            flags = data[position + 9]
            position, _ = _sub_blocks(data, position + 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0))
        elif lead == 0x21 and position + 2 <= len(data):
            label = data[position + 1]
            position, payload = _sub_blocks(data, position + 2)
            if label == 0xFE:
                yield block("comment", "GIF comment", payload)
            elif label == 0xFF and payload[:11] == b"XMP DataXMP":
                yield block("xmp", "XMP", payload[11:])
            elif label == 0xFF and payload[:11] == b"ICCRGBG1012":
                yield block("icc", "ICC profile", payload[11:])
            elif label == 0xFF and payload[:11] not in (b"NETSCAPE2.0", b"ANIMEXTS1.0"):
                yield block("app", f"GIF application extension {printable(payload[:11])}", payload[11:])
            elif label == 0x01:
                yield block("text", "GIF plain text", payload)
        else:
            return


def _sub_blocks(data: bytes, position: int) -> tuple[int, bytes]:
    parts = []
    while position < len(data) and data[position]:
        parts.append(bytes(data[position + 1 : position + 1 + data[position]]))
        position += 1 + data[position]
    return position + 1, b"".join(parts)


def bmp(data: bytes) -> Iterator[Block]:
    """The profile and resolution of a bitmap's header, and what lies behind its samples."""
    if len(data) < 54:
        return
    (offset,) = struct.unpack_from("<I", data, 10)
    size, width, height, _, bits, packing, stored, across, down = struct.unpack_from("<IiiHHIIii", data, 14)
    if size >= 40 and across > 0 and down > 0:
        yield block("density", "BMP resolution", data[38:46], f"{across}x{down} per metre")
    end = offset + (stored if packing in (1, 2) and stored else (width * bits + 31) // 32 * 4 * abs(height))
    if size >= 124 and len(data) >= 138:
        kind, place, length = (
            struct.unpack_from("<I48xII", data, 14 + 56)[0],
            *struct.unpack_from("<II", data, 14 + 112),
        )
        if kind == 0x4D424544 and length and 14 + place + length <= len(data):
            yield block("icc", "ICC profile", data[14 + place : 14 + place + length])
            end = max(end, 14 + place + length)
    if bits == 32 and packing == 0:
        # Nominally unused, and often transparency all the same; decoders drop it.
        fourth = bytes(data[offset + 3 : offset + 4 * width * abs(height) : 4])
        if len(set(fourth)) > 1:
            yield block("other", "BMP fourth channel", fourth, "the fourth byte of each pixel")
    if size > 12 and 0 < end < len(data) and (behind := trailing(bytes(data[end:]))):
        yield behind


def tga(data: bytes) -> Iterator[Block]:
    """The image identification, and the extension area that a footer points at."""
    if len(data) > 18 and data[0]:
        yield block("text", "TGA image identification", data[18 : 18 + data[0]])
    if data[-18:-2] == b"TRUEVISION-XFILE":
        extension, developer = struct.unpack_from("<II", data, len(data) - 26)
        if 0 < extension < len(data):
            yield block("other", "TGA extension area", data[extension : extension + 495])
        if 0 < developer < len(data):
            yield block("other", "TGA developer area", data[developer : len(data) - 26])


def ico(data: bytes) -> Iterator[Block]:
    """The smaller pictures of an icon: the largest is the one that is delivered."""
    count = min(int.from_bytes(data[4:6], "little"), 64)
    entries = []
    for number in range(count):
        if len(data) < 22 + 16 * number:
            break
        width, height, _, _, _, bits, length, offset = struct.unpack_from("<BBBBHHII", data, 6 + 16 * number)
        entries.append(((width or 256) * (height or 256), bits, width or 256, height or 256, length, offset))
    for _, bits, width, height, length, offset in sorted(entries, reverse=True)[1:]:
        payload = data[offset : offset + length]
        yield block("picture", "further picture of the icon", payload, f"{width}x{height}, {bits} bits")

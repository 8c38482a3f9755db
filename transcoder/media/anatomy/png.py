"""PNG: chunks that are not the picture itself, and what lies behind the last one."""

from __future__ import annotations

from collections.abc import Iterator

from transcoder.media.anatomy import tiff
from transcoder.media.anatomy.base import MAX_BLOCKS, Block, block, inflated, printable, trailing

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
_PICTURE = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"))
_NAMES = {
    b"tIME": ("time", "time of last change"),
    b"gAMA": ("colour", "gamma"),
    b"cHRM": ("colour", "chromaticities"),
    b"sRGB": ("colour", "sRGB intent"),
    b"cICP": ("colour", "colour code points"),
    b"mDCV": ("colour", "mastering display"),
    b"cLLI": ("colour", "content light level"),
    b"pHYs": ("density", "resolution"),
    b"caBX": ("c2pa", "C2PA manifest"),
}


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, payload offset and length of each chunk; what is malformed ends the walk."""
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        name = bytes(data[position + 4 : position + 8])
        yield name, position + 8, length
        position += 12 + length
        if name == b"IEND":
            return


def blocks(data: bytes) -> Iterator[Block]:
    """Every chunk beside the picture, in the file's order."""
    end, count = None, 0
    for name, start, length in chunks(data):
        if name == b"IEND":
            end = start + length + 4
        if name in _PICTURE or start + length > len(data):
            continue
        count += 1
        if count > MAX_BLOCKS:
            return
        yield _chunk(name, bytes(data[start : start + length]))
    if end is not None and (behind := trailing(bytes(data[end:]))):
        yield behind


def text_of(payload: bytes, name: bytes) -> tuple[str, str]:
    """Keyword and text of a tEXt, zTXt or iTXt chunk; the text is empty where it is broken."""
    keyword, _, rest = payload.partition(b"\0")
    if name == b"tEXt":
        return keyword.decode("latin-1"), rest.decode("latin-1")
    if name == b"zTXt":
        return keyword.decode("latin-1"), (inflated(rest[1:]) or b"").decode("latin-1")
    packed, rest = rest[:1] == b"\1", rest[2:]
    body = rest.split(b"\0", 2)[-1]
    plain = inflated(body) if packed else body
    return keyword.decode("latin-1"), (plain or b"").decode("utf-8", "replace")


def _chunk(name: bytes, payload: bytes) -> Block:
    shown = f"PNG chunk {printable(name)}"
    if name == b"eXIf":
        exif = payload.removeprefix(b"Exif\0\0")
        return block("exif", "EXIF", exif, tiff.summary(exif))
    if name == b"iCCP":
        title, _, rest = payload.partition(b"\0")
        profile = inflated(rest[1:])
        if profile:
            return block("icc", "ICC profile", profile)
        return block("other", f"{shown} (broken ICC profile {printable(title)})", payload)
    if name in (b"tEXt", b"zTXt", b"iTXt"):
        keyword, text = text_of(payload, name)
        if keyword.encode("latin-1") == XMP_KEYWORD:
            return block("xmp", "XMP", text.encode())
        return block("text", f"{shown} ({printable(keyword.encode('latin-1'))})", f"{keyword}: {text}".encode())
    kind, meaning = _NAMES.get(name, ("other", ""))
    return block(kind, f"{shown}{' ' if meaning else ''}{meaning}", payload)

"""A block of a picture file, and what all formats' walkers share."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

from transcoder.model import StillItem

EXIF_PREFIX = b"Exif\0\0"
MAX_BLOCKS = 512
"""A file with more blocks than this is hostile or broken: the rest is not looked at."""
MAX_LISTED = 200
"""A certificate lists this many; what there is beyond is counted as one."""
_MAX_INFLATED = 16_000_000
_KEPT_BYTES = 4_000_000
"""Payloads up to this size are kept for writing them into another file."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block with its payload, so that it can be written into another file."""

    item: StillItem
    payload: bytes
    """Without what the format wraps around it; empty where it is too large to be metadata."""


def block(kind: str, name: str, payload: bytes | memoryview, detail: str = "") -> Block:
    """Describe a payload."""
    data = bytes(payload)
    item = StillItem(kind=kind, name=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), detail=detail)
    return Block(item, data if len(data) <= _KEPT_BYTES else b"")


def inflated(data: bytes) -> bytes | None:
    """What a zlib stream holds; None where it is broken or unreasonably large."""
    decoder = zlib.decompressobj()
    try:
        plain = decoder.decompress(data, _MAX_INFLATED)
    except zlib.error:
        return None
    return None if decoder.unconsumed_tail else plain


def printable(data: bytes, limit: int = 40) -> str:
    """The first printable characters of a name inside a file."""
    text = data[:limit].decode("latin-1")
    return "".join(char for char in text if char.isprintable())


def trailing(data: bytes, kind: str = "trailing") -> Block | None:
    """What lies behind the end of a picture; a camera's zero padding counts as nothing."""
    if not data.rstrip(b"\0"):
        return None
    return block(kind, "data behind the end of the picture", data, guess(data))


def guess(data: bytes) -> str:
    """What unnamed data looks like, by its first bytes; padding before them does not count."""
    if data[4:8] != b"ftyp":
        data = data.lstrip(b"\0")
    for found, meaning in _LOOKS.items():
        if data.startswith(found):
            return meaning
    if data[4:8] == b"ftyp":
        return "a video, as motion photos have it"
    if data[-4:] == b"SEFT" or b"MotionPhoto_Data" in data[:200]:
        return "a Samsung trailer"
    if b"PK\3\4" in data[:64] or data.startswith(b"PK\5\6"):
        return "a ZIP archive"
    lead = printable(data, 16)
    return f"begins with {lead!r}" if data[:4].isalnum() else "of unknown kind"


_LOOKS = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"PK\3\4": "a ZIP archive",
    b"PK\5\6": "an empty ZIP archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"%PDF": "a PDF document",
    b"ID3": "an MP3 recording",
    b"RIFF": "a RIFF file",
}

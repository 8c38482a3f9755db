"""What becomes of everything beside a picture's samples: carried over as the bytes it is, or its loss said.

What is claimed is read back from the written file: an item counts as kept only where the same bytes are there.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from transcoder.encode import fates, jpeg
from transcoder.media import anatomy
from transcoder.media.anatomy import jpeg as segments
from transcoder.media.anatomy import tiff
from transcoder.media.anatomy.jpeg import Layout, Segment
from transcoder.model import Fate, ItemFate, StillInfo, StillItem

_SHARE = 0.25
"""At most this share of the cap goes into blocks that are neither EXIF, ICC nor XMP."""
_NAMES = {"jpeg": "JPEG", "png": "PNG", "webp": "WebP", "avif": "AVIF"}
_OUTSIDE = "it is no part of the picture, and the delivery holds the picture alone"
_REASONS = {
    "mpf": "it points at further pictures, which are not in this file",
    "c2pa": "it signs the bytes of the source and would be broken in any other file",
    "jumbf": "it may describe the bytes of the source, which this file has not",
    "picture": _OUTSIDE,
    "gain-map": _OUTSIDE,
    "auxiliary": _OUTSIDE,
    "trailing": "it lies outside the picture",
    "thumbnail": "a smaller copy of the source's picture",
}
_REWRITTEN = frozenset(("exif", "icc", "xmp", "density", "colour", "mpf"))


def account(
    items: Sequence[StillItem], written: Sequence[StillItem], format_name: str, notes: Mapping[str, str] | None = None
) -> tuple[ItemFate, ...]:
    """The fate of each item of a source, by what is in the written file.

    :param format_name: of the written file.
    :param notes: SHA-256 of an item -> why it is not carried, or ``+`` and as what it was.
    """
    there = {(item.kind, item.sha256) for item in written}
    kinds = {item.kind for item in written}
    counted: Counter[ItemFate] = Counter()
    for item in items:
        if (item.kind, item.sha256) in there:
            counted[ItemFate(item=item.label, fate=Fate.KEPT)] += 1
            continue
        note = (notes or {}).get(item.sha256, "")
        if note.startswith("+"):
            counted[ItemFate(item=item.label, fate=Fate.CONVERTED, note=note[1:])] += 1
        elif item.kind in _REWRITTEN & kinds and not note:
            how = "its places moved along" if item.kind == "mpf" else "rewritten by the format's encoder"
            counted[ItemFate(item=item.label, fate=Fate.CONVERTED, note=how)] += 1
        elif item.kind == "tiff-tag" and tiff.carried(item.name) and "exif" in kinds:
            counted[ItemFate(item=item.label, fate=Fate.CONVERTED, note="in an EXIF block")] += 1
        else:
            reason = note or _REASONS.get(item.kind) or f"{_NAMES.get(format_name, format_name)} has no place for it"
            reason += "; viewers take the samples for sRGB" if item.kind == "colour" else ""
            counted[ItemFate(item=item.label, fate=Fate.LOST, note=reason)] += 1
    return fates.grouped(counted)


def account_for(
    still: StillInfo, path: Path, format_name: str, notes: Mapping[str, str] | None = None
) -> tuple[ItemFate, ...]:
    """``account`` for a file on disk."""
    written = [block.item for block in anatomy.blocks(path, format_name)]
    return account(still.items, written, format_name, notes)


def of_jpeg(data: bytes) -> list[Segment]:
    """The marker segments of a JPEG that another JPEG of the same picture may hold, as they are."""
    return [item for item in segments.layout(data).segments if item.is_metadata and not _own(item)]


def _own(item: Segment) -> bool:
    """Whether a segment belongs to the file it is in: its coding, or what describes its bytes."""
    data = item.payload
    coding = item.marker == 0xEE and data.startswith(b"Adobe")
    return coding or _is_index(item) or (item.marker == 0xEB and data[:2] == b"JP")


def with_tail(data: bytes, source: Layout, behind: bytes) -> bytes:
    """A re-coded JPEG with what lay behind its source, and with the index of further pictures moved along."""
    index = next((item for item in source.segments if _is_index(item)), None)
    if index is None or source.end is None:
        return data + behind
    # The index stands where it did, behind EXIF; its places count from its own start, and only the first is not
    # counted so: that is the first picture's, of which it holds the size.
    shape = segments.layout(data)
    place = next((item.offset - 4 for item in shape.segments if not (0xE0 <= item.marker <= 0xE1)), 2)
    end = len(data) + len(index.payload) + 4
    moved = segments.reindexed(index.payload, (end - (place + 8)) - (source.end - (index.offset + 4)), end)
    if moved is None:
        return data + behind
    head = struct.pack(">BBH", 0xFF, index.marker, len(moved) + 2)
    return data[:place] + head + moved + data[place:] + behind


def _is_index(item: Segment) -> bool:
    return item.marker == 0xE2 and item.payload.startswith(segments.MPF_PREFIX)


def is_profile(item: Segment) -> bool:
    """Whether a segment holds a part of a colour profile."""
    return item.marker == 0xE2 and item.payload.startswith(segments.ICC_PREFIX)


def within(found: Sequence[Segment], cap_bytes: int) -> tuple[list[Segment], dict[str, str]]:
    """The segments without the largest of those that are not metadata everyone reads, where they ask too much.

    :returns: what is kept, and the notes for what is not.
    """
    groups: dict[tuple[int, bytes], list[Segment]] = {}
    for item in found:
        if not _common(item):  # what is spread over several segments stays together
            groups.setdefault((item.marker, item.payload.split(b"\0", 1)[0][:64]), []).append(item)
    extra = sorted(groups.values(), key=_bytes)
    room, dropped = int(cap_bytes * _SHARE), []
    while extra and sum(map(_bytes, extra)) > room:
        dropped += extra.pop()
    reason = f"it would take more than {_SHARE:.0%} of the cap"
    notes = {block.item.sha256: reason for block in segments.described(dropped)}
    return [item for item in found if item not in dropped], notes


def _bytes(group: Sequence[Segment]) -> int:
    return sum(len(item.payload) for item in group)


def _common(item: Segment) -> bool:
    return is_profile(item) or (
        (item.marker == 0xE1 and item.payload.startswith((segments.XMP_PREFIX, b"Exif\0"))) or item.marker == 0xE0
    )


def foreign(path: Path, format_name: str) -> tuple[list[Segment], dict[str, str]]:
    """What a JPEG can hold of another format's file beside EXIF, ICC and XMP: comments, texts, IPTC, resolution."""
    made: list[Segment] = []
    notes: dict[str, str] = {}
    for block in anatomy.blocks(path, format_name):
        for segment, note in _translated(block):
            if len(segment.payload) <= jpeg.SEGMENT_BYTES:
                made.append(segment)
                if note:
                    notes[block.item.sha256] = note
    return made, notes


def _translated(block: anatomy.Block) -> Iterator[tuple[Segment, str]]:
    kind, payload = block.item.kind, block.payload
    if kind == "comment" and payload:
        yield Segment(0xFE, payload, 0), ""
    elif kind == "text" and payload:
        yield Segment(0xFE, payload, 0), "+as a JPEG comment"
    elif kind == "photoshop" and payload:
        yield Segment(0xED, segments.PHOTOSHOP_PREFIX + payload, 0), ""
    elif kind == "iptc" and payload:
        body = struct.pack(">4sHHI", b"8BIM", 0x0404, 0, len(payload)) + payload + b"\0" * (len(payload) % 2)
        yield Segment(0xED, segments.PHOTOSHOP_PREFIX + body, 0), "+in a Photoshop resource, as JPEG holds it"

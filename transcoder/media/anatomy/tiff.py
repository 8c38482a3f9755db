"""TIFF directories, which EXIF blocks are as well: their tags as bytes, with bounds on everything a file may claim."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import TiffTags

from transcoder.media.anatomy.base import MAX_BLOCKS, Block, block

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MAX_ENTRIES, _MAX_DIRECTORIES = 512, 512
ICC, XMP, IPTC, PHOTOSHOP, EXIF, GPS, SUB, ORIENTATION = 34675, 700, 33723, 34377, 34665, 34853, 330, 274
_MAKER_NOTE, _THUMBNAIL, _THUMBNAIL_BYTES = 37500, 513, 514
_CODING = frozenset(
    (254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325,
     332, 338, 339, 340, 341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532)
)  # fmt: skip
"""How the samples are stored: part of the picture."""
_OWN_KIND = {ICC: ("icc", "ICC profile"), XMP: ("xmp", "XMP"), IPTC: ("iptc", "IPTC"),
             PHOTOSHOP: ("photoshop", "Photoshop resources")}  # fmt: skip
IN_EXIF = frozenset((270, 271, 272, ORIENTATION, 282, 283, 285, 296, 305, 306, 315, 316, 33432, EXIF, GPS))
"""What an EXIF block's first directory may hold of a TIFF's (CIPA DC-008, table 3)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag with its value as stored."""

    tag: int
    kind: int
    count: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Directory:
    """The tags of one page, in the byte order of its file."""

    order: str
    entries: tuple[Entry, ...]

    def value(self, tag: int) -> bytes:
        """The bytes of a tag; empty where it is absent."""
        return next((entry.value for entry in self.entries if entry.tag == tag), b"")

    def number(self, tag: int) -> int | None:
        """The first number of a tag; None where it is absent."""
        return number(self, tag)


def directories(data: bytes) -> list[Directory]:
    """The pages' directories in order; a malformed one ends the list. BigTIFF as well."""
    head = _head(data)
    if head is None:
        return []
    order, big, offset = head
    found: list[Directory] = []
    seen: set[int] = set()
    while offset and offset not in seen and len(found) < _MAX_DIRECTORIES:
        seen.add(offset)
        read = _directory(data, order, big, offset)
        if read is None:
            break
        directory, offset = read
        found.append(directory)
    return found


def number(directory: Directory, tag: int) -> int | None:
    """The first number of a tag; None where it is absent or none."""
    for entry in directory.entries:
        code = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}.get(entry.kind)
        if entry.tag == tag and code and len(entry.value) >= struct.calcsize(code):
            return int(struct.unpack_from(directory.order + code, entry.value)[0])
    return None


def first_directory(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and values of the first directory."""
    for directory in directories(data)[:1]:
        yield from ((entry.tag, entry.value) for entry in directory.entries)


def blocks(data: bytes) -> Iterator[Block]:
    """What is known about each page beside how its samples are stored."""
    count = 0
    for page, directory in enumerate(directories(data), start=1):
        where = f"page {page}: " if page > 1 else ""
        for entry in directory.entries:
            if entry.tag in _CODING:
                continue
            count += 1
            if count > MAX_BLOCKS:
                return
            yield _entry_block(data, directory, entry, where)


def _entry_block(data: bytes, directory: Directory, entry: Entry, where: str) -> Block:
    if entry.tag in _OWN_KIND:
        kind, name = _OWN_KIND[entry.tag]
        return block(kind, where + name, entry.value)
    known = TiffTags.lookup(entry.tag).name
    name = f"TIFF tag {entry.tag}" + (f" {known}" if known and known != "unknown" else "")
    if entry.tag in (EXIF, GPS):
        inner = _inner(data, directory, entry.tag)
        payload = b"".join(item.value for item in inner)
        title = "EXIF directory" if entry.tag == EXIF else "GPS directory"
        return block("tiff-tag", f"{where}TIFF tag {entry.tag} {title}", payload, f"{len(inner)} tags")
    if entry.tag == SUB:
        offsets = len(entry.value) // _SIZES.get(entry.kind, 4)
        return block("picture", f"{where}{name}", entry.value, f"{offsets} further picture(s), such as reduced ones")
    return block("tiff-tag", where + name, entry.value)


def carried(item_name: str) -> bool:
    """Whether ``exif_block`` carries the tag that an item names."""
    lead, _, rest = item_name.rpartition("TIFF tag ")
    number = rest.split(" ")[0]
    return (not lead or lead.startswith("page ")) and number.isdigit() and int(number) in IN_EXIF


def exif_block(data: bytes, page: int = 0) -> bytes:
    """The tags of a page that an EXIF block may hold, as one; empty where there are none.

    Values are copied as they are; a maker's note whose own offsets count from the file's start points wrong then.
    """
    found = directories(data)[page : page + 1]
    if not found:
        return b""
    order = found[0].order
    outer = [entry for entry in found[0].entries if entry.tag in IN_EXIF - {EXIF, GPS}]
    inner = {tag: _inner(data, found[0], tag) for tag in (EXIF, GPS)}
    inner = {tag: entries for tag, entries in inner.items() if entries}
    if not outer and not inner:
        return b""
    blob = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "I", 8)
    places: dict[int, int] = {}
    first = len(blob) + 2 + 12 * (len(outer) + len(inner)) + 4
    body = b""
    for tag, entries in inner.items():
        places[tag] = first + len(body)
        body += _written(entries, order, places[tag])
    pointers = [Entry(tag, 4, 1, struct.pack(order + "I", place)) for tag, place in places.items()]
    main = _written([*outer, *pointers], order, len(blob), after=first + len(body))
    head, tail = main[: first - len(blob)], main[first - len(blob) :]
    return blob + head + body + tail


def summary(exif: bytes) -> str:
    """What an EXIF block holds that people ask for: a maker's note, a thumbnail, a position."""
    found = directories(exif)
    if not found:
        return "malformed"
    notes = []
    inner = _inner(exif, found[0], EXIF)
    maker = next((entry for entry in inner if entry.tag == _MAKER_NOTE), None)
    if maker is not None:
        notes.append(f"maker notes of {len(maker.value)} bytes")
    if len(found) > 1 and (size := number(found[1], _THUMBNAIL_BYTES)):
        notes.append(f"a thumbnail of {size} bytes")
    if _inner(exif, found[0], GPS):
        notes.append("a GPS directory")
    return "with " + ", ".join(notes) if notes else ""


def _head(data: bytes) -> tuple[str, bool, int] | None:
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        return None
    (magic,) = struct.unpack_from(order + "H", data, 2)
    if magic == 43 and len(data) >= 16:
        return order, True, int(struct.unpack_from(order + "Q", data, 8)[0])
    return order, False, int(struct.unpack_from(order + "I", data, 4)[0])


def _directory(data: bytes, order: str, big: bool, offset: int) -> tuple[Directory, int] | None:
    counter, step, field, inline = ("Q", 20, "Q", 8) if big else ("H", 12, "I", 4)
    try:
        (count,) = struct.unpack_from(order + counter, data, offset)
        if count > _MAX_ENTRIES:
            return None
        start = offset + struct.calcsize(counter)
        entries = []
        for position in range(start, start + step * count, step):
            tag, kind, items = struct.unpack_from(order + "HH" + field, data, position)
            size = _SIZES.get(kind, 1) * items
            place = position + 4 + struct.calcsize(field)
            if size > inline:
                (place,) = struct.unpack_from(order + field, data, place)
            if size <= len(data) and place + size <= len(data):
                entries.append(Entry(tag, kind, items, bytes(data[place : place + size])))
        following = start + step * count
        # A directory cut off behind its entries has no next one.
        after = struct.unpack_from(order + field, data, following)[0] if following + inline <= len(data) else 0
    except struct.error:
        return None
    return Directory(order, tuple(entries)), int(after)


def _inner(data: bytes, directory: Directory, tag: int) -> list[Entry]:
    """The entries of the directory that a tag points at."""
    offset, head = number(directory, tag), _head(data)
    if not offset or head is None:
        return []
    read = _directory(data, directory.order, head[1], offset)
    return list(read[0].entries) if read else []


def _written(entries: list[Entry], order: str, start: int, after: int | None = None) -> bytes:
    """A directory at ``start``; values that do not fit inside stand behind it, or from ``after`` on."""
    entries = sorted(entries, key=lambda entry: entry.tag)
    room = 2 + 12 * len(entries) + 4
    place = start + room if after is None else after
    head, tail = struct.pack(order + "H", len(entries)), b""
    for entry in entries:
        value = entry.value
        head += struct.pack(order + "HHI", entry.tag, entry.kind, entry.count)
        if len(value) <= 4:
            head += value.ljust(4, b"\0")
        else:
            head += struct.pack(order + "I", place + len(tail))
            tail += value + b"\0" * (len(value) % 2)
    return head + struct.pack(order + "I", 0) + tail

"""HEIF, AVIF and JPEG 2000: their boxes, and the items beside the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from transcoder.media.anatomy import tiff
from transcoder.media.anatomy.base import EXIF_PREFIX, MAX_BLOCKS, Block, block, guess, printable

_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF_UUID = b"JpgTiffExif->JP2"
_IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_NORMAL = frozenset((b"ftyp", b"meta", b"mdat", b"free", b"skip", b"idat", b"moov", b"wide"))
_CODED = frozenset((b"hvc1", b"av01", b"grid", b"iovl", b"iden", b"avc1", b"jpeg", b"j2k1", b"tmap", b"vvc1", b"unci"))
_AUXILIARY = {"alpha": "transparency", "depth": "depth map", "disparity": "depth map", "hdrgainmap": "HDR gain map",
              "portraiteffectsmatte": "portrait matte", "semantic": "matte", "lowlight": "low-light map"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Box:
    """One box: where its payload lies."""

    name: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets; a malformed one ends the walk."""
    count = 0
    while start + 8 <= end and count < MAX_BLOCKS:
        size, name, head = int.from_bytes(data[start : start + 4], "big"), bytes(data[start + 4 : start + 8]), 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            return
        yield Box(name, start + head, start + size)
        start += size
        count += 1


@dataclass(slots=True)
class _Item:
    kind: bytes = b""
    mime: str = ""
    extents: list[tuple[int, int]] = field(default_factory=list)
    inside: bool = False
    """True where its bytes lie in the metadata box."""


@dataclass(slots=True)
class _Meta:
    items: dict[int, _Item] = field(default_factory=dict)
    primary: int = 0
    links: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    owners: dict[int, list[int]] = field(default_factory=dict)
    idat: int = 0


def heif(data: bytes) -> Iterator[Block]:
    """Metadata and auxiliary pictures of HEIF and AVIF, then boxes that belong to neither."""
    end = 0
    for box in boxes(data, 0, len(data)):
        end = box.end
        if box.name == b"meta":
            yield from _of_items(data, _meta(data, box))
        elif box.name == b"uuid" and data[box.start : box.start + 16] == _C2PA_UUID:
            yield block("c2pa", "C2PA manifest", data[box.start : box.end])
        elif box.name == b"mpvd":
            yield block("trailing", "HEIF box mpvd", data[box.start : box.end], "a video, as motion photos have it")
        elif box.name not in _NORMAL:
            yield block("other", f"HEIF box {printable(box.name)}", data[box.start : box.end])
    if data[end:].rstrip(b"\0"):
        yield block("trailing", "data behind the end of the picture", data[end:], guess(data[end:]))


def jpeg2000(data: bytes) -> Iterator[Block]:
    """Boxes of a JP2 file; a bare codestream has none."""
    if data[4:8] != b"jP  ":
        return
    end = 0
    for box in boxes(data, 0, len(data)):
        end, payload = box.end, data[box.start : box.end]
        if box.name == b"jp2h":
            for inner in boxes(data, box.start, box.end):
                content = data[inner.start : inner.end]
                if inner.name == b"colr" and content[:1] == b"\2":
                    yield block("icc", "ICC profile", content[3:])
                elif inner.name == b"res ":
                    yield block("density", "JPEG 2000 resolution", content)
        elif box.name == b"xml ":
            yield block("text", "JPEG 2000 XML box", payload)
        elif box.name == b"uuid":
            yield _uuid(payload)
        elif box.name not in (b"jP  ", b"ftyp", b"jp2c"):
            yield block("other", f"JPEG 2000 box {printable(box.name)}", payload)
    if data[end:].rstrip(b"\0"):
        yield block("trailing", "data behind the end of the picture", data[end:], guess(data[end:]))


def _uuid(payload: bytes) -> Block:
    key, rest = payload[:16], payload[16:]
    if key == _XMP_UUID:
        return block("xmp", "XMP", rest)
    if key == _EXIF_UUID:
        return block("exif", "EXIF", rest, tiff.summary(rest))
    if key == _IPTC_UUID:
        return block("iptc", "IPTC", rest)
    return block("other", f"JPEG 2000 uuid box {key.hex()[:8]}", rest)


def _of_items(data: bytes, meta: _Meta) -> Iterator[Block]:
    auxiliary = {number for kind, number, _ in meta.links if kind == b"auxl"}
    thumbnails = {number for kind, number, _ in meta.links if kind == b"thmb"}
    parts = {other for kind, _, others in meta.links if kind == b"dimg" for other in others}
    for kind, payload in _properties_of(meta, meta.primary):
        if kind == b"colr" and payload[:4] in (b"prof", b"rICC"):
            yield block("icc", "ICC profile", payload[4:])
    for number, item in meta.items.items():
        if number == meta.primary:
            continue
        payload = _payload(data, meta, item)
        about = {other for kind, own, others in meta.links if kind == b"cdsc" and own == number for other in others}
        if about and meta.primary not in about and item.kind in (b"Exif", b"mime"):
            name = "EXIF" if item.kind == b"Exif" else f"item of type {item.mime}"
            yield block("auxiliary", f"{name} of another picture in the file", payload)
        elif item.kind == b"Exif":
            skip = 4 + int.from_bytes(payload[:4], "big")
            exif = (payload[skip:] if skip < len(payload) else payload[4:]).removeprefix(EXIF_PREFIX)
            yield block("exif", "EXIF", exif, tiff.summary(exif))
        elif item.kind == b"mime":
            xmp = "rdf+xml" in item.mime
            yield block("xmp" if xmp else "other", "XMP" if xmp else f"HEIF item of type {item.mime}", payload)
        elif number in thumbnails:
            yield block("thumbnail", "thumbnail", payload)
        elif number in auxiliary:
            yield block("auxiliary", _auxiliary(meta, number), _deep(data, meta, number))
        elif item.kind in _CODED and number not in parts:
            yield block("picture", f"further picture ({printable(item.kind)})", _deep(data, meta, number))
        elif item.kind not in _CODED:
            yield block("other", f"HEIF item {printable(item.kind)}", payload)


def _auxiliary(meta: _Meta, number: int) -> str:
    for kind, payload in _properties_of(meta, number):
        if kind == b"auxC":
            urn = payload[4:].split(b"\0", 1)[0].decode("latin-1")
            known = next((name for key, name in _AUXILIARY.items() if key in urn.lower()), "")
            return f"{known or 'auxiliary picture'} ({printable(urn.encode('latin-1'), 80)})"
    return "auxiliary picture"


def _deep(data: bytes, meta: _Meta, number: int) -> bytes:
    """The bytes of an item with those of the tiles it is made of."""
    parts = [other for kind, own, others in meta.links if kind == b"dimg" and own == number for other in others]
    return b"".join(_payload(data, meta, meta.items[part]) for part in [number, *parts] if part in meta.items)


def _payload(data: bytes, meta: _Meta, item: _Item) -> bytes:
    base = meta.idat if item.inside else 0
    return b"".join(bytes(data[base + start : base + start + size]) for start, size in item.extents)


def _properties_of(meta: _Meta, number: int) -> Iterator[tuple[bytes, bytes]]:
    for index in meta.owners.get(number, ()):
        if 0 < index <= len(meta.properties):
            yield meta.properties[index - 1]


def _meta(data: bytes, box: Box) -> _Meta:
    meta = _Meta()
    for inner in boxes(data, box.start + 4, box.end):
        reader = _Reader(data, inner.start, inner.end)
        if inner.name == b"pitm":
            meta.primary = reader.sized(4 if reader.full()[0] else 2)
        elif inner.name == b"iinf":
            _iinf(reader, meta)
        elif inner.name == b"iloc":
            _iloc(reader, meta)
        elif inner.name == b"iref":
            _iref(data, inner, meta)
        elif inner.name == b"idat":
            meta.idat = inner.start
        elif inner.name == b"iprp":
            for part in boxes(data, inner.start, inner.end):
                if part.name == b"ipco":
                    meta.properties = [
                        (p.name, bytes(data[p.start : p.end])) for p in boxes(data, part.start, part.end)
                    ]
                elif part.name == b"ipma":
                    _ipma(_Reader(data, part.start, part.end), meta)
    return meta


class _Reader:
    """Reads big-endian numbers up to an end; behind it, everything is zero."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data, self.position, self.end = data, position, end

    def sized(self, size: int) -> int:
        value = int.from_bytes(self.data[self.position : min(self.end, self.position + size)], "big")
        self.position += size
        return value

    def full(self) -> tuple[int, int]:
        """Version and flags."""
        return self.sized(1), self.sized(3)

    @property
    def more(self) -> bool:
        return self.position < self.end


def _iinf(reader: _Reader, meta: _Meta) -> None:
    reader.sized(4 if reader.full()[0] else 2)
    for box in boxes(reader.data, reader.position, reader.end):
        inner = _Reader(reader.data, box.start, box.end)
        version, _ = inner.full()
        if version < 2:
            continue
        number = inner.sized(4 if version > 2 else 2)
        inner.sized(2)
        kind = bytes(inner.data[inner.position : inner.position + 4])
        rest = bytes(inner.data[inner.position + 4 : box.end]).split(b"\0")
        item = meta.items.setdefault(number, _Item())
        item.kind, item.mime = kind, printable(rest[1]) if kind == b"mime" and len(rest) > 1 else ""


def _iloc(reader: _Reader, meta: _Meta) -> None:
    version, _ = reader.full()
    sizes = reader.sized(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    count = reader.sized(2 if version < 2 else 4)
    for _ in range(min(count, 16 * MAX_BLOCKS)):
        if not reader.more:
            return
        item = meta.items.setdefault(reader.sized(2 if version < 2 else 4), _Item())
        item.inside = bool(version) and reader.sized(2) & 15 == 1
        reader.sized(2)
        base = reader.sized(base_size)
        for _ in range(min(reader.sized(2), MAX_BLOCKS)):
            reader.sized(index_size)
            start, length = base + reader.sized(offset_size), reader.sized(length_size)
            item.extents.append((start, length))


def _iref(data: bytes, box: Box, meta: _Meta) -> None:
    wide = 4 if data[box.start] else 2
    for link in boxes(data, box.start + 4, box.end):
        reader = _Reader(data, link.start, link.end)
        own, count = reader.sized(wide), reader.sized(2)
        others = tuple(reader.sized(wide) for _ in range(min(count, 16 * MAX_BLOCKS)) if reader.more)
        meta.links.append((link.name, own, others))


def _ipma(reader: _Reader, meta: _Meta) -> None:
    version, flags = reader.full()
    for _ in range(min(reader.sized(4), 16 * MAX_BLOCKS)):
        if not reader.more:
            return
        number = reader.sized(4 if version else 2)
        wide = 2 if flags & 1 else 1
        indices = [reader.sized(wide) & (0x7FFF if wide == 2 else 0x7F) for _ in range(reader.sized(1))]
        meta.owners.setdefault(number, []).extend(indices)

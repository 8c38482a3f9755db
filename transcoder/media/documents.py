"""Pictures that were delivered: files, or the pages of our own documents (``encode.pdf`` writes them)."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

from transcoder.errors import InputError
from transcoder.media import stills
from transcoder.media.decoding import FAULTS, unreadable

SUFFIX = ".pdf"


def load(path: Path) -> Image.Image:
    """Decode a delivered picture: a file as ``stills.load_whole`` does, of a document the one on its page.

    Sources never come here: a document is not accepted as one.

    :raises InputError: where it is damaged, or the document is none of ours.
    """
    if path.suffix.lower() != SUFFIX:
        return stills.load_whole(path)
    try:
        image = Image.open(io.BytesIO(picture_in(path)), formats=("JPEG", "PNG"))
        image.load()
    except FAULTS as error:
        raise unreadable(path, error) from None
    return image


def picture_in(path: Path) -> bytes:
    """The picture of a one-page document: a JPEG's own bytes, or a PNG around the compressed samples of the page.

    :raises InputError: where there is no such picture.
    """
    import pikepdf

    try:
        with pikepdf.open(path) as document:
            (page,) = document.pages
            image: Any = page.Resources.XObject.Im0
            if image.get("/Filter") == pikepdf.Name.DCTDecode:
                return bytes(image.read_raw_bytes())
            return _png(image)
    except (pikepdf.PdfError, AttributeError, KeyError, ValueError, TypeError, struct.error, OSError) as error:
        text = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"no page with one picture ({text})", where=path.name, code="input-damaged") from None


def _png(image: Any) -> bytes:
    """PDF's filters took over PNG's, so the samples need a PNG's frame only, and no new compression."""
    import pikepdf

    parameters = image.DecodeParms
    if image.Filter != pikepdf.Name.FlateDecode or int(parameters.Predictor) != 15:
        raise ValueError("its samples are not those of a PNG")
    depth, colours = int(parameters.BitsPerComponent), int(parameters.Colors)
    space = image.ColorSpace
    indexed = isinstance(space, pikepdf.Array) and space[0] == pikepdf.Name.Indexed
    kind = 3 if indexed else {1: 0, 3: 2}[colours]
    header = struct.pack(">IIBBBBB", int(image.Width), int(image.Height), depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if isinstance(space, pikepdf.Array) and space[0] == pikepdf.Name.ICCBased:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(space[1].read_bytes())))
    if indexed:
        table = space[3]
        chunks.append((b"PLTE", table.read_bytes() if isinstance(table, pikepdf.Stream) else bytes(table)))
    chunks += [(b"IDAT", image.read_raw_bytes()), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

"""Pictures as pages of a PDF, for receivers that take only documents.

The bytes of a JPEG and the compressed samples of a PNG go in as they are, so they come out again as they went in
(``pdfimages -all``): the JPEG byte for byte, the PNG sample for sample, though that tool writes 16-bit grey in 8. An
orientation tag turns how a picture is drawn, never its samples. The same input gives the same bytes: no dates, and
an id made from the content.
"""

from __future__ import annotations

import hashlib
import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import img2pdf  # type: ignore[import-untyped]
import pikepdf
from pikepdf import Dictionary, Name
from PIL import Image

from transcoder.errors import EncodeError
from transcoder.media import documents, stills

_SHORT, _LONG = 595.28, 841.89
"""A4 in points (1/72 inch), as all lengths here."""
_MARGIN = 36.0
_GAP = 8.0
"""Between a picture and its caption."""
_CAPTION, _HASH = 10.0, 8.0
"""Sizes of type."""
_LEADING = 1.3
"""Height of a line for each point of its type."""
_LEAST_PICTURE = 1 / 3
"""The part of a page's height that a caption must leave to the picture."""

_PLACING = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}
"""EXIF orientation -> how the unit square of stored samples lies in the unit square that is shown."""

# Advance widths of Helvetica from space to tilde, in 1/1000 of its size (Adobe's metrics of the 14 standard fonts).
_WIDTHS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_WIDEST = 1000
"""Taken for every other character: none of them is wider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What became of a picture: the hash that is printed on its page."""

    format: str
    """``jpeg`` or ``png``."""
    sha256: str
    """Of a JPEG its bytes; of a PNG its samples, row by row: its compressed samples are kept, its file is not."""


def page(picture: Path, caption: str, target: Path, *, title: str) -> Sheet:
    """Write one A4 page: a JPEG or PNG as large as fits, the caption (line breaks are kept) and the hash below.

    Characters that the standard fonts lack (WinAnsi) become question marks.

    :raises EncodeError: where the picture is not a JPEG or PNG or is damaged, where its samples could not go in
        untouched (transparency, interlacing, a palette with a colour profile) or do not come out again, or where the
        caption leaves it no room.
    """
    read = _read(picture)
    with pikepdf.open(io.BytesIO(_embedded(read, title, target.name))) as document:
        font = document.make_indirect(
            Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding)
        )
        _set(document, document.pages[0], read, caption, font, picture.name)
        if "/ID" in document.trailer:  # the library made it of the time, and the first half would stay
            del document.trailer["/ID"]
        # 16-bit samples need version 1.5.
        document.save(target, min_version="1.5", deterministic_id=True)
    _prove(read, target)
    return Sheet(format="jpeg" if read.is_jpeg else "png", sha256=read.sha256)


def _prove(picture: _Picture, target: Path) -> None:
    data = documents.picture_in(target)
    if picture.is_jpeg:
        same = data == picture.data
    else:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as found:
            same = samples_sha256(found) == picture.sha256
    if not same:
        raise EncodeError("the page does not give the picture back as it was", where=target.name)


def samples_sha256(image: Image.Image) -> str:
    """SHA-256 of all samples, row by row, as ``magick PICTURE rgb:-`` (``gray:-``) writes them."""
    return hashlib.sha256(image.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    data: bytes
    is_jpeg: bool
    sha256: str
    size: tuple[int, int]
    """Width and height in pixels, as stored."""
    orientation: int

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height in pixels, as a viewer shows it."""
        return self.size if self.orientation < 5 else self.size[::-1]


def _read(path: Path) -> _Picture:
    name = path.name
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            is_jpeg = image.format != "PNG"
            exif, icc, _ = stills.metadata_of(image)
            problem = None if is_jpeg else _problem(image, icc)
            size = image.size
            sha256 = hashlib.sha256(data).hexdigest() if is_jpeg else samples_sha256(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EncodeError(f"a page takes a JPEG or PNG, and this cannot be read as one ({error})", where=name) from None
    if problem:
        raise EncodeError(
            f"a page cannot hold a PNG with {problem} untouched", where=name, hint="deliver it as a file of its own"
        )
    orientation = stills.exif_orientation(exif)
    return _Picture(data=data, is_jpeg=is_jpeg, sha256=sha256, size=size, orientation=orientation)


def _problem(image: Image.Image, icc: bytes) -> str | None:
    """What of a PNG would make the library re-code it."""
    if "A" in image.getbands() or "transparency" in image.info:
        return "transparency"
    if image.info.get("interlace"):
        return "interlacing"
    return "a palette and a colour profile" if image.mode == "P" and icc else None


def _embedded(picture: _Picture, title: str, name: str) -> bytes:
    """A document of one page, not yet laid out."""
    try:
        document: bytes = img2pdf.convert(
            [picture.data],
            engine=img2pdf.Engine.pikepdf,
            layout_fun=img2pdf.get_layout_fun((_SHORT, _LONG)),
            rotation=img2pdf.Rotation.none,
            first_frame_only=True,
            nodate=True,
            title=title,
        )
    except Exception as error:  # noqa: BLE001 - it raises classes of its own and bare ones; all mean "cannot embed"
        raise EncodeError(f"the picture cannot be embedded ({error})", where=name) from None
    return document


def _set(
    document: pikepdf.Pdf, page: pikepdf.Page, picture: _Picture, caption: str, font: pikepdf.Object, name: str
) -> None:
    """Lay one page out: the picture in the top left corner, its caption and hash below from the same edge."""
    width, height = picture.shown
    across, down = (_SHORT, _LONG) if height >= width else (_LONG, _SHORT)
    free = across - 2 * _MARGIN
    lines = [(line, _CAPTION) for line in _wrapped(caption, free / _CAPTION * 1000)]
    of = "" if picture.is_jpeg else " of the samples"
    lines.append((f"SHA-256{of} {picture.sha256}".encode("ascii"), _HASH))
    room = down - 2 * _MARGIN - _GAP - sum(size * _LEADING for _, size in lines)
    if room < down * _LEAST_PICTURE:
        raise EncodeError(f"a caption of {len(lines) - 1} lines leaves the picture no room", where=name)
    scale = min(free / width, room / height)
    wide, high = width * scale, height * scale
    bottom = down - _MARGIN - high
    a, b, c, d, e, f = _PLACING[picture.orientation]
    matrix = (a * wide, b * high, c * wide, d * high, e * wide + _MARGIN, f * high + bottom)
    content = ["q", *(f"{number:.4f}" for number in matrix), "cm /Im0 Do Q"]
    line_top = bottom - _GAP
    for line, size in lines:
        baseline = line_top - size
        content.append(f"BT /F0 {size:g} Tf {_MARGIN:g} {baseline:.2f} Td <{line.hex()}> Tj ET")
        line_top -= size * _LEADING
    if picture.is_jpeg:
        # Of a file with several pictures the library takes the first alone; the hash is that of the file.
        page.Resources.XObject.Im0.write(picture.data, filter=Name.DCTDecode)
    page.MediaBox = pikepdf.Array([0, 0, across, down])
    page.Resources.Font = Dictionary(F0=font)
    page.Contents = document.make_stream(" ".join(content).encode("ascii"))


def _wrapped(text: str, most: float) -> Iterator[bytes]:
    """The lines of a caption in WinAnsi, each at most ``most`` wide, in 1/1000 of the type size."""
    for paragraph in text.splitlines():
        line = ""
        for word in _printable(paragraph).split():
            if line and _width(f"{line} {word}") > most:
                yield line.encode("cp1252")
                line = ""
            line = f"{line} {word}" if line else word
            while _width(line) > most:
                # A word without a space in it, as names of files can be.
                fitting = next(end for end in range(len(line) - 1, 0, -1) if _width(line[:end]) <= most)
                yield line[:fitting].encode("cp1252")
                line = line[fitting:]
        yield line.encode("cp1252")


def _printable(text: str) -> str:
    """What WinAnsi holds, composed; a question mark for each character that it lacks or that nobody can see."""
    seen = ("?" if unicodedata.category(sign).startswith("C") else sign for sign in unicodedata.normalize("NFC", text))
    return "".join(seen).encode("cp1252", "replace").decode("cp1252")


def _width(text: str) -> int:
    return sum(_WIDTHS[ord(sign) - 32] if " " <= sign <= "~" else _WIDEST for sign in text)

"""JPEG from pixels: mozjpeg through libvips, and the markers written here, so that metadata stays the bytes it was.

mozjpeg chooses coefficients by what they cost (trellis quantisation) and searches the scan layout of a progressive
file, or writes a sequential one, which is 1 to 5 % larger (23 % where hardly anything is left of the picture) and made
in three fifths of the time. Everything opens either. libvips would parse and rewrite EXIF, so it is told to write none.
Figures: benchmarks/results/study_stills.md.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from PIL import Image

from transcoder.encode.recoding import recode_jpeg
from transcoder.errors import EncodeError
from transcoder.media.anatomy.base import EXIF_PREFIX
from transcoder.media.anatomy.jpeg import ICC_PREFIX, XMP_PREFIX

SEGMENT_BYTES = 65_533
"""What one marker segment holds beside its length (ITU-T T.81, B.1.1.4)."""
_JFIF = b"JFIF\0\1\1\0\0\1\0\1\0\0"
"""Version 1.1, no density, no thumbnail: says that the samples are YCbCr or grey."""
_ANNEX_K, _ROBIDOUX = 0, 3
"""Of mozjpeg's nine quantisation tables. Robidoux's is the better one for luma but spends more on chroma: at equal
bytes it wins where chroma is small or absent, and the standard's own (Annex K) wins in 4:4:4."""


def encode(
    picture: Image.Image, quality: int, sampling: str, name: str, *, progressive: bool = True
) -> tuple[bytes, str]:
    """A JPEG without metadata, and the encoder that made it. The same pixels give the same bytes.

    :param picture: of mode RGB or L.
    :param sampling: "4:4:4" or "4:2:0"; of no account for L.
    :param name: of the source, for errors.
    :param progressive: with the scans that take the fewest bytes; else sequential.
    :raises EncodeError: where the encoder fails.
    """
    vips = _vips()
    if vips is None:
        return _without_vips(picture, quality, sampling, name, progressive=progressive), "libjpeg-turbo"
    grey = picture.mode == "L"
    full_chroma = not grey and sampling == "4:4:4"
    samples = picture.tobytes()  # libvips reads this memory while it encodes: it must live until then
    try:
        image = vips.Image.new_from_memory(samples, *picture.size, 1 if grey else 3, "uchar")
        data = image.copy(interpretation="b-w" if grey else "srgb").jpegsave_buffer(
            Q=quality,
            subsample_mode="off" if grey or full_chroma else "on",
            quant_table=_ANNEX_K if full_chroma else _ROBIDOUX,
            trellis_quant=True,
            overshoot_deringing=True,
            interlace=progressive,
            optimize_coding=True,
            optimize_scans=progressive,
            keep="none",
        )
    except vips.Error as error:
        raise EncodeError(f"encoding as jpeg failed: {' '.join(str(error).split())}", where=name) from None
    return bytes(data), "mozjpeg"


@lru_cache(maxsize=1)
def _vips() -> Any:
    """libvips with mozjpeg inside, or None where the package is missing or was built without."""
    try:
        import pyvips  # type: ignore[import-untyped, unused-ignore]

        pyvips.cache_set_max(0)  # every picture is encoded once with one setting: nothing to remember
        probe = pyvips.Image.black(1, 1)
        # A libvips on plain libjpeg takes trellis_quant with a warning and ignores it; its table 2 is then table 0.
        tables = {probe.jpegsave_buffer(Q=50, quant_table=number, trellis_quant=True) for number in (0, 2)}
    except Exception:  # noqa: BLE001 - cffi and the loader raise what they like; Pillow does as well, only larger
        return None
    return pyvips if len(tables) == 2 else None


def _without_vips(picture: Image.Image, quality: int, sampling: str, name: str, *, progressive: bool) -> bytes:
    out = io.BytesIO()
    chroma = sampling if picture.mode == "RGB" else -1
    picture.save(out, "JPEG", quality=quality, subsampling=chroma, comment=b"")
    # Better scans for the same coefficients: 1 to 35 % smaller.
    return recode_jpeg(out.getvalue(), name) if progressive else out.getvalue()


def with_metadata(data: bytes, exif: bytes, icc: bytes, xmp: bytes, comment: bytes = b"") -> bytes:
    """The JPEG with its metadata as marker segments; every block is written as the bytes it is.

    :param data: a JPEG without any.
    :raises ValueError: where EXIF, XMP or the comment is larger than a segment, or ICC than 255 of them.
    """
    found = []
    if exif:
        found.append((0xE1, EXIF_PREFIX + exif.removeprefix(EXIF_PREFIX)))
    if xmp:
        found.append((0xE1, XMP_PREFIX + xmp))
    room = SEGMENT_BYTES - len(ICC_PREFIX) - 2
    pieces = [icc[start : start + room] for start in range(0, len(icc), room)]
    found += [(0xE2, ICC_PREFIX + bytes((number, len(pieces))) + piece) for number, piece in enumerate(pieces, 1)]
    if comment:
        found.append((0xFE, comment))
    return with_segments(data, found)


def with_segments(data: bytes, found: Sequence[tuple[int, bytes]], *, own_head: bool = False) -> bytes:
    """The JPEG with marker segments, as they are, behind its JFIF header; one among them replaces it.

    :param data: a JPEG without any beside JFIF's and Adobe's.
    :param found: marker and payload of each.
    :param own_head: leave the JFIF header, or its absence, as it is in ``data`` where none is among ``found``.
    :raises ValueError: where one is larger than a segment can be.
    """
    body, head = data[2:], (_segment(0xE0, _JFIF) if not own_head else b"")
    if body[:2] == b"\xff\xe0":
        end = 2 + int.from_bytes(body[2:4], "big")
        head, body = (body[:end] if own_head else head), body[end:]
    given = [pair for pair in found if pair[0] == 0xE0 and pair[1].startswith(b"JFIF\0")][:1]
    if given:
        head = _segment(*given[0])
    rest = [_segment(*pair) for pair in found if pair not in given]
    return b"".join((b"\xff\xd8", head, *rest, body))


def _segment(marker: int, payload: bytes) -> bytes:
    if len(payload) > SEGMENT_BYTES:
        raise ValueError(f"{len(payload)} bytes do not fit a JPEG segment")
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload

"""The same picture in fewer bytes: the two libraries that re-code JPEG coefficients and PNG rows."""

from __future__ import annotations

import mozjpeg_lossless_optimization as mozjpeg
import oxipng

from transcoder.errors import EncodeError


def recode_jpeg(data: bytes, name: str, *, markers: bool = True) -> bytes:
    """The same coefficients in the smallest progressive scans mozjpeg finds.

    :param markers: keep every marker; else only those that decoding needs.
    :raises EncodeError: where the data is not a JPEG it understands.
    """
    try:
        return bytes(mozjpeg.optimize(data, copy=mozjpeg.COPY_MARKERS.ALL if markers else mozjpeg.COPY_MARKERS.NONE))
    except ValueError as error:
        raise EncodeError(f"the JPEG cannot be re-coded ({error})", where=name) from None


def recode_png(data: bytes, name: str, *, deep: bool = False) -> bytes:
    """The same samples and chunks in better compressed rows, without a C2PA manifest, which signs the old bytes.

    :param deep: the samples have more than 8 bits, and keep them although fewer might do.
    :raises EncodeError: where the data is not a PNG it understands.
    """
    try:
        return oxipng.optimize_from_memory(
            data, level=4, fix_errors=False, optimize_alpha=False, strip=oxipng.StripChunks.strip([b"caBX"]),
            bit_depth_reduction=not deep,
        )  # fmt: skip
    except oxipng.PngError as error:
        raise EncodeError(f"the PNG cannot be re-coded ({error})", where=name) from None

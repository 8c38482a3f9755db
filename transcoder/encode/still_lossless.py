"""Lossless ways to a smaller picture: JPEG coefficients re-coded, or every pixel in an optimised PNG.

Proof: the output is decoded and compared with the source, sample by sample.
"""

from __future__ import annotations

import io

import mozjpeg_lossless_optimization as mozjpeg
import oxipng
from PIL import Image, PngImagePlugin

from transcoder.encode.base import EncodeJob
from transcoder.errors import EncodeError
from transcoder.media import stills
from transcoder.model import Encoded, EncodeSpec


class LosslessStill:
    """Re-codes a picture without changing a sample."""

    def __init__(self, job: EncodeJob) -> None:
        self._job = job

    def encode(self, spec: EncodeSpec) -> Encoded:
        """:raises EncodeError: where the re-coding fails or does not prove lossless."""
        path = self._job.source.path
        self._job.tick("encode", 0, None)
        image = stills.load(path)
        still = self._job.source.still
        assert still is not None
        if spec.rung.encoder == "jpeg-recode":
            data = recode_jpeg(path.read_bytes(), path.name)
        else:
            # Pillow holds deep colour in 8 bits, so such a PNG must go on as the file it is.
            data = _png(path.read_bytes() if still.format == "png" else _as_png(image), path.name)
        target = self._job.workdir / f"lossless.{spec.rung.extension}"
        target.write_bytes(data)
        if not stills.pixels_equal(image, stills.load(target)):
            raise EncodeError("the re-coded picture differs from the source", where=path.name)
        return Encoded(
            path=target,
            bytes=len(data),
            settings={"encoder": spec.rung.encoder, **spec.rung.settings},
            lossless_proof="every decoded sample equals the source's",
            fates=spec.rung.fates,
        )


def recode_jpeg(data: bytes, name: str) -> bytes:
    """The same coefficients in the smallest progressive scans mozjpeg finds; every marker is kept.

    :raises EncodeError: where the data is not a JPEG it understands.
    """
    try:
        return bytes(mozjpeg.optimize(data, copy=mozjpeg.COPY_MARKERS.ALL))
    except ValueError as error:
        raise EncodeError(f"the JPEG cannot be re-coded ({error})", where=name) from None


def _as_png(image: Image.Image) -> bytes:
    exif, icc, xmp = stills.metadata_of(image)
    out = io.BytesIO()
    extra = PngImagePlugin.PngInfo()
    if xmp:
        extra.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    try:
        image.save(out, "PNG", compress_level=1, exif=exif or None, icc_profile=icc or None, pnginfo=extra)
    except (OSError, ValueError) as error:
        raise EncodeError(f"PNG cannot hold this picture ({error})") from None
    return out.getvalue()


def _png(data: bytes, name: str) -> bytes:
    try:
        return oxipng.optimize_from_memory(data, level=4, fix_errors=False, optimize_alpha=False)
    except oxipng.PngError as error:
        raise EncodeError(f"the PNG cannot be re-coded ({error})", where=name) from None

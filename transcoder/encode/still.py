"""Lossy picture encodings: JPEG in two chroma samplings, WebP and AVIF. The knob is the quality.

EXIF, ICC and XMP travel as the bytes they were. The rotation tag stays a tag, so pixels stay untouched.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image

from transcoder.encode.base import EncodeJob
from transcoder.errors import EncodeError
from transcoder.media import stills
from transcoder.model import Encoded, EncodeSpec, Fate, ItemFate, Value

_SEGMENT_BYTES = 65_533 - 29
"""What one JPEG marker segment holds, less the longest identifier written before the data."""


class LossyStill:
    """Encodes one picture; it is decoded once for all attempts."""

    def __init__(self, job: EncodeJob) -> None:
        self._job = job
        self._decoded: tuple[Image.Image, tuple[str, ...]] | None = None
        self._metadata: tuple[bytes, bytes, bytes] | None = None
        self._count = 0

    def encode(self, spec: EncodeSpec) -> Encoded:
        """:raises EncodeError: where the encoder fails."""
        assert spec.knob_value is not None
        if self._decoded is None:
            image = stills.load(self._job.source.path)
            self._metadata = stills.metadata_of(image)
            self._decoded = stills.as_rgb(image)
        assert self._metadata is not None
        picture, notes = self._decoded
        quality, encoder = round(spec.knob_value), spec.rung.encoder
        self._job.tick("encode", quality, None)
        try:
            data, fates = _ENCODERS[encoder](picture, quality, spec.rung.settings, self._metadata)
        except (OSError, ValueError, MemoryError) as error:
            raise EncodeError(f"encoding as {encoder} failed: {error}", where=self._job.source.name) from error
        self._count += 1
        path = self._job.workdir / f"{encoder}-{self._count}.{spec.rung.extension}"
        path.write_bytes(data)
        converted = tuple(ItemFate(item="pixels", fate=Fate.CONVERTED, note=note) for note in notes)
        return Encoded(
            path=path,
            bytes=len(data),
            settings={**spec.rung.settings, "encoder": encoder, "quality": quality},
            fates=spec.rung.fates + converted + fates,
        )


Metadata = tuple[bytes, bytes, bytes]
Result = tuple[bytes, tuple[ItemFate, ...]]


def _jpeg(picture: Image.Image, quality: int, settings: Mapping[str, Value], metadata: Metadata) -> Result:
    exif, icc, xmp = metadata
    fates = []
    if len(xmp) > _SEGMENT_BYTES:
        fates.append(ItemFate(item="XMP", fate=Fate.LOST, note="larger than a JPEG segment"))
        xmp = b""
    if len(exif) > _SEGMENT_BYTES:
        fates.append(ItemFate(item="EXIF", fate=Fate.LOST, note="larger than a JPEG segment"))
        exif = b""
    icc, fates_icc = _usable_icc(icc, picture)
    out = io.BytesIO()
    picture.save(
        out,
        "JPEG",
        quality=quality,
        subsampling=str(settings["subsampling"]) if picture.mode == "RGB" else -1,
        progressive=True,
        optimize=True,
        exif=exif,
        icc_profile=icc or None,
        xmp=xmp,
    )
    return out.getvalue(), tuple(fates) + fates_icc


def _webp(picture: Image.Image, quality: int, settings: Mapping[str, Value], metadata: Metadata) -> Result:
    exif, icc, xmp = metadata
    icc, fates = _usable_icc(icc, picture)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=quality, method=6, exact=True, exif=exif, icc_profile=icc or None, xmp=xmp)
    return out.getvalue(), fates


def _avif(picture: Image.Image, quality: int, settings: Mapping[str, Value], metadata: Metadata) -> Result:
    exif, icc, xmp = metadata
    icc, fates = _usable_icc(icc, picture)
    out = io.BytesIO()
    picture.save(
        out,
        "AVIF",
        quality=quality,
        subsampling=str(settings["subsampling"]),
        speed=6,
        max_threads=2,
        exif=exif,
        icc_profile=icc or None,
        xmp=xmp,
    )
    return out.getvalue(), fates


def _usable_icc(icc: bytes, picture: Image.Image) -> tuple[bytes, tuple[ItemFate, ...]]:
    """A profile describes one colour space: that of the source must not be attached to converted samples."""
    space = icc[16:20].strip()
    if not icc or (space == b"GRAY" and picture.mode == "L") or (space == b"RGB" and picture.mode == "RGB"):
        return icc, ()
    note = f"it describes {space.decode('ascii', 'replace') or 'unknown'} samples, the output holds {picture.mode}"
    return b"", (ItemFate(item="ICC profile", fate=Fate.LOST, note=note),)


_ENCODERS = {"jpeg": _jpeg, "webp": _webp, "avif": _avif}

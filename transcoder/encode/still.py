"""Lossy picture encodings: JPEG in two chroma samplings, WebP and AVIF. The knob is the quality.

EXIF, ICC and XMP travel as the bytes they were. The rotation tag stays a tag, so pixels stay untouched.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

from PIL import Image

from transcoder.encode import jpeg
from transcoder.encode.base import EncodeJob
from transcoder.encode.reducing import Reduction, scaled_size
from transcoder.errors import EncodeError
from transcoder.media import stills
from transcoder.model import Encoded, EncodeSpec, Fate, ItemFate, Value

_SEGMENT_ROOM = jpeg.SEGMENT_BYTES - len(jpeg.XMP_PREFIX)
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
        scale = Reduction.of(spec.rung.settings).scale
        if scale is not None:
            info = picture.info
            picture = picture.resize(scaled_size(*picture.size, scale), Image.Resampling.LANCZOS)
            picture.info = info
        quality, encoder = round(spec.knob_value), spec.rung.encoder
        self._job.tick("encode", quality, None)
        try:
            metadata, fates = _carried(encoder, picture, self._metadata)
            if encoder == "jpeg":
                data, used = _jpeg(picture, quality, spec.rung.settings, metadata, self._job.source.name)
            else:
                data, used = _save(encoder, picture, _options(encoder, quality, spec.rung.settings), metadata), encoder
            fates = _confirmed(data, metadata, fates)
        except (OSError, ValueError, MemoryError) as error:
            raise EncodeError(f"encoding as {encoder} failed: {error}", where=self._job.source.name) from error
        self._count += 1
        path = self._job.workdir / f"{encoder}-{self._count}.{spec.rung.extension}"
        path.write_bytes(data)
        converted = tuple(ItemFate(item="pixels", fate=Fate.CONVERTED, note=note) for note in notes)
        return Encoded(
            path=path,
            bytes=len(data),
            settings={**spec.rung.settings, "encoder": used, "quality": quality},
            fates=spec.rung.fates + converted + fates,
        )


Metadata = tuple[bytes, bytes, bytes]


def _jpeg(
    picture: Image.Image, quality: int, settings: Mapping[str, Value], metadata: Metadata, name: str
) -> tuple[bytes, str]:
    data, used = jpeg.encode(picture, quality, str(settings.get("subsampling", "4:2:0")), name)
    comment = picture.info.get("comment")
    if not isinstance(comment, bytes) or len(comment) > jpeg.SEGMENT_BYTES:
        comment = b""
    return jpeg.with_metadata(data, *metadata, comment), used


def _options(encoder: str, quality: int, settings: Mapping[str, Value]) -> dict[str, object]:
    """Pillow's options for one encoder."""
    if encoder == "webp":
        return {"quality": quality, "method": 4, "exact": True}
    return {"quality": quality, "subsampling": settings.get("subsampling"), "speed": 6, "max_threads": 2}


def _save(encoder: str, picture: Image.Image, options: Mapping[str, object], metadata: Metadata) -> bytes:
    exif, icc, xmp = metadata
    out = io.BytesIO()
    picture.save(out, encoder.upper(), exif=exif, icc_profile=icc or None, xmp=xmp, **options)
    return out.getvalue()


def _confirmed(data: bytes, metadata: Metadata, fates: tuple[ItemFate, ...]) -> tuple[ItemFate, ...]:
    """The fates after reading back what was written: AVIF moves the rotation out of EXIF, for one."""
    with Image.open(io.BytesIO(data)) as written:
        pairs = zip(("EXIF", "ICC profile", "XMP"), stills.metadata_of(written), metadata, strict=True)
        # Some formats store EXIF without its JPEG prefix, and the reader puts none back: the block is the same.
        prefix = b"Exif\0\0"
        same = {name: now.removeprefix(prefix) == before.removeprefix(prefix) for name, now, before in pairs}
    return tuple(
        replace(fate, fate=Fate.CONVERTED, note="rewritten by the format's encoder")
        if fate.fate is Fate.KEPT and not same[fate.item.split(" (")[0]]
        else fate
        for fate in fates
    )


def _carried(encoder: str, picture: Image.Image, metadata: Metadata) -> tuple[Metadata, tuple[ItemFate, ...]]:
    """The metadata this format and picture can carry, and what is lost."""
    exif, icc, xmp = metadata
    room = _SEGMENT_ROOM if encoder == "jpeg" else len(exif) + len(xmp)
    too_large = "larger than a JPEG segment"
    # A profile describes one colour space: the source's must not be attached to converted samples.
    space = icc[16:20].strip()
    fitting = {b"GRAY": "L", b"RGB": "RGB"}.get(space) == picture.mode
    other_space = f"it describes {space.decode('ascii', 'replace')} samples, the output holds {picture.mode}"
    kept, fates = [], []
    for name, data, fits, problem in (
        ("EXIF", exif, len(exif) <= room, too_large),
        ("ICC profile", icc, fitting, other_space),
        ("XMP", xmp, len(xmp) <= room, too_large),
    ):
        kept.append(data if fits else b"")
        if data:
            fate = Fate.KEPT if fits else Fate.LOST
            fates.append(ItemFate(item=f"{name} ({len(data)} bytes)", fate=fate, note="" if fits else problem))
    return (kept[0], kept[1], kept[2]), tuple(fates)

"""Lossy picture encodings: JPEG in two chroma samplings, WebP and AVIF. The knob is the quality.

EXIF, ICC and XMP travel as the bytes they were, and what else the format can hold as well. The rotation tag stays a
tag, so pixels stay untouched.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from PIL import Image

from transcoder.encode import carrying, jpeg
from transcoder.encode.base import EncodeJob
from transcoder.encode.reducing import Reduction, scaled_size
from transcoder.errors import EncodeError
from transcoder.media import stills
from transcoder.media.anatomy.jpeg import XMP_PREFIX, Segment
from transcoder.model import Encoded, EncodeSpec, Fate, ItemFate, Rung, Value

_SEGMENT_ROOM = jpeg.SEGMENT_BYTES - len(XMP_PREFIX)
"""What one JPEG marker segment holds, less the longest identifier written before the data."""
_TRANSPARENT = frozenset(("webp", "avif"))

_SAMPLED_PIXELS = 1_000_000
"""A smaller picture is encoded in the time in which a larger one is sampled."""
_BAND_ROWS, _BANDS_SHARE, _BANDS_PIXELS = 32, 8, 1_000_000
"""Bands of whole blocks of 4:2:0, spread over the picture: an eighth of it, or a million pixels of a large one."""

_SURE_TO_FIT, _FAR_OVER = 0.98, 1.25
"""Of the cap: a sample's error and a picture's own segments; and more than the search of scans can save."""

Metadata = tuple[bytes, bytes, bytes]
_NO_METADATA = (b"", b"", b"")
Picture = tuple[Image.Image, tuple[str, ...]]


class LossyStill:
    """Encodes one picture; it is decoded once for all attempts."""

    def __init__(self, job: EncodeJob) -> None:
        self._job = job
        self._decoded: Image.Image | None = None
        self._converted: dict[tuple[bool, Fraction | None], Picture] = {}
        """The last one: each is as large as the picture."""
        self._samples: dict[str, Image.Image] = {}
        self._sampled: dict[tuple[str, str, int, bool], float | None] = {}
        self._made: dict[tuple[str, str, int], Encoded] = {}
        self._count = 0

    def encode(self, spec: EncodeSpec) -> Encoded:
        """:raises EncodeError: where the encoder fails."""
        assert spec.knob_value is not None
        self._job.tick("encode", round(spec.knob_value), None)
        return self.prepare(spec)

    def prepare(self, spec: EncodeSpec) -> Encoded:
        """``encode`` without a word to whoever watches; the same file is made once. For one thread at a time.

        :raises EncodeError: where the encoder fails.
        """
        key = _key(spec)
        if key not in self._made:
            self._made[key] = self._make(spec)
        return replace(self._made[key], fates=spec.rung.fates + self._made[key].fates)

    def _make(self, spec: EncodeSpec) -> Encoded:
        """The file; the fates of the rung are left out, since they belong to no one file."""
        still = self._job.source.still
        assert still is not None
        (*_, quality), encoder = _key(spec), spec.rung.encoder
        image, picture, notes = self._picture(spec.rung)
        self._count += 1
        path = self._job.workdir / f"{encoder}-{self._count}.{spec.rung.extension}"
        try:
            metadata, reasons = _carried(encoder, picture, stills.metadata_of(image))
            if image.info.get("original_orientation") not in (None, 1):
                turned = "+its rotation was set to none, as decoding has turned the picture"
                reasons |= {item.sha256: turned for item in still.items if item.kind in ("exif", "xmp")}
            if encoder == "jpeg":
                found, more = self._segments(picture, metadata)
                reasons |= more
                data, used = self._jpeg(spec, picture, [(item.marker, item.payload) for item in found])
            else:
                options = _options(encoder, quality, spec.rung.settings)
                data, used = _save(encoder, picture, options, metadata), {"encoder": encoder}
            path.write_bytes(data)
        except (OSError, ValueError, MemoryError) as error:
            raise EncodeError(f"encoding as {encoder} failed: {error}", where=self._job.source.name) from error
        converted = tuple(ItemFate(item="pixels", fate=Fate.CONVERTED, note=note) for note in notes)
        if picture.mode == "RGBA":
            converted += (_transparency(encoder),)
        return Encoded(
            path=path,
            bytes=len(data),
            settings={**spec.rung.settings, **used, "quality": quality},
            fates=converted + carrying.account_for(still, path, encoder, reasons),
        )

    def _jpeg(
        self, spec: EncodeSpec, picture: Image.Image, segments: Sequence[tuple[int, bytes]]
    ) -> tuple[bytes, dict[str, Value]]:
        """The whole file, sequential where that is expected to fit, and how it was made."""
        (*_, quality), name = _key(spec), self._job.source.name
        sequential = self._fits_sequential(self._foretold_as(spec, progressive=False))
        for progressive in (False, True) if sequential else (True,):
            data, used = jpeg.encode(picture, quality, _sampling(spec.rung), name, progressive=progressive)
            data = jpeg.with_segments(data, segments)
            if len(data) <= self._job.cap_bytes:
                break
        return data, {"encoder": used, "progressive": progressive}

    def _fits_sequential(self, foretold: float | None) -> bool:
        """Searching scans for fewer bytes is worth its time where the same quality would not fit without."""
        return foretold is not None and foretold <= _SURE_TO_FIT * self._job.cap_bytes

    def forecast(self, spec: EncodeSpec) -> float | None:
        """About how many bytes ``encode`` would give, from bands of the picture; None of a small one or a failure."""
        if spec.rung.encoder != "jpeg":
            return self._foretold_as(spec, progressive=True)
        foretold = self._foretold_as(spec, progressive=False)
        near = foretold is not None and foretold <= _FAR_OVER * self._job.cap_bytes
        return self._foretold_as(spec, progressive=True) if near and not self._fits_sequential(foretold) else foretold

    def _foretold_as(self, spec: EncodeSpec, *, progressive: bool) -> float | None:
        key = (*_key(spec), progressive)
        if key not in self._sampled:
            self._sampled[key] = self._sample(spec, progressive=progressive)
        return self._sampled[key]

    def _sample(self, spec: EncodeSpec, *, progressive: bool) -> float | None:
        _, picture, _ = self._picture(spec.rung)
        if picture.width * picture.height < _SAMPLED_PIXELS:
            return None
        encoder, settings, quality = _key(spec)
        if settings not in self._samples:
            self._samples = {settings: _bands(picture)}
        sample = self._samples[settings]
        try:
            if encoder == "jpeg":
                name = self._job.source.name
                data, _ = jpeg.encode(sample, quality, _sampling(spec.rung), name, progressive=progressive)
            else:
                data = _save(encoder, sample, _options(encoder, quality, spec.rung.settings), _NO_METADATA)
        except (EncodeError, OSError, ValueError, MemoryError):
            return None
        return len(data) * picture.height / sample.height

    def _picture(self, rung: Rung) -> tuple[Image.Image, Image.Image, tuple[str, ...]]:
        """The picture as decoded, as the rung encodes it, and what was converted between."""
        if self._decoded is None:
            self._decoded = stills.load(self._job.source.path)
        alpha, scale = rung.encoder in _TRANSPARENT, Reduction.of(rung.settings).scale
        if (alpha, scale) not in self._converted:
            picture, notes = stills.as_rgb(self._decoded, alpha=alpha)
            if scale is not None:
                info = picture.info
                picture = picture.resize(scaled_size(*picture.size, scale), Image.Resampling.LANCZOS)
                picture.info = info
            self._converted = {(alpha, scale): (picture, notes)}
        return self._decoded, *self._converted[alpha, scale]

    def _segments(self, picture: Image.Image, metadata: Metadata) -> tuple[list[Segment], dict[str, str]]:
        """All marker segments of the output: a JPEG's own as they are, another format's as JPEG can hold them."""
        path, still = self._job.source.path, self._job.source.still
        assert still is not None
        if still.format == "jpeg":
            found = carrying.of_jpeg(path.read_bytes())
            if not metadata[1]:
                found = [item for item in found if not carrying.is_profile(item)]
            return carrying.within(found, self._job.cap_bytes)
        bare = jpeg.with_metadata(b"\xff\xd8\xff\xd9", *metadata)
        made = carrying.of_jpeg(bare)[1:]  # less the JFIF header, which is made for the picture
        more, notes = carrying.foreign(path, still.format)
        kept, dropped = carrying.within([*made, *more], self._job.cap_bytes)
        if head := _resolution(picture):
            kept.insert(0, head)
        return kept, notes | dropped


def _sampling(rung: Rung) -> str:
    return str(rung.settings.get("subsampling", "4:2:0"))


def _key(spec: EncodeSpec) -> tuple[str, str, int]:
    """What decides about the file: the rung's encoder and settings, and the quality."""
    assert spec.knob_value is not None
    return spec.rung.encoder, str(sorted(spec.rung.settings.items())), round(spec.knob_value)


def _bands(picture: Image.Image) -> Image.Image:
    """Bands of whole blocks, from the top of a picture to its bottom."""
    pixels = min(_BANDS_PIXELS, picture.width * picture.height // _BANDS_SHARE)
    count = max(1, pixels // (picture.width * _BAND_ROWS))
    bands = Image.new(picture.mode, (picture.width, count * _BAND_ROWS))
    room = picture.height - _BAND_ROWS
    for number in range(count):
        top = room * (2 * number + 1) // (2 * count) // _BAND_ROWS * _BAND_ROWS
        bands.paste(picture.crop((0, top, picture.width, top + _BAND_ROWS)), (0, number * _BAND_ROWS))
    return bands


def _resolution(picture: Image.Image) -> Segment | None:
    """A JFIF header with the source's resolution, where it has one."""
    dpi = picture.info.get("dpi")
    if not isinstance(dpi, tuple) or not all(0 < float(value) < 65_535 for value in dpi):
        return None
    across, down = (max(1, round(float(value))) for value in dpi)
    return Segment(0xE0, b"JFIF\0\1\1\1" + across.to_bytes(2, "big") + down.to_bytes(2, "big") + b"\0\0", 0)


def _transparency(encoder: str) -> ItemFate:
    if encoder == "webp":
        return ItemFate(item="transparency", fate=Fate.KEPT, note="the alpha channel is stored without loss")
    return ItemFate(item="transparency", fate=Fate.CONVERTED, note="the alpha channel is compressed like the picture")


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


def _carried(encoder: str, picture: Image.Image, metadata: Metadata) -> tuple[Metadata, dict[str, str]]:
    """The metadata this format and picture can carry, and why the rest is lost, by its SHA-256."""
    exif, icc, xmp = metadata
    room = _SEGMENT_ROOM if encoder == "jpeg" else len(exif) + len(xmp)
    too_large = "larger than a JPEG segment"
    # A profile describes one colour space: the source's must not be attached to converted samples.
    space = icc[16:20].strip()
    fitting = {b"GRAY": ("L",), b"RGB": ("RGB", "RGBA")}.get(space, ())
    other_space = f"it describes {space.decode('ascii', 'replace')} samples, the output holds {picture.mode}"
    kept, reasons = [], {}
    for data, fits, problem in (
        (exif, len(exif) <= room, too_large),
        (icc, picture.mode in fitting, other_space),
        (xmp, len(xmp) <= room, too_large),
    ):
        kept.append(data if fits else b"")
        if data and not fits:
            reasons[stills.digest(data.removeprefix(b"Exif\0\0"))] = problem
    if encoder == "avif" and stills.exif_orientation(exif) != 1:
        moved = "+the rotation is a property of the picture now, the rest is written anew"
        reasons[stills.digest(exif.removeprefix(b"Exif\0\0"))] = moved
    return (kept[0], kept[1], kept[2]), reasons

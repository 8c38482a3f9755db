"""Lossless ways to a smaller picture: JPEG coefficients re-coded, or every pixel in an optimised PNG.

Proof: the output is decoded and compared with the source, sample by sample.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, PngImagePlugin

from transcoder.encode import carrying, jpeg
from transcoder.encode.base import EncodeJob
from transcoder.encode.recoding import recode_jpeg, recode_png
from transcoder.errors import EncodeError
from transcoder.media import anatomy, stills
from transcoder.media.anatomy.jpeg import layout
from transcoder.model import Encoded, EncodeSpec, Fate, ItemFate, StillInfo

_FULL_BITS, _SAVES_AT_MOST = 40, 2
"""Bits for each 64 pixels, from which on the best of 35 JPEGs of the corpus was re-coded to 0.73 of its size; emptier
ones gain from longer runs of nothing."""
_QUICK_BYTES = 300_000
"""Re-coding a smaller one takes no time that would be worth saving."""


class LosslessStill:
    """Re-codes a picture without changing a sample."""

    def __init__(self, job: EncodeJob) -> None:
        self._job = job

    def encode(self, spec: EncodeSpec) -> Encoded:
        """:raises EncodeError: where the re-coding fails or does not prove lossless."""
        path = self._job.source.path
        self._job.tick("encode", 0, None)
        still = self._job.source.still
        assert still is not None
        if spec.rung.encoder == "jpeg-recode":
            self._must_be_worth_trying(still)
        image = stills.load(path)
        notes: dict[str, str] = {}
        if spec.rung.encoder == "jpeg-recode":
            data, notes = self._jpeg(path.read_bytes())
        elif still.format == "png" and not still.damage:
            # Pillow holds deep colour in 8 bits, so such a PNG must go on as the file it is.
            data = recode_png(path.read_bytes(), path.name, deep=still.bit_depth > 8)
        else:
            plain, notes = _as_png(image, path, still.format)
            data = recode_png(plain, path.name, deep=still.bit_depth > 8)
        target = self._job.workdir / f"lossless.{spec.rung.extension}"
        target.write_bytes(data)
        if not stills.pixels_equal(image, stills.load_whole(target)):
            raise EncodeError("the re-coded picture differs from the source", where=path.name)
        written = "jpeg" if spec.rung.encoder == "jpeg-recode" else "png"
        return Encoded(
            path=target,
            bytes=len(data),
            settings={"encoder": spec.rung.encoder, **spec.rung.settings},
            lossless_proof="every decoded sample equals the source's",
            fates=spec.rung.fates + carrying.account_for(still, target, written, notes) + _lost_bytes(still.damage),
        )

    def _must_be_worth_trying(self, still: StillInfo) -> None:
        """:raises EncodeError: where the picture in a JPEG is far over the cap, and full enough to stay so."""
        shape, cap = layout(self._job.source.path.read_bytes()), self._job.cap_bytes
        if shape.end is None or still.damage:
            return
        coded = shape.end - sum(len(segment.payload) for segment in shape.segments)
        full = coded * 8 * 64 > _FULL_BITS * still.width * still.height
        if full and coded > max(_QUICK_BYTES, _SAVES_AT_MOST * cap):
            raise EncodeError(
                f"its picture alone takes {coded} bytes, over {_SAVES_AT_MOST} times the cap of {cap}, and re-coding"
                " one as full as this saves a third at most",
                where=self._job.source.name,
            )

    def _jpeg(self, source: bytes) -> tuple[bytes, dict[str, str]]:
        """The re-coded picture with all it may keep; what lies behind it as well, where there is room."""
        kept, notes = carrying.within(carrying.of_jpeg(source), self._job.cap_bytes)
        data = recode_jpeg(source, self._job.source.path.name, markers=False)
        data = jpeg.with_segments(data, [(item.marker, item.payload) for item in kept], own_head=True)
        shape = layout(source)
        behind = source[shape.end :] if shape.end is not None else b""
        if not behind.rstrip(b"\0"):
            return data, notes
        both = carrying.with_tail(data, shape, behind)
        if len(both) <= self._job.cap_bytes:
            return both, notes
        return data, notes


def _lost_bytes(damage: str) -> tuple[ItemFate, ...]:
    if not damage:
        return ()
    note = "only what decodes could be re-coded; the source's own bytes may let an expert recover more"
    return (ItemFate(item="data that does not decode", fate=Fate.LOST, note=note),)


def _as_png(image: Image.Image, path: Path, format_name: str) -> tuple[bytes, dict[str, str]]:
    """The picture as a PNG with what PNG can hold, and the notes on what is written otherwise."""
    exif, icc, xmp = stills.metadata_of(image)
    out = io.BytesIO()
    extra = PngImagePlugin.PngInfo()
    notes: dict[str, str] = {}
    if xmp:
        extra.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    for block in anatomy.blocks(path, format_name):
        if block.item.kind in ("comment", "text") and block.payload and format_name != "png":
            extra.add_itxt("Comment", block.payload.rstrip(b"\0").decode("utf-8", "replace"))
            notes[block.item.sha256] = "+as a PNG text chunk"
        elif format_name == "png" and block.item.kind == "text":
            keyword, _, text = block.payload.decode("utf-8", "replace").partition(": ")
            extra.add_itxt(keyword[:79] or "Comment", text)
    dpi = image.info.get("dpi")
    options = {"dpi": dpi} if isinstance(dpi, tuple) and all(0 < value < 1e6 for value in dpi) else {}
    try:
        image.save(out, "PNG", compress_level=1, exif=exif or None, icc_profile=icc or None, pnginfo=extra, **options)
    except (OSError, ValueError, ArithmeticError) as error:
        raise EncodeError(f"PNG cannot hold this picture ({error})") from None
    return out.getvalue(), notes

"""Picture encoders of the stills study: a quality from 1 to 100 in, the bytes of a file out.

mozjpeg comes from ``pyvips`` (libvips is built with it), jpegli from ``pyjpegli``, libjpeg-turbo from Pillow.
libjpeg-turbo's and jpegli's scans are optimised afterwards with mozjpeg, as the product did: same coefficients.
"""

from __future__ import annotations

import importlib
import io
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mozjpeg_lossless_optimization as mozjpeg
import numpy as np
from PIL import Image

from transcoder.model import Knob
from transcoder.search import propose

Encode = Callable[[Image.Image, int], bytes]

TABLES = range(9)
"""mozjpeg's quantisation tables: 0 Annex K, 1 flat, 2 MS-SSIM, 3 Robidoux, 4 PSNR-HVS, 5 to 8 from papers."""


def optional(name: str) -> Any:
    """A package of the study that the product does not need, or None with a line that it is left out."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: left out")
        return None


def turbo(sampling: str) -> Encode:
    """libjpeg-turbo, scans optimised."""

    def encode(picture: Image.Image, quality: int) -> bytes:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, subsampling=sampling if picture.mode == "RGB" else -1)
        return bytes(mozjpeg.optimize(out.getvalue()))

    return encode


def moz(sampling: str, table: int) -> Encode:
    """mozjpeg with everything it has: trellis quantisation, deringing, optimised scans."""
    import pyvips  # type: ignore[import-untyped, unused-ignore]

    def encode(picture: Image.Image, quality: int) -> bytes:
        bands = len(picture.getbands())
        image = pyvips.Image.new_from_memory(picture.tobytes(), *picture.size, bands, "uchar")
        return bytes(
            image.copy(interpretation="srgb" if bands == 3 else "b-w").jpegsave_buffer(
                Q=quality, quant_table=table, subsample_mode="off" if sampling == "4:4:4" else "on",
                interlace=True, optimize_coding=True, optimize_scans=True,
                trellis_quant=True, overshoot_deringing=True, keep="none",
            )
        )  # fmt: skip

    return encode


def jpegli() -> Encode | None:
    """jpegli as ``pyjpegli`` offers it: RGB in 4:2:0 and nothing else."""
    package = optional("pyjpegli")
    if package is None:
        return None

    def encode(picture: Image.Image, quality: int) -> bytes:
        return bytes(mozjpeg.optimize(package.encode(np.asarray(picture.convert("RGB")), *picture.size, quality)))

    return encode


def pillow(name: str, **options: Any) -> Encode:
    """WebP or AVIF with the given options."""

    def encode(picture: Image.Image, quality: int) -> bytes:
        out = io.BytesIO()
        picture.save(out, name, quality=quality, **options)
        return out.getvalue()

    return encode


class Filler:
    """The largest file under a cap; every encode of one picture is made once, whatever the caps."""

    def __init__(self, picture: Image.Image, encode: Encode, top: int = 100) -> None:
        self._picture, self._encode, self._top = picture, encode, top
        self._made: dict[int, bytes] = {}
        self.seconds: list[float] = []

    def at(self, quality: int) -> bytes:
        """The file at a quality."""
        if quality not in self._made:
            start = time.perf_counter()
            self._made[quality] = self._encode(self._picture, quality)
            self.seconds.append(time.perf_counter() - start)
        return self._made[quality]

    def under(self, cap: int) -> tuple[int, bytes] | None:
        """Quality and file, found as the product does; None where the lowest quality is still over."""
        knob = Knob(name="quality", low=1, high=self._top, start=0, integer=True, proportional=False)
        if not self._made:
            self.at(self._top // 2)
        while True:
            points = [(float(quality), len(data)) for quality, data in self._made.items()]
            wanted = propose(knob, points, cap)
            if wanted is None:
                break
            self.at(round(wanted))
        fitting = [quality for quality, data in self._made.items() if len(data) <= cap]
        return (max(fitting), self._made[max(fitting)]) if fitting else None


def jpegs(tables: Mapping[str, Sequence[int]]) -> dict[str, dict[str, Encode]]:
    """Sampling -> name -> encoder, with mozjpeg in the given quantisation tables."""
    found: dict[str, dict[str, Encode]] = {}
    for sampling, numbers in tables.items():
        ours = {"libjpeg-turbo": turbo(sampling)} | {f"mozjpeg table {n}": moz(sampling, n) for n in numbers}
        peer = jpegli() if sampling == "4:2:0" else None
        found[sampling] = ours | ({"jpegli": peer} if peer else {})
    return found

"""Decoding pictures: whole, or as far as they decode, and then which rows are missing.

Pillow fills what it cannot decode in silence, or gives up on the whole picture. Here a damaged picture is decoded
twice over different backgrounds: what differs was never written. JPEG's decoder paints missing blocks grey by
itself and only warns, so its warnings are asked for (libvips passes them on; Pillow does not).
"""

from __future__ import annotations

import logging
import struct
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from transcoder.errors import InputError
from transcoder.media.anatomy import jpeg, tiff

Image.init()  # formats named in an allow-list must be registered first
pillow_heif.register_heif_opener()

MAX_PIXELS = 300_000_000
FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP", "AVIF", "HEIF", "JPEG2000", "PPM", "TGA", "ICO", "PCX")
FAULTS = (
    UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning,
    OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError, MemoryError,
    OverflowError, ZeroDivisionError, AttributeError, RuntimeError, NotImplementedError, struct.error,
)  # fmt: skip
_ROW_BY_ROW = frozenset(("JPEG", "MPO", "PNG", "TIFF", "BMP", "GIF", "PPM", "TGA", "PCX", "JPEG2000"))
"""Formats of which a part can be decoded; the others' decoders give all or nothing."""
_BACKGROUNDS: dict[str, tuple[Any, Any]] = {
    "L": (128, 127), "RGB": ((128,) * 3, (127,) * 3), "RGBA": ((128,) * 3 + (255,), (127,) * 3 + (255,)),
    "LA": ((128, 255), (127, 255)), "CMYK": ((128,) * 4, (127,) * 4), "1": (255, 0), "I;16": (32768, 32767),
    "I;16B": (32768, 32767), "YCbCr": ((128,) * 3, (127,) * 3),
}  # fmt: skip
_GREY = frozenset(("L", "RGB", "RGBA", "LA", "I;16", "I;16B"))
_STRIP = 64
_BLOCK_ROWS, _BLOCK_COLUMNS = 32, 8
"""Of JPEG's blocks: the highest there are, and the narrowest."""
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its complaints about a file go to the terminal
_REMEMBERED_PIXELS = 50_000_000
_ALIKE = frozenset((((1, 1),), ((2, 1),), ((2, 2),)))
"""Factors of the luma (4:4:4 and grey, 4:2:2, 4:2:0) of the JPEG files that both decoders read alike."""
_LAST: list[tuple[tuple[Path, int, int, int], Decoded]] = []
"""The last picture that was decoded, and what it was decoded from; at most one."""
_LOCK = threading.RLock()
"""Whether Pillow accepts truncated files is one switch for all threads."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture, and what of it is missing (empty where nothing is)."""

    image: Image.Image
    damage: str = ""


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


def open_picture(path: Path, page: int = 0) -> Image.Image:
    """Read the headers of a picture, of one of its pages. Its pixels will be as stored: a tag turns none.

    :raises Exception: one of ``FAULTS``.
    """
    with _quiet():
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        image = Image.open(path, formats=FORMATS)
        if page:
            _seek(image, page)
        if image.format == "TIFF":
            _as_stored(image, path, page)
        return image


def _seek(image: Any, page: int) -> None:
    """A page by its place; in HEIF the first is the one that the file calls its primary picture."""
    first = image.tell()
    others = [number for number in range(image.n_frames) if number != first]
    image.seek(others[page - 1])


def _as_stored(image: Any, path: Path, page: int) -> None:
    """Pillow would turn a TIFF's pixels by its tag, and has its tags elsewhere than in an EXIF block."""
    image._size = image._tile_size
    image._close_exclusive_fp_after_loading = True
    image.load_end = lambda: None
    exif = tiff.exif_block(path.read_bytes(), page)
    if exif:
        image.info["exif"] = b"Exif\0\0" + exif


def decode_once(path: Path, page: int = 0) -> Decoded:
    """``decode``, remembering the last picture: a source is compared with every attempt. Not to be changed by anyone.

    :raises InputError: as ``decode``.
    """
    facts = path.stat()
    key = (path, facts.st_mtime_ns, facts.st_size, page)
    with _LOCK:
        if _LAST and _LAST[0][0] == key:
            return _LAST[0][1]
        _LAST.clear()
        decoded = decode(path, page)
        if decoded.image.width * decoded.image.height <= _REMEMBERED_PIXELS:
            _LAST.append((key, decoded))
        return decoded


def decode(path: Path, page: int = 0) -> Decoded:
    """Decode one picture of a file, as far as it decodes.

    :raises InputError: ``input-damaged`` where nothing of it can be decoded, ``too-many-pixels`` for a bomb.
    """
    with _LOCK, _quiet():
        try:
            image = open_picture(path, page)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise too_many_pixels(path, error) from None
        except FAULTS as error:
            raise unreadable(path, error) from None
        if image.format in ("JPEG", "MPO") and not page and _filled(path, image):
            return Decoded(image)
        with ThreadPoolExecutor(max_workers=1) as beside:  # both decoders leave the lock free
            warned = beside.submit(_jpeg_fault, path) if image.format in ("JPEG", "MPO") and not page else None
            try:
                image.load()
            except FAULTS as error:
                return _partly(path, page, image.format or "", error)
            fault = warned.result() if warned is not None else ""
        return _grey_rows(path, image, fault) if fault else Decoded(image)


def too_many_pixels(path: Path, error: BaseException) -> InputError:
    """The error for a decompression bomb."""
    return InputError(f"too many pixels ({error})", where=path.name, code="too-many-pixels")


def unreadable(path: Path, error: BaseException) -> InputError:
    """The error for a picture of which nothing decodes."""
    text = " ".join(str(error).split())[:160] or type(error).__name__
    return InputError(f"the picture cannot be decoded ({text})", where=path.name, code="input-damaged",
                      hint="send the file itself by another way: what is in it may still be recovered")  # fmt: skip


def _partly(path: Path, page: int, format_name: str, error: BaseException) -> Decoded:
    """The rows that do decode, over grey, and which do not.

    :raises InputError: where there are none.
    """
    if format_name not in _ROW_BY_ROW:
        raise unreadable(path, error) from None
    first, second = (_over(path, page, number) for number in (0, 1))
    if first is None or second is None or first.size != second.size or first.mode != second.mode:
        raise unreadable(path, error) from None
    if format_name in ("JPEG", "MPO"):
        return _grey_rows(path, first, _short(error))
    never = np.asarray(first) != np.asarray(second)
    missing = never.reshape(never.shape[0], -1).any(axis=1)
    if missing.all() or (format_name == "GIF" and first.width * first.height < 2):
        raise unreadable(path, error) from None
    colour = "grey" if first.mode in _GREY else "empty"
    where = _rows(missing, colour) if missing.any() else "how much of it is missing is not known"
    return Decoded(first, f"{where} ({_short(error)})")


def _over(path: Path, page: int, number: int) -> Image.Image | None:
    """What decodes, over the first or the second background."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        image: Any = open_picture(path, page)
        size = getattr(image, "_tile_size", image.size)
        image.im = Image.new(image.mode, size, _BACKGROUNDS.get(image.mode, (0, 1))[number]).im
        try:
            image.load()
        except FAULTS:
            if image.tile:  # else the decoder ran, and its last word was an error
                return None
        return Image.Image.copy(image)
    except FAULTS:
        return None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _rows(missing: NDArray[np.bool_], colour: str) -> str:
    numbers = np.flatnonzero(missing)
    low, high = int(numbers[0]) + 1, int(numbers[-1]) + 1
    if high - low + 1 == len(numbers):
        return f"rows {low} to {high} could not be decoded whole and are {colour} there"
    return f"{len(numbers)} rows between {low} and {high} could not be decoded whole and are {colour} there"


def _grey_rows(path: Path, image: Image.Image, fault: str) -> Decoded:
    """A damaged JPEG: the decoder went on with grey, so grey rows at the bottom are the missing ones.

    :raises InputError: where all rows are.
    """
    samples = np.asarray(image)
    flat = (samples == 128).reshape(samples.shape[0], -1).all(axis=1)
    decoded = np.flatnonzero(~flat)
    last = int(decoded[-1]) + 1 if len(decoded) else 0
    if not last:
        raise unreadable(path, OSError(fault))
    height = samples.shape[0]
    if last < height:
        # The row of blocks in which the data ended is grey from some place on.
        block = samples[max(0, last - _BLOCK_ROWS) : last, -_BLOCK_COLUMNS:] == 128
        ends = block.reshape(block.shape[0], -1).all(axis=1)
        last -= len(ends) if ends.all() else int(np.argmin(ends[::-1]))
        found = f"rows {last + 1} to {height} could not be decoded whole and are grey there"
        if height - last > height * 0.98:
            found += "; hardly anything of the picture is left"
    else:
        found = "no row is missing altogether, but detail may be wrong or missing"
    return Decoded(image, f"{found} ({fault})")


def _filled(path: Path, image: Any) -> bool:
    """Give a JPEG whose headers were read its samples, where it decodes without a warning; else leave it as it is.

    libvips warns and gives the samples at once. Both decoders give the same ones of the usual chroma samplings (a test
    compares them), so that it does not matter which was there; of others they may not.
    """
    layers = [layer[1:3] for layer in getattr(image, "layer", ())]
    if image.mode not in ("L", "RGB") or layers[1:] not in ([], [(1, 1)] * 2) or tuple(layers[:1]) not in _ALIKE:
        return False
    data = path.read_bytes()
    if jpeg.layout(data).end is None or (vips := _vips()) is None:
        return False
    try:
        decoded = vips.Image.jpegload_buffer(data, access="sequential", fail_on="warning")
        if (decoded.width, decoded.height, decoded.bands) != (*image.size, len(image.getbands())):
            return False
        samples = decoded.write_to_memory()
    except vips.Error:
        return False
    image.im = Image.frombytes(image.mode, image.size, samples).im
    image.tile = []
    image.fp.close()
    image.fp = None
    return True


def _jpeg_fault(path: Path) -> str:
    """What the decoder warns of, empty where it does not; the end of the picture must be there as well."""
    data = path.read_bytes()
    if jpeg.layout(data).end is None:
        return "the end of the picture is missing"
    vips = _vips()
    if vips is None:
        return ""
    try:
        image = vips.Image.jpegload_buffer(data, access="sequential", fail_on="warning")
        strips = vips.Region.new(image)
        for top in range(0, image.height, _STRIP):
            strips.fetch(0, top, image.width, min(_STRIP, image.height - top))
    except vips.Error as error:
        text = str(error).replace("unable to fetch from region", "").replace("VipsJpeg:", "")
        return " ".join(text.split())[:120]
    return ""


@lru_cache(maxsize=1)
def _vips() -> Any:
    try:
        import pyvips  # type: ignore[import-untyped, unused-ignore]

        pyvips.cache_set_max(0)
    except Exception:  # noqa: BLE001 - cffi and the loader raise what they like; Pillow's own errors remain
        return None
    return pyvips


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__

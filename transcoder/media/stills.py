"""Pictures: what they are, their pixels, and the metadata that belongs to them.

Pixels are taken as stored: a rotation tag stays a tag. Metadata is handled as opaque bytes, because
re-writing EXIF through a parser changes it (maker notes) and hostile tags make parsers use gigabytes.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from transcoder.media import anatomy
from transcoder.media.decoding import FAULTS, decode, decode_once, open_picture, too_many_pixels, unreadable
from transcoder.model import StillInfo

DEEP_MODES = frozenset(("I", "I;16", "I;16B", "I;16L", "F"))
_BESIDE = frozenset(("picture", "gain-map", "auxiliary", "trailing", "thumbnail"))
"""Kinds of items that are no metadata of the picture but something else in its file."""


def identify(path: Path) -> StillInfo | None:
    """Describe a picture, or return None where the file is none (an animated GIF is a video).

    It is decoded once, because only that shows whether all of it is there.

    :raises InputError: for a decompression bomb, and for a picture of which nothing decodes.
    """
    try:
        image = open_picture(path)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_many_pixels(path, error) from None
    except FAULTS:
        return None
    with image:
        try:
            pages = int(getattr(image, "n_frames", 1))
        except FAULTS:
            pages = 1
        name = (image.format or "").upper()
        if name == "GIF" and pages > 1:
            return None
        return _describe(path, image, name, pages)


def _describe(path: Path, image: Image.Image, name: str, pages: int) -> StillInfo:
    exif, icc, xmp = metadata_of(image)
    format_name = "jpeg" if name == "MPO" else name.lower()
    items = tuple(block.item for block in anatomy.blocks(path, format_name))
    extras = [f"{item.name}, {item.bytes} bytes{item.detail and ', '}{item.detail}" for item in items
              if item.kind in _BESIDE]  # fmt: skip
    subsampling = None
    if format_name == "jpeg":
        subsampling = _jpeg_subsampling(image)
    elif isinstance(image.info.get("chroma"), int):
        subsampling = {444: "4:4:4", 422: "4:2:2", 420: "4:2:0"}.get(image.info["chroma"])
    if pages > 1:
        extras.append(f"{pages - 1} further picture(s)")
    return StillInfo(
        format=format_name,
        mode=image.mode,
        width=image.width,
        height=image.height,
        bit_depth=depth_of(image),
        pages=pages,
        subsampling=subsampling,
        has_transparency="A" in image.getbands() or "transparency" in image.info,
        orientation=exif_orientation(exif),
        exif_bytes=len(exif),
        icc_bytes=len(icc),
        xmp_bytes=len(xmp),
        extras=tuple(extras),
        items=items,
        animated=pages > 1 and format_name in _ANIMATED,
        damage=decode_once(path).damage,
    )


def depth_of(image: Image.Image) -> int:
    """Bits of a sample in the file, of a picture whose headers were read; decoding may leave 8 of them."""
    depth = image.info.get("bit_depth")
    if isinstance(depth, int):
        return depth
    # Pillow reads 16-bit colour as 8 bits: the raw mode of the decoder tells ("RGB;16B").
    deep = image.mode in DEEP_MODES or any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    if image.mode in ("I", "F"):
        return 32
    return 16 if deep else 8


_ANIMATED = frozenset(("gif", "webp", "png", "avif"))
"""Formats whose further pictures follow each other in time."""


def _jpeg_subsampling(image: Image.Image) -> str | None:
    layers = getattr(image, "layer", None)
    if not layers or len(layers) < 3:
        return None
    horizontal, vertical = layers[0][1], layers[0][2]
    return {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}.get((horizontal, vertical))


def metadata_of(image: Image.Image) -> tuple[bytes, bytes, bytes]:
    """EXIF, ICC profile and XMP packet as raw bytes, empty where absent. Nothing is parsed."""

    def raw(key: str) -> bytes:
        value = image.info.get(key)
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
        return bytes(value) if isinstance(value, bytes | bytearray) else b""

    return raw("exif"), raw("icc_profile"), raw("xmp") or raw("XML:com.adobe.xmp")


def read_metadata(path: Path) -> tuple[bytes, bytes, bytes]:
    """EXIF, ICC and XMP of a file, as raw bytes.

    :raises InputError: where the picture cannot be opened.
    """
    try:
        with open_picture(path) as image:
            return metadata_of(image)
    except FAULTS as error:
        raise unreadable(path, error) from None


def exif_orientation(exif: bytes) -> int:
    """The orientation tag (1 to 8) of an EXIF block; 1 where absent or malformed.

    Reads only the first directory, at most 512 entries, so that a forged count costs nothing.
    """
    start = 6 if exif[:6] == b"Exif\0\0" else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    try:
        if order is None:
            return 1
        (offset,) = struct.unpack_from(order + "I", exif, start + 4)
        (count,) = struct.unpack_from(order + "H", exif, start + offset)
        for entry in range(min(count, 512)):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, start + offset + 2 + 12 * entry)
            if tag == 0x0112 and kind == 3:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def load(path: Path, page: int = 0) -> Image.Image:
    """Decode one picture of a file, as far as it decodes.

    :param page: from 0; a frame of an animation is the whole picture at its moment.
    :raises InputError: where nothing of it decodes, or it is too large.
    """
    return decode_once(path, page).image


def load_whole(path: Path) -> Image.Image:
    """Decode one of our own pictures: where anything of it is missing, nothing of it counts.

    :raises InputError: where not all of it decodes.
    """
    decoded = decode(path)
    if decoded.damage:
        raise unreadable(path, OSError(decoded.damage))
    return decoded.image


def as_bgr(image: Image.Image) -> NDArray[np.uint8]:
    """The picture as models take it: uint8, shape (height, width, 3), blue first."""
    plain = image if image.mode == "RGB" else image.convert("RGB")
    return np.frombuffer(plain.tobytes("raw", "BGR"), np.uint8).reshape(plain.height, plain.width, 3)


def as_rgb(image: Image.Image, *, alpha: bool = False) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture in 8-bit RGB or grey, as a viewer shows it, and what that conversion did.

    :param alpha: keep transparency, where there is any, as RGBA.

    Colours of CMYK and Lab go through the embedded profile where there is one. Transparency is put
    on white, as browsers and viewers do. Sixteen-bit samples keep their upper eight bits.
    """
    notes: list[str] = []
    if image.mode in DEEP_MODES:
        array = np.asarray(image)
        if image.mode == "F" or array.max(initial=0) > 65535 or array.min(initial=0) < 0:
            low, high = float(array.min()), float(array.max())
            scaled = (array.astype(np.float64) - low) * (255.0 / max(high - low, 1e-12))
            notes.append(f"samples from {low:g} to {high:g} scaled to 8 bits")
        else:
            scaled = (array.astype(np.uint16) >> 8).astype(np.float64)
            notes.append("16-bit samples reduced to their upper 8 bits")
        return Image.fromarray(scaled.astype(np.uint8)), tuple(notes)
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] == 255:
            notes.append("the transparency channel is fully opaque and was left out")
            image = rgba.convert("RGB")
        elif alpha:
            return rgba, ()
        else:
            white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
            notes.append("transparency was laid on white")
            image = Image.alpha_composite(white, rgba).convert("RGB")
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        source_mode = image.mode
        converted = _through_profile(image) if source_mode in ("CMYK", "LAB") else None
        notes.append(f"{source_mode} converted to RGB" + (" through its colour profile" if converted else "")
                     + (" by plain arithmetic: there is no profile of its inks that could be used"
                        if source_mode == "CMYK" and not converted else ""))  # fmt: skip
        image = converted or image.convert("RGB")
    if image.mode in ("1", "L", "LA"):
        return image.convert("L"), tuple(notes)
    # Copying a picture of 12 megapixels takes as long as a tenth of its encoding.
    return image if image.mode == "RGB" else image.convert("RGB"), tuple(notes)


def _through_profile(image: Image.Image) -> Image.Image | None:
    icc = image.info.get("icc_profile")
    if not icc:
        return None
    try:
        import io

        profile: Any = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def ycbcr_planes(image: Image.Image) -> tuple[NDArray[np.uint8], ...]:
    """Luma and both chroma planes (full range BT.601, as JPEG uses), each of shape (height, width), uint8.

    A grey picture gives luma only.
    """
    if image.mode == "L":
        return (np.asarray(image),)
    plain = image if image.mode == "RGB" else image.convert("RGB")
    return tuple(np.asarray(plane) for plane in plain.convert("YCbCr").split())


def pixels_equal(first: Image.Image, second: Image.Image) -> bool:
    """True where every decoded sample is the same (a palette counts as the colours it stands for)."""
    if first.size != second.size:
        return False
    a, b = _canonical(first), _canonical(second)
    return a.shape == b.shape and bool(np.array_equal(a, b))


def digest(payload: bytes) -> str:
    """SHA-256 of a block of metadata, as ``StillItem`` has it."""
    return hashlib.sha256(payload).hexdigest()


def pixels_digest(image: Image.Image) -> str:
    """SHA-256 of size and all decoded samples, in which a palette counts as the colours it stands for."""
    samples = _canonical(image)
    head = f"{image.width}x{image.height} {samples.dtype.str} {samples.shape}\n"
    return hashlib.sha256(head.encode() + samples.tobytes()).hexdigest()


def _canonical(image: Image.Image) -> NDArray[Any]:
    if image.mode in DEEP_MODES:
        return np.asarray(image).astype(np.int64)
    if image.mode == "CMYK":
        return np.asarray(image)
    return np.asarray(image.convert("RGBA"))

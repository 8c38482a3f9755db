"""One small picture of every kind: from the corpus where it has one, else made here, byte for byte where need be."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin

from tests.helpers import exif, pictures

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>caf\xc3\xa9</a></x:xmpmeta>'
TEXT = "camera 7, gate"
WIDTH, HEIGHT = 96, 64


def _saved(image: Image.Image, name: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def jpeg(**options: Any) -> bytes:
    """A JPEG of the scene."""
    return _saved(pictures.rgb(WIDTH, HEIGHT), "JPEG", **{"quality": 90, **options})


def segment(marker: int, payload: bytes) -> bytes:
    """One JPEG marker segment."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """A JPEG with segments behind its first marker."""
    return data[:2] + b"".join(segments) + data[2:]


def rich_jpeg() -> bytes:
    """Every block that a JPEG may have, and data behind its end."""
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", 6) + b"\x1c\x02\x78\0\1A"
    more = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 5, 0) + b"<ext>"
    data = jpeg(exif=exif.block(6), icc_profile=ICC, xmp=XMP, comment=TEXT.encode(), dpi=(300, 300))
    return with_segments(
        data,
        segment(0xE1, more),
        segment(0xE4, b"QTI Debug\0" + bytes(range(64))),
        segment(0xEB, b"JP\0\1\0\0\0\1" + struct.pack(">I", 30) + b"jumbc2pa" + bytes(22)),
        segment(0xED, b"Photoshop 3.0\0" + resource),
    )


def with_chunks(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with chunks behind its header."""
    extra = b"".join(
        struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))
        for name, payload in chunks
    )
    return data[:33] + extra + data[33:]


def _rich_png() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "A. N. Other")
    info.add_text("Comment", TEXT * 40, zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = _saved(pictures.rgb(WIDTH, HEIGHT), "PNG", pnginfo=info, exif=exif.block(6), icc_profile=ICC, dpi=(96, 96))
    return with_chunks(
        data, (b"gAMA", struct.pack(">I", 45455)), (b"tIME", b"\x07\xe9\1\2\3\4\5"), (b"caBX", b"jumb c2pa"),
        (b"prIv", b"private"),
    ) + b"hidden behind the end"  # fmt: skip


def _palette(transparent: bool) -> Image.Image:
    image = pictures.rgb(WIDTH, HEIGHT).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    if transparent:
        image.info["transparency"] = 3
    return image


def _clear() -> Image.Image:
    image = pictures.rgb(WIDTH, HEIGHT).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((WIDTH, HEIGHT)))
    return image


def _frames() -> list[Image.Image]:
    return [pictures.rgb(WIDTH, HEIGHT, seed=number) for number in (1, 2, 3)]


def _several(name: str, **options: Any) -> bytes:
    first, *others = _frames()
    return _saved(first, name, save_all=True, append_images=others, **options)


def deep_tiff() -> bytes:
    """RGB with 16 bits a sample, which Pillow cannot write."""
    samples = (np.asarray(pictures.rgb(WIDTH, HEIGHT)).astype("<u2") * 257).tobytes()
    tags = [(256, 3, 1, WIDTH), (257, 3, 1, HEIGHT), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 14),
            (277, 3, 1, 3), (278, 3, 1, HEIGHT), (279, 4, 1, len(samples))]  # fmt: skip
    depths = struct.pack("<HHH", 16, 16, 16)
    start = 14 + len(samples)
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", start) + depths + samples + directory


def _top_down_bmp() -> bytes:
    rows = np.asarray(pictures.rgb(WIDTH, HEIGHT))[:, :, ::-1].tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, -HEIGHT, 1, 24, 0, len(rows), 3780, 3780, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + head + rows


def _rle_bmp() -> bytes:
    grey = np.asarray(pictures.rgb(WIDTH, HEIGHT).convert("L")) // 64 * 64
    body = b"".join(b"".join(bytes((1, int(value))) for value in row) + b"\0\0" for row in grey[::-1]) + b"\0\1"
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256))
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(body), 0, 0, 54 + 1024) + head + palette + body


def _heif(several: bool) -> bytes:
    file: Any = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]
    for image in _frames()[: 2 if several else 1]:
        file.add_from_pillow(image)
    out = io.BytesIO()
    file.save(out, quality=80, exif=exif.block(1), xmp=XMP)
    return out.getvalue()


def _cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def _cut_tiff() -> bytes:
    """The directory is at the front and whole; the last strips are gone."""
    data = _saved(pictures.rgb(WIDTH, HEIGHT), "TIFF", strip_size=WIDTH * 3 * 8)
    return data[: len(data) // 2]


def _profiled_cmyk() -> bytes:
    profile = bytearray(ICC)
    profile[16:20] = b"CMYK"
    return _saved(pictures.rgb(WIDTH, HEIGHT).convert("CMYK"), "JPEG", icc_profile=bytes(profile))


_GREY = pictures.rgb(WIDTH, HEIGHT).convert("L")
_DEEP = Image.fromarray((np.asarray(_GREY).astype(np.uint16) * 257).astype(np.uint16))
_TAGS = {270: TEXT, 271: "Maker", 306: "2024:01:02 03:04:05", 274: 6, 65000: "private"}

CORPUS_KINDS: Mapping[str, str] = {
    "JPEG of a camera, EXIF with thumbnail and GPS": "stills/plates/eu_eu8.jpg",
    "JPEG, rotation tag and ICC": "stills/orientation/landscape_6.jpg",
    "JPEG with Photoshop resources and IPTC": "stills/plates/blur_licenseplate_motion.jpg",
    "JPEG, grey": "stills/sharp/concert.jpg",
    "JPEG, Ultra HDR with gain map": "stills/sharp/gain-map.jpg",
    "JPEG, motion photo (cut short)": "stills/androidx/pixel-motion-photo-shortened.jpg",
    "JPEG with a Samsung trailer (cut short)": "hostile/androidx/ss-motion-photo-shortened.jpg",
    "JPEG with a ZIP archive behind it": "hostile/handmade/jpeg_plus_zip_polyglot.jpg",
    "JPEG, cut off": "hostile/sharp/truncated.jpg",
    "MPO, two views": "stills/pillow/sugarshack.mpo",
    "PNG with an opaque alpha channel": "stills/plates/br_PAG5219.png",
    "PNG, 16 bits, colour": "stills/sharp/tbgn2c16.png",
    "TIFF with ICC and alpha": "stills/exif-samples/DudleyLeavittUtah.tiff",
    "TIFF, 16 bits, grey": "stills/pillow/cmx3g8_16bit_BE.tiff",
    "TIFF, CMYK without profile": "stills/pillow/tiff_tiled_cmyk_jpeg.tif",
    "TIFF, three fax pages": "stills/pillow/g4-multi.tiff",
    "HEIC of a phone, gain map and thumbnail": "stills/exif-samples/iphone_13_pro_max.HEIC",
    "HEIC with EXIF, XMP and IPTC": "stills/heic/L_exif_xmp_iptc.heic",
    "JPEG 2000": "stills/sharp/relax.jp2",
    "ICO": "hostile/corkami/ico.ico",
}
"""Kind -> file of the corpus."""

MADE_KINDS: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "JPEG with every kind of block": ("rich.jpg", rich_jpeg),
    "JPEG, CMYK with profile": ("inks.jpg", _profiled_cmyk),
    "PNG with every kind of block": ("rich.png", _rich_png),
    "PNG, 16 bits, grey": ("deep.png", lambda: _saved(_DEEP, "PNG")),
    "PNG, transparent": ("clear.png", lambda: _saved(_clear(), "PNG")),
    "PNG, palette with a transparent colour": ("palette.png", lambda: _saved(_palette(True), "PNG", transparency=3)),
    "PNG, cut off": ("cut.png", lambda: _cut(_saved(pictures.rgb(WIDTH, HEIGHT), "PNG"), 0.5)),
    "PNG, animated": ("moving.png", lambda: _several("PNG", duration=[100, 200, 300])),
    "TIFF with tags of its own": ("tags.tif", lambda: _saved(pictures.rgb(WIDTH, HEIGHT), "TIFF", tiffinfo=_TAGS)),
    "TIFF, 16 bits, colour": ("deep.tif", deep_tiff),
    "TIFF, floating point": ("float.tif", lambda: _saved(_GREY.convert("F"), "TIFF")),
    "TIFF, cut off": ("cut.tif", _cut_tiff),
    "GIF with a transparent colour and a comment": (
        "comment.gif", lambda: _saved(_palette(True), "GIF", comment=TEXT, transparency=3)),
    "WebP with EXIF, ICC and XMP": (
        "rich.webp", lambda: _saved(pictures.rgb(WIDTH, HEIGHT), "WEBP", exif=exif.block(6), icc_profile=ICC, xmp=XMP)),
    "WebP, transparent": ("clear.webp", lambda: _saved(_clear(), "WEBP", lossless=True)),
    "WebP, animated": ("moving.webp", lambda: _several("WEBP", duration=[100, 200, 300], lossless=True)),
    "HEIC with several pictures": ("several.heic", lambda: _heif(True)),
    "AVIF": ("one.avif", lambda: _saved(pictures.rgb(WIDTH, HEIGHT), "AVIF", exif=exif.block(6), xmp=XMP)),
    "AVIF, animated": ("moving.avif", lambda: _several("AVIF", duration=100)),
    "BMP with alpha": ("alpha.bmp", lambda: _saved(_clear(), "BMP")),
    "BMP, top-down": ("down.bmp", _top_down_bmp),
    "BMP, run-length coded": ("rle.bmp", _rle_bmp),
    "BMP, cut off": ("cut.bmp", lambda: _cut(_top_down_bmp(), 0.5)),
    "PPM": ("a.ppm", lambda: _saved(pictures.rgb(WIDTH, HEIGHT), "PPM")),
    "TGA": ("a.tga", lambda: _saved(pictures.rgb(WIDTH, HEIGHT), "TGA", id_section=b"gate 7")),
    "PCX": ("a.pcx", lambda: _saved(pictures.rgb(WIDTH, HEIGHT), "PCX")),
}  # fmt: skip
"""Kind -> file name and what makes it."""

"""What is in a picture's file beside its samples: every block of metadata, and everything that lies behind.

Own walkers, because the libraries that decode pictures name only the few blocks they know, and drop or rewrite
the rest in silence. They parse lengths and names only, with bounds on all of them, and never raise.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from transcoder.media.anatomy import isobmff, jpeg, others, png, tiff
from transcoder.media.anatomy.base import MAX_BLOCKS, MAX_LISTED, Block, block

_WALKERS: Mapping[str, Callable[[bytes], Iterator[Block]]] = {
    "jpeg": jpeg.blocks,
    "png": png.blocks,
    "tiff": tiff.blocks,
    "webp": others.webp,
    "gif": others.gif,
    "bmp": others.bmp,
    "tga": others.tga,
    "ico": others.ico,
    "heif": isobmff.heif,
    "avif": isobmff.heif,
    "jpeg2000": isobmff.jpeg2000,
}


def blocks(path: Path, format_name: str) -> tuple[Block, ...]:
    """Every block of a file, in its order; a malformed file gives those before the fault.

    :param format_name: as ``StillInfo.format``.
    """
    walker = _WALKERS.get(format_name)
    if walker is None or not path.stat().st_size:
        return ()
    found: list[Block] = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            for number, item in enumerate(walker(data)):  # type: ignore[arg-type]
                if number > MAX_BLOCKS:
                    break
                found.append(item)
        except (struct.error, IndexError, ValueError, OverflowError):
            pass  # the blocks before the fault are still there
    rest = found[MAX_LISTED:]
    if len(rest) > 1:
        sizes = b"".join(item.item.sha256.encode() for item in rest)
        whole = block(
            "other", f"{len(rest)} further blocks, {sum(item.item.bytes for item in rest)} bytes in all", sizes
        )
        found = [*found[:MAX_LISTED], Block(whole.item, b"")]
    return tuple(found)


__all__ = ["Block", "block", "blocks"]

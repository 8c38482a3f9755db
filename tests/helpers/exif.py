"""EXIF blocks by hand."""

from __future__ import annotations

import struct


def block(orientation: int, *, order: str = "<", prefix: bool = True, others: int = 0) -> bytes:
    """A minimal EXIF block with an orientation tag behind ``others`` other entries."""
    entries = [struct.pack(order + "HHIHH", 0x0100 + number, 3, 1, 7, 0) for number in range(min(others, 18))]
    entries.append(struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0))
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + struct.pack(order + "I", 0)
    return (b"Exif\0\0" if prefix else b"") + header + directory

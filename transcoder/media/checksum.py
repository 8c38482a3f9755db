"""A cheap checksum of decoded frames: enough to tell a broken start from a clean one, not against an attacker."""

from __future__ import annotations

import zlib

import av.video.frame
import numpy as np

_EVERY_ROW = 16


def checksum(frame: av.video.frame.VideoFrame) -> int:
    """CRC-32 over every 16th row of the first plane, 0.03 ms for 720p: a decoder's damage spreads further."""
    plane, layout = frame.planes[0], frame.format
    bits = -(-layout.components[0].bits // 8) * 8 if layout.is_planar else layout.padded_bits_per_pixel
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    # What lies between the picture's last column and the end of a row is not the picture.
    used = plane.width * bits // 8
    return zlib.crc32(rows[: frame.height : _EVERY_ROW, :used].tobytes())

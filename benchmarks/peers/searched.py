"""An encoder without a target size: the highest quality whose file keeps to the cap, found by halving.

``python -m benchmarks.peers.searched jpegli|mozjpeg SOURCE TARGET CAP_BYTES``
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluate.still import upright

QUALITIES = (5, 99)


def best_under(cap_bytes: int, encode: Callable[[int], bytes]) -> bytes | None:
    """The file of the highest quality that fits; None where not even the lowest does."""
    low, high = QUALITIES
    best = None
    while low <= high:
        middle = (low + high) // 2
        data = encode(middle)
        if len(data) <= cap_bytes:
            best, low = data, middle + 1
        else:
            high = middle - 1
    return best


def encoder_of(name: str, source: Path) -> Callable[[int], bytes]:
    """Quality to JPEG bytes."""
    pixels = np.ascontiguousarray(upright(source))
    if name == "jpegli":
        import pyjpegli

        height, width = pixels.shape[:2]
        data = pixels.tobytes()
        return lambda quality: bytes(pyjpegli.encode(data, width, height, quality))
    import pyvips

    picture: Any = pyvips.Image.new_from_array(pixels)
    return lambda quality: bytes(
        picture.jpegsave_buffer(
            Q=quality, optimize_coding=True, interlace=True, trellis_quant=True, overshoot_deringing=True,
            optimize_scans=True, quant_table=3,
        )
    )  # fmt: skip


def main() -> int:
    """Entry point; 1 where nothing fits."""
    name, source, target, cap = sys.argv[1:]
    data = best_under(int(cap), encoder_of(name, Path(source)))
    if data is None:
        print(f"{name}: no quality fits {cap} bytes", file=sys.stderr)
        return 1
    Path(target).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Where a source moves, by the difference of frames: nothing of the product's own detection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluate.showing import lumas

BLOCK_PX = 16
THRESHOLD = 4.0
"""Mean absolute difference of a block to two frames before, of 255: above the noise of the clips of the study."""
_APART = 2
MOST_SHARE = 0.5
"""Where more moves, the camera does."""


def moving_blocks(source: Path) -> NDArray[np.bool_]:
    """Of each frame, the blocks that move: shape (frames, rows, columns)."""
    masks: list[NDArray[np.bool_]] = []
    earlier: list[NDArray[np.float32]] = []
    for luma in lumas(source):
        now = luma.astype(np.float32)
        rows, columns = now.shape[0] // BLOCK_PX, now.shape[1] // BLOCK_PX
        mask = np.zeros((rows, columns), dtype=np.bool_)
        if len(earlier) == _APART:
            apart = np.abs(now - earlier[0])[: rows * BLOCK_PX, : columns * BLOCK_PX]
            means = apart.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean(axis=(1, 3))
            mask = means > THRESHOLD
            if mask.mean() > MOST_SHARE:
                mask[:] = False
            earlier.pop(0)
        earlier.append(now)
        masks.append(mask)
    return np.stack(masks)

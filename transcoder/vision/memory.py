"""Memory: models are large, and encoders that follow them need the room."""

from __future__ import annotations

import ctypes
import gc
import sys

_MODELS = ("transcoder.vision.faces", "transcoder.vision.text")


def let_go() -> None:
    """Forget the models that all jobs share and give what they took back to the system.

    Whoever needs one again loads it again, in about half a second. What the C library keeps after large blocks
    were freed is 150 MB for one look for text at 720p.
    """
    for name in _MODELS:
        module = sys.modules.get(name)
        if module is not None:
            module.shared.cache_clear()
    gc.collect()
    trim()


def trim() -> None:
    """Give freed memory back, where the C library can (glibc)."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if give_back is not None:
        give_back(0)

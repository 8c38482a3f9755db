"""Memory: models are large, and encoders that follow them need the room."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Model = TypeVar("Model")

_MODELS = ("transcoder.vision.faces", "transcoder.vision.text")
_MMAP_THRESHOLD, _LARGE_BYTES = -3, 1 << 20
"""glibc's ``M_MMAP_THRESHOLD``, and what is set: a picture of 720p and all that encoders hold by the dozen."""


class Shared(Generic[Model]):
    """One model for all jobs of a process: whoever asks while another loads it waits for that one.

    :param load: makes it; where that fails, whoever asks next tries again.
    """

    def __init__(self, load: Callable[[], Model]) -> None:
        self._load, self._lock = load, Lock()
        self._model: Model | None = None

    def __call__(self) -> Model:
        """The model. What loading raises is raised."""
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    def let_go(self) -> None:
        """Forget it."""
        with self._lock:
            self._model = None


def let_go() -> None:
    """Forget the models that all jobs share and give what they took back to the system, now and from here on.

    Whoever needs one again loads it again, in about half a second. What the C library keeps after large blocks
    were freed is 150 MB for one look for text at 720p.
    """
    for name in _MODELS:
        module = sys.modules.get(name)
        if module is not None:
            module.shared.let_go()
    gc.collect()
    # Left alone, the library raises the size from which a block goes back when it is freed to that of the largest
    # one it saw, and each encoder that ended leaves holes that the next one's frames do not fit into.
    _call("mallopt", _MMAP_THRESHOLD, _LARGE_BYTES)
    trim()


def trim() -> None:
    """Give freed memory back, where the C library can (glibc)."""
    _call("malloc_trim", 0)


def _call(name: str, *values: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    if function is not None:
        function(*values)

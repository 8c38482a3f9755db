"""OpenCV, loaded late and kept quiet: starting the program must not pay for it, and its warnings are not for users."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from transcoder.vision.weights import ModelUnavailable

_LEVEL_LOCK = threading.Lock()


def load() -> ModuleType:
    """The ``cv2`` module.

    :raises ModelUnavailable: where OpenCV is missing or does not load (a missing system library, say).
    """
    try:
        import cv2
    except ImportError as problem:
        raise ModelUnavailable(f"OpenCV is not available: {one_line(problem)}") from None
    module: ModuleType = cv2
    return module


@contextmanager
def quiet() -> Iterator[None]:
    """Holds back OpenCV's warnings while a network is loaded, and puts the level back.

    OpenCV 5 says "Targets are not supported by the new graph engine for now" on the terminal for every
    network, whatever target is asked for: the classes that wrap one always set it. Silencing that moment is
    safer than OPENCV_FORCE_DNN_ENGINE=1, which changes results for the whole process. The level belongs to
    the process, hence the lock.
    """
    logging = load().utils.logging
    with _LEVEL_LOCK:
        before = logging.getLogLevel()
        logging.setLogLevel(min(before, logging.LOG_LEVEL_ERROR))
        try:
            yield
        finally:
            logging.setLogLevel(before)


def one_line(problem: BaseException) -> str:
    """A problem in one line: OpenCV's own messages have several."""
    return " ".join(str(problem).split())[:200] or type(problem).__name__

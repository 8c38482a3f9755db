"""PP-OCR's two networks, run by onnxruntime: a map of where text is, the lines in it, and what one line says.

The ``rapidocr`` wheel carries the weights; its code is not imported: bringing it up takes ten times as long as loading
the networks. What happens around them follows it (Liao et al., "Real-time Scene Text Detection with Differentiable
Binarization", 2020, and greedy CTC decoding), with its thresholds.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcoder.vision import opencv
from transcoder.vision.weights import ModelUnavailable

Picture = NDArray[np.uint8]
"""Blue, green, red, of shape (height, width, 3)."""
Likelihood = NDArray[np.float32]
"""Of text at each pixel, from 0 to 1."""
Corners = NDArray[np.float64]
"""Of a line: top left, top right, bottom right, bottom left, as x and y."""

GRID = 32
"""The network takes pictures whose sides are multiples of this."""
_INK, _LINE, _GROWN = 0.3, 0.5, 1.6
"""A pixel that counts as text, the mean of a line, and by how much of area over length a line is larger than its
core, which is what the network draws."""
_SMALLEST, _MOST = 3, 1000
_READ_HEIGHT, _READ_WIDTH = 48, 320
_THREADS = 2
_SAMPLE = ((np.arange(256) / 255 - 0.5) / 0.5).astype(np.float32)
"""What a sample is for the networks."""


def _session(path: Path) -> Any:
    """A network.

    :raises ModelUnavailable: where onnxruntime is missing or the file does not load.
    """
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.enable_cpu_mem_arena = True  # it keeps what one look took for the next: a quarter less processor time
        options.intra_op_num_threads = min(_THREADS, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        # Threads that wait by spinning take the processor from the encoder beside them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # noqa: BLE001 - it fails in many ways of its own; all mean "not here"
        raise ModelUnavailable(f"text reading does not load: {opencv.one_line(problem)}") from None


class LineFinder:
    """Says where lines of text are.

    :raises ModelUnavailable: where the network cannot be used here.
    """

    def __init__(self, path: Path) -> None:
        self._cv2 = opencv.load()
        self._session = _session(path)
        self._input = self._session.get_inputs()[0].name

    def likelihood(self, part: Picture) -> Likelihood:
        """How likely each pixel belongs to text; the edge is repeated to fill the network's grid."""
        height, width = part.shape[:2]
        below, beside = -height % GRID, -width % GRID
        padded = self._cv2.copyMakeBorder(part, 0, below, 0, beside, self._cv2.BORDER_REPLICATE)
        result: Likelihood = self._session.run(None, {self._input: _samples(self._cv2, padded)})[0][0, 0]
        return result

    def lines(self, likelihood: Likelihood) -> list[tuple[Corners, float]]:
        """Corners and score of every line in a map."""
        cv2 = self._cv2
        ink = cv2.dilate((likelihood > _INK).astype(np.uint8), np.ones((2, 2), np.uint8))
        contours, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        found = []
        for contour in contours[:_MOST]:
            middle, (width, height), angle = cv2.minAreaRect(contour)
            if min(width, height) < _SMALLEST:
                continue
            core = cv2.boxPoints((middle, (width, height), angle))
            score = self._mean(likelihood, core)
            grown = width * height * _GROWN / (2 * (width + height))
            # Whole pixels: readings waver with half a one, and these are the places that the thresholds were made for.
            middle, (width, height), angle = cv2.minAreaRect(np.trunc(core).astype(np.int32))
            size = (width + 2 * grown, height + 2 * grown)
            if score >= _LINE and min(size) >= _SMALLEST + 2:
                corners = np.round(cv2.boxPoints((middle, size, angle)).astype(np.float64))
                corners = _as_read(np.clip(corners, 0, likelihood.shape[::-1]))
                if min(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[0] - corners[3])) > _SMALLEST:
                    found.append((corners, score))
        return found

    def _mean(self, likelihood: Likelihood, corners: NDArray[np.float32]) -> float:
        """Of a map inside a box that may lie aslant."""
        height, width = likelihood.shape
        low = np.clip(np.floor(corners.min(axis=0)), 0, (width - 1, height - 1)).astype(np.int32)
        high = np.clip(np.ceil(corners.max(axis=0)), 0, (width - 1, height - 1)).astype(np.int32)
        mask = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.uint8)
        self._cv2.fillPoly(mask, [(corners - low).astype(np.int32)], 1)
        return float(self._cv2.mean(likelihood[low[1] : high[1] + 1, low[0] : high[0] + 1], mask)[0])


class LineReader:
    """Reads one line of text; loaded when the first one is to be read.

    :param path: of the weights.
    """

    def __init__(self, path: Path) -> None:
        self._cv2 = opencv.load()
        self._path = path
        self._lock = threading.Lock()
        self._loaded: tuple[Any, str, Sequence[str]] | None = None

    def read(self, crop: Picture) -> tuple[str, float]:
        """What an upright line says, and how sure that is; ("", 0.0) where nothing can be read.

        :raises ModelUnavailable: where the network cannot be used here.
        """
        session, name, signs = self._network()
        height, width = crop.shape[:2]
        room = int(_READ_HEIGHT * max(_READ_WIDTH / _READ_HEIGHT, width / height))
        fitting = min(room, math.ceil(_READ_HEIGHT * width / height))
        resized = self._cv2.resize(crop, (fitting, _READ_HEIGHT))
        given = np.zeros((1, 3, _READ_HEIGHT, room), np.float32)
        given[:, :, :, :fitting] = _samples(self._cv2, resized)
        likely = session.run(None, {name: given})[0][0]
        best = likely.argmax(axis=1)
        told = best != 0  # 0 stands for nothing
        told[1:] &= best[1:] != best[:-1]
        if not told.any():
            return "", 0.0
        text = "".join(signs[number - 1] for number in best[told]).strip()
        confidence = float(np.round(np.round(likely.max(axis=1)[told].astype(np.float64), 5).mean(), 5))
        return (text, min(1.0, confidence)) if text else ("", 0.0)

    def _network(self) -> tuple[Any, str, Sequence[str]]:
        with self._lock:
            if self._loaded is None:
                session = _session(self._path)
                signs = session.get_modelmeta().custom_metadata_map.get("character", "").splitlines()
                if not signs:
                    raise ModelUnavailable(f"text reading does not load: {self._path.name} names no signs")
                self._loaded = session, session.get_inputs()[0].name, [*signs, " "]
            return self._loaded


def _samples(cv2: Any, picture: Picture) -> NDArray[np.float32]:
    """The picture as the networks take it, of shape (1, 3, height, width)."""
    planes = cv2.LUT(picture, _SAMPLE).transpose(2, 0, 1)
    return np.ascontiguousarray(planes[np.newaxis])


def _as_read(corners: Corners) -> Corners:
    """Four corners in the order of reading: of the two on the left the upper one first, and round from there."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = (side[np.argsort(side[:, 1], kind="stable")] for side in (by_x[:2], by_x[2:]))
    return np.array([left[0], right[0], right[1], left[1]])

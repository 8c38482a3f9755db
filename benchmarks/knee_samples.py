"""Samples of the knee study: encode a scene at many qualities, score the region, try the task.

x264 runs with the product's own parameters at constant rate factors; the first frame is intra coded, the eleventh
inter coded, and both are judged. JPEG is the product's (mozjpeg). The decoded 8-bit 4:2:0 picture before encoding is
the source, for SSIM and for the task alike, so only encoding is judged.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.knee_scenes import Scene
from benchmarks.knee_targets import Rgb
from transcoder.encode import jpeg
from transcoder.encode.h264 import X264_PARAMETERS
from transcoder.media import stills
from transcoder.metrics.areas import windows_in
from transcoder.metrics.ssim import mean, ssim_map
from transcoder.metrics.tasks import READABLE, SMALLEST_FACE, compare_readings, nearest_face
from transcoder.model import Box, RegionKind
from transcoder.vision.faces import FaceFinder, FaceMatcher
from transcoder.vision.text import TextReader
from transcoder.vision.wording import edit_distance_ratio, normalise

CRFS = (18, 23, 27, 30, 33, 36, 40, 45)
JPEG_QUALITIES = (85, 60, 35, 20, 10)
JUDGED = (0, 10)

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One region of one encoding."""

    kind: str
    group: str
    target: str
    size_px: int
    light: str
    codec: str
    quality: int
    bits_per_pixel: float
    """Of the whole scene: the target and what is around it."""
    ssim: float
    """Luma, mean over the region's box."""
    frame_ssim: float
    similarity: float
    """Of the task: 1 minus the share of signs that differ, or the cosine similarity of the face."""
    intact: bool
    """Plates: every known sign is read in its place, whatever is read beside it. Else the same as success."""
    confidence: float
    """Of the source's reading; 1 for faces."""


def holds(read: str, truth: str) -> bool:
    """Whether a plate's signs are all in a reading. O and 0 are one glyph on many plates."""
    return normalise(truth).replace("O", "0") in normalise(read).replace("O", "0")


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture, as the metric and as the models take it."""

    luma: Plane
    bgr: Plane


class Judge:
    """Tries the task on pictures of one class."""

    def __init__(self, kind: RegionKind) -> None:
        self._kind = kind
        self._reader = None if kind is RegionKind.FACE else TextReader()
        self._finder = FaceFinder() if kind is RegionKind.FACE else None
        self._matcher = FaceMatcher() if kind is RegionKind.FACE else None

    def task(self, before: Shown, box: Box, truth: str) -> Task | None:
        """The task of one source picture, or None where it fails in the source already."""
        height, width = before.luma.shape
        if self._reader is None:
            assert self._finder is not None
            whole = Box(0, 0, width, height)
            face = nearest_face(self._finder.find(before.bgr), box, whole)
            # Larger than what was asked for by half: another face.
            if face is None or not SMALLEST_FACE <= face.box.width <= 1.5 * box.width:
                return None
            region = face.box.padded(max(4, face.box.width // 6)).inside(width, height)
            return Task(self, before, region or face.box, landmarks=face.landmarks)
        region = box.padded(max(4, box.height // 8)).inside(width, height) or box
        place: Any = region
        read, confidence = self._reader.read(before.bgr, [place])[0]
        if not self._right(read, confidence, truth):
            lines = [line for line in self._reader.find(before.bgr) if 2 * line.box.overlap(region) >= line.box.area]
            for line in lines:
                read, confidence = self._reader.read(before.bgr, [line.quad])[0]
                place = line.quad
                if self._right(read, confidence, truth):
                    break
            else:
                return None
        return Task(self, before, region, place=place, read=read, confidence=confidence, truth=truth)

    def _right(self, read: str, confidence: float, truth: str) -> bool:
        """A source that is misread has no reading to lose; signs beside a plate may be read with it."""
        if confidence < READABLE:
            return False
        if self._kind is RegionKind.PLATE:
            return holds(read, truth)
        return edit_distance_ratio(normalise(read), normalise(truth)) <= 0.2

    def read(self, picture: Plane, place: Any) -> tuple[str, float]:
        assert self._reader is not None
        return self._reader.read(picture, [place])[0]

    def alike(self, before: Plane, after: Plane, landmarks: Any) -> float:
        assert self._matcher is not None
        return self._matcher.similarity(before, after, landmarks)


@dataclass(frozen=True, slots=True)
class Task:
    """What works in the source."""

    judge: Judge
    before: Shown
    region: Box
    place: Any = None
    read: str = ""
    confidence: float = 0.0
    landmarks: Any = None
    truth: str = ""

    def similarity(self, after: Shown) -> tuple[float, bool]:
        """How alike, and whether a plate's known signs are all there."""
        if self.landmarks is not None:
            return self.judge.alike(self.before.bgr, after.bgr, self.landmarks), True
        read, confidence = self.judge.read(after.bgr, self.place)
        result = compare_readings(RegionKind.TEXT, self.read, self.confidence, read, confidence)
        return result.similarity, holds(read, self.truth)

    def scores(self, after: Shown) -> tuple[float, float]:
        """SSIM of the region and of the whole picture."""
        values, _ = ssim_map(self.before.luma, after.luma)
        ((top, bottom, left, right),) = windows_in([self.region], values.shape).tolist()
        return mean(values[top:bottom, left:right]), mean(values)


def samples(scene: Scene, judge: Judge) -> Iterator[Sample]:
    """All encodings of a scene; nothing where the target does not work in the source."""
    frames = [_frame(frame) for frame in scene.frames]
    tasks = {number: judge.task(_shown(frames[number]), scene.boxes[number], scene.target.truth) for number in JUDGED}
    if all(task is None for task in tasks.values()):
        return
    for crf in CRFS:
        outputs, sizes = _x264(frames, crf)
        later = sum(sizes[1:]) / (len(sizes) - 1)
        for number, task in tasks.items():
            if task is not None:
                codec, size = ("x264 intra", sizes[0]) if number == 0 else ("x264 inter", later)
                yield _sample(scene, task, codec, crf, size, _shown(outputs[number]))
    first = tasks[0]
    if first is not None:
        picture = Image.fromarray(np.ascontiguousarray(first.before.bgr[:, :, ::-1]))
        source = dataclasses.replace(first, before=_still(picture))
        for quality in JPEG_QUALITIES:
            data, _ = jpeg.encode(picture, quality, "4:2:0", scene.target.name)
            decoded = Image.open(io.BytesIO(data)).convert("RGB")
            yield _sample(scene, source, "jpeg", quality, len(data), _still(decoded))


def _sample(scene: Scene, task: Task, codec: str, quality: int, size: float, after: Shown) -> Sample:
    ssim, whole = task.scores(after)
    similarity, intact = task.similarity(after)
    return Sample(
        kind=str(scene.target.kind),
        group=scene.target.group,
        target=scene.target.name,
        size_px=scene.size_px,
        light=str(scene.light),
        codec=codec,
        quality=quality,
        bits_per_pixel=8 * size / after.luma.size,
        ssim=ssim,
        frame_ssim=whole,
        similarity=similarity,
        intact=intact,
        confidence=task.confidence if task.landmarks is None else 1.0,
    )


def _x264(frames: list[av.VideoFrame], crf: int) -> tuple[list[av.VideoFrame], list[int]]:
    """Decoded frames, and the bytes of each access unit in the order of the frames."""
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height = frames[0].width, frames[0].height
    context.pix_fmt, context.time_base, context.thread_count = "yuv420p", Fraction(1, 25), 1
    context.options = {"preset": "medium", "crf": str(crf), "x264-params": X264_PARAMETERS}
    packets = []
    for number, frame in enumerate([*frames, None]):
        if frame is not None:
            frame.pts, frame.pict_type = number, 0
        packets += context.encode(frame)
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    sizes = [packet.size for packet in sorted(packets, key=lambda packet: packet.pts)]
    assert len(decoded) == len(frames) == len(sizes)
    return decoded, sizes


def as_shown(picture: Rgb) -> Shown:
    """A picture as 8-bit 4:2:0 video would hold it."""
    return _shown(_frame(picture))


def _frame(picture: Rgb) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")


def _shown(frame: av.VideoFrame) -> Shown:
    plane = frame.planes[0]
    luma = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    return Shown(np.ascontiguousarray(luma), np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8))


def _still(picture: Image.Image) -> Shown:
    return Shown(stills.ycbcr_planes(picture)[0], np.ascontiguousarray(np.asarray(picture)[:, :, ::-1]))

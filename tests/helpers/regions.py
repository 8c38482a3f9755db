"""Regions, small scenes and stand-in detectors, so that tests of regions need neither weights nor real footage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.video.stream
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from transcoder.model import Box, DetectorUse, Region, RegionKind, Sighting
from transcoder.regions.base import Found, Picture
from transcoder.vision.weights import ModelUnavailable

Grey = NDArray[np.uint8]


def region(
    *moments: tuple[int, Box | tuple[Box, ...]],
    kind: RegionKind = RegionKind.FACE,
    id: str = "f1",  # noqa: A002
    found_by: str = "faces",
    note: str = "",
    key: int = 0,
) -> Region:
    """A region seen at these moments; ``key`` is the index of the one that shows it best."""
    trail = tuple(Sighting(pts, boxes if isinstance(boxes, tuple) else (boxes,)) for pts, boxes in moments)
    return Region(id=id, kind=kind, found_by=found_by, sightings=trail, key=trail[key], note=note)


def still_region(box: Box, kind: RegionKind = RegionKind.FACE, *, until: int = 0, **fields: str) -> Region:
    """A region that stands still from moment 0 on."""
    moments = [(pts, box) for pts in sorted({0, until})]
    return region(*moments, kind=kind, **fields)  # type: ignore[arg-type]


def painted(boxes: Iterable[Box], size: tuple[int, int]) -> NDArray[np.int64]:
    """How many boxes cover each pixel of a picture of (width, height)."""
    counts = np.zeros((size[1], size[0]), dtype=np.int64)
    for box in boxes:
        fitted = box.inside(*size)
        if fitted is not None:
            counts[fitted.y : fitted.bottom, fitted.x : fitted.right] += 1
    return counts


# Scenes ----------------------------------------------------------------------------------------------------------


def backdrop(size: tuple[int, int], *, seed: int = 1, level: float = 90) -> NDArray[np.float64]:
    """A place with structure, darker than anything that stands out in it."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    texture = np.random.default_rng(seed).normal(0, 6, (size[1], size[0]))
    return np.asarray(level + 25 * np.sin(x / 29) * np.cos(y / 17) + texture)


def shown(scene: NDArray[np.float64], *, noise: float = 2.0, seed: int = 0) -> Grey:
    """A scene as a sensor sees it at one moment."""
    noisy = scene + np.random.default_rng(1000 + seed).normal(0, noise, scene.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def with_square(scene: NDArray[np.float64], box: Box, level: float = 230) -> NDArray[np.float64]:
    """The scene with a bright rectangle in it."""
    changed = scene.copy()
    changed[max(0, box.y) : box.bottom, max(0, box.x) : box.right] = level
    return changed


def write(
    path: Path,
    pictures: Iterable[Grey],
    *,
    rate: int = 5,
    start_s: int = 0,
    codec: str = "ffv1",
    pixel_format: str = "yuv420p",
) -> Path:
    """Write grey pictures as a lossless clip; ``start_s`` is the time of the first frame."""
    base = Fraction(1, rate * 100)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate)
        assert isinstance(stream, av.video.stream.VideoStream)
        for number, grey in enumerate(pictures):
            if not number:
                context = stream.codec_context
                context.height, context.width = grey.shape
                context.pix_fmt, context.thread_count = pixel_format, 1
                context.time_base = stream.time_base = base
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=pixel_format, threads=1)
            frame.pts, frame.time_base = (start_s * rate + number) * 100, base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def walk(size: tuple[int, int], frames: int, *, side: int = 24, step: int = 4, top: int | None = None) -> list[Grey]:
    """A bright square that walks to the right over a noisy place, empty for the first two pictures."""
    scene = backdrop(size)
    top = size[1] // 2 - side // 2 if top is None else top
    made = []
    for number in range(frames):
        here = with_square(scene, square_at(number, side=side, step=step, top=top)) if number >= 2 else scene
        made.append(shown(here, seed=number))
    return made


def square_at(number: int, *, side: int = 24, step: int = 4, top: int = 48) -> Box:
    """Where the square of ``walk`` is in a picture."""
    return Box(8 + step * number, top, side, side)


# Detectors -------------------------------------------------------------------------------------------------------


class Spotter:
    """Finds the bright place of a picture, as one thing of one kind; remembers the sizes it was shown.

    :param breaks_after: looks after which it raises.
    """

    def __init__(
        self,
        name: str,
        kind: RegionKind,
        *,
        text: str = "",
        above: int = 200,
        breaks_after: int | None = None,
        confidence: float = 0.95,
    ) -> None:
        self._name, self._kind, self._text, self._above = name, kind, text, above
        self._breaks_after, self._confidence = breaks_after, confidence
        self.shapes: list[tuple[int, ...]] = []

    @property
    def use(self) -> DetectorUse:
        return DetectorUse(name=self._name, package="tests", version="1", weights_sha256={"w.onnx": "ab" * 32})

    def detect(self, picture: Picture) -> list[Found]:
        self.shapes.append(picture.shape)
        assert picture.flags.c_contiguous
        assert picture.dtype == np.uint8
        if self._breaks_after is not None and len(self.shapes) > self._breaks_after:
            raise ZeroDivisionError("inside the model")
        bright = picture.min(axis=2) > self._above
        rows, columns = np.flatnonzero(bright.sum(axis=1) > 3), np.flatnonzero(bright.sum(axis=0) > 3)
        if not (rows.size and columns.size):
            return []
        x, y = int(columns[0]), int(rows[0])
        box = Box(x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)
        return [Found(kind=self._kind, box=box, confidence=self._confidence, text=self._text)]


def missing() -> Spotter:
    """A detector whose weights are not there."""
    raise ModelUnavailable("the package nothing is not installed")


def always(detector: Spotter) -> Callable[[], Spotter]:
    """A maker that always gives the same detector."""
    return lambda: detector


# Strategies ------------------------------------------------------------------------------------------------------

kinds = st.sampled_from(list(RegionKind))
sizes = st.tuples(st.integers(1, 200), st.integers(1, 200))


def boxes(size: tuple[int, int]) -> st.SearchStrategy[Box]:
    """Boxes inside a picture."""

    def make(corners: tuple[int, int, int, int]) -> Box:
        x1, x2 = sorted((corners[0] % size[0], corners[1] % size[0]))
        y1, y2 = sorted((corners[2] % size[1], corners[3] % size[1]))
        return Box(x1, y1, x2 - x1 + 1, y2 - y1 + 1)

    number = st.integers(0, 1 << 16)
    return st.tuples(number, number, number, number).map(make)


@st.composite
def regions(
    draw: st.DrawFn,
    size: tuple[int, int] = (160, 96),
    *,
    most_boxes: int = 3,
    most_moments: int = 6,
    notes: st.SearchStrategy[str] | None = None,
) -> Region:
    """Any region inside a picture: one box or several, at rising moments."""
    stamps = sorted(draw(st.sets(st.integers(-50, 400), min_size=1, max_size=most_moments)))
    trail = tuple(Sighting(pts, tuple(draw(st.lists(boxes(size), min_size=1, max_size=most_boxes)))) for pts in stamps)
    return Region(
        id=draw(st.from_regex(r"[a-z][0-9]{1,3}", fullmatch=True)),
        kind=draw(kinds),
        found_by=draw(st.sampled_from(["drawn", "faces", "motion", "text"])),
        sightings=trail,
        key=draw(st.sampled_from(trail)),
        note=draw(notes) if notes is not None else "",
    )


def renamed(found: Sequence[Region]) -> tuple[Region, ...]:
    """The same regions with ids of their own."""
    from dataclasses import replace

    return tuple(replace(item, id=f"r{number}") for number, item in enumerate(found))

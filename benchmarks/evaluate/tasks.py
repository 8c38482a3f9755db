"""Does a face still match, does a text read the same? By the models the product looks with, on frames chosen here.

The models are what is borrowed: which frames, which places, and what counts is decided here, the same for all tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.evaluate.showing import pair, times_s
from benchmarks.evaluate.still import upright
from transcoder.vision import faces, text
from transcoder.vision.weights import ModelUnavailable

LOOKS = 8
"""Frames of a video that are looked at, evenly spread."""
SMALLEST_FACE_PX = 24
READABLE = 0.8
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScore:
    """None where the source has nothing of the kind, or the models are not here."""

    faces: int = 0
    face_match: float | None = None
    """Mean cosine similarity of the faces found in the source to the same places of the copy."""
    texts: int = 0
    text_same: float | None = None
    """Share of the source's readable lines that read the same in the copy."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a source shows at one look."""

    number: int
    picture: Picture
    faces: Sequence[Any]
    lines: Sequence[Any]


def look_at(source: Path, *, video: bool) -> Sequence[Seen]:
    """What there is to be lost. Empty where the models are not here."""
    try:
        finder, reader, _ = _models()
    except ModelUnavailable:
        return ()
    found = []
    for number, picture in _frames(source, None) if video else [(0, _bgr(upright(source)))]:
        seen_faces = [face for face in finder.find(picture) if face.box.width >= SMALLEST_FACE_PX]
        lines = [line for line in reader.find(picture) if line.confidence >= READABLE and len(line.text) > 1]
        found.append(Seen(number, picture, seen_faces, lines))
    return found


def judge(seen: Sequence[Seen], source: Path, copy: Path, *, video: bool) -> TaskScore:
    """The same places of a copy."""
    if not seen:
        return TaskScore()
    finder, reader, matcher = _models()
    del finder
    shown = dict(_frames(copy, _counterparts(source, copy, seen))) if video else {0: _bgr(upright(copy))}
    likeness, same = [], []
    for number, one in enumerate(seen):
        after = shown[number if video else 0]
        if after.shape != one.picture.shape:
            height, width = one.picture.shape[:2]
            after = np.asarray(Image.fromarray(after).resize((width, height), Image.Resampling.BICUBIC))
        likeness += [matcher.similarity(one.picture, after, face.landmarks) for face in one.faces]
        readings = reader.read(after, [line.quad for line in one.lines])
        same += [plain(read) == plain(line.text) for line, (read, _) in zip(one.lines, readings, strict=True)]
    return TaskScore(
        faces=len(likeness), face_match=float(np.mean(likeness)) if likeness else None,
        texts=len(same), text_same=float(np.mean(same)) if same else None,
    )  # fmt: skip


def plain(text_: str) -> str:
    """Signs only: spaces and points are not what a plate says."""
    return "".join(sign for sign in text_.upper() if sign.isalnum())


@cache
def _models() -> tuple[Any, Any, Any]:
    return faces.FaceFinder(), text.TextReader(), faces.FaceMatcher()


def _counterparts(source: Path, copy: Path, seen: Sequence[Seen]) -> list[int]:
    shown = pair(times_s(source), times_s(copy)).shown
    return [shown[one.number] for one in seen]


def _frames(path: Path, wanted: Sequence[int] | None) -> Iterator[tuple[int, Picture]]:
    """Frames by number, each with its place in the list of those wanted; None takes some evenly spread."""
    spread = wanted is None
    if wanted is None:
        count = len(times_s(path))
        wanted = sorted({round((2 * look + 1) * count / (2 * LOOKS)) for look in range(LOOKS)} & set(range(count)))
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(container.streams.video[0])):
            for place, one in enumerate(wanted):
                if one == number:
                    yield (number if spread else place), frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def _bgr(picture: Image.Image) -> Picture:
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])

"""Task checks: does what was the point of the evidence still work? The text reads the same, the face still matches.

A fidelity metric says how different two pictures are; these say whether the difference matters to whoever
reads the plate or knows the face. What decides is kept apart from the models, so that it can be tested without.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from transcoder.model import Box, RegionKind
from transcoder.vision.wording import edit_distance_ratio, normalise

if TYPE_CHECKING:
    from transcoder.vision.faces import Face, FaceFinder, FaceMatcher
    from transcoder.vision.text import Quad, TextReader

Picture = NDArray[np.uint8]
"""Blue, green, red, of shape (height, width, 3)."""

READABLE = 0.6
"""Confidence of the source's own reading below which there was nothing to lose."""
TEXT_TOLERANCE = 0.1
"""Share of signs that may differ in a line of text. A plate must read the same: one sign is another car."""
_LOOK_ALIKES = str.maketrans("OI", "01")
"""Signs that many plates draw alike, so that a reader's choice between them says little about the picture."""
FACE_SAME, FACE_WEAKENED = 0.90, 0.75
"""Cosine similarity: at least the first is the same face, at least the second a weaker one. Two people come to
0.2 at most, so even "different" rarely means that somebody else appears: the likeness is lost."""
SMALLEST_FACE = 24
"""Width in pixels; a smaller face loses a tenth of its similarity to JPEG quality 90, so the number says nothing."""


class TaskOutcome(StrEnum):
    """What became of the task. The order is from best to worst; the last says nothing about the output."""

    SAME = "same"
    WEAKENED = "weakened"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"
    """Not to be read or recognised in the source already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One check of one region at one moment."""

    kind: RegionKind
    outcome: TaskOutcome
    similarity: float
    """Text: 1 minus the share of signs that differ; faces: cosine similarity. 0 where it was not measured."""
    before: str = ""
    """What was read in the source. Always empty for faces."""
    after: str = ""
    detail: str = ""
    """One line for the report."""


def check_text(
    reader: TextReader, before: Picture, after: Picture, place: Quad | Box, *, kind: RegionKind = RegionKind.PLATE
) -> TaskResult:
    """Read the same place in source and output.

    In a box, the line is looked for first, in the source, and its corners are used for both: a box with room
    around the line, or around a slanted one, reads less steadily ("ERK-101AO", a piece of the frame before it).

    :param before: the source, uint8, shape (height, width, 3), blue first.
    :param after: the same moment of the output, same shape.
    :param place: corners of the line, or a box around it.
    :param kind: PLATE, where every sign counts, or TEXT.
    :raises ValueError: where shapes differ.
    """
    _same_shape(before, after)
    if isinstance(place, Box):
        place = _line_inside(reader, before, place) or place
    read, confidence = reader.read(before, [place])[0]
    if not _readable(read, confidence):
        return compare_readings(kind, read, confidence, "", 0.0)
    return compare_readings(kind, read, confidence, *reader.read(after, [place])[0])


def compare_readings(
    kind: RegionKind, before: str, confidence_before: float, after: str, confidence_after: float
) -> TaskResult:
    """Decide on two readings of one place.

    Confidence decides for the source alone: a right reading of the output stays right when it is less sure.
    """
    if not _readable(before, confidence_before):
        return TaskResult(
            kind=kind,
            outcome=TaskOutcome.UNREADABLE,
            similarity=0.0,
            detail=f"not readable in the source (confidence {confidence_before:.2f})",
        )
    plain_before, plain_after = normalise(before), normalise(after)
    distance = edit_distance_ratio(plain_before, plain_after)
    outcome = TaskOutcome.DIFFERENT
    if distance <= (0.0 if kind is RegionKind.PLATE else TEXT_TOLERANCE):
        outcome = TaskOutcome.SAME
        detail = f"reads the same (confidence {confidence_before:.2f} before, {confidence_after:.2f} after)"
    elif plain_before.translate(_LOOK_ALIKES) == plain_after.translate(_LOOK_ALIKES):
        outcome, detail = TaskOutcome.WEAKENED, "differs only between O and 0 or I and 1"
    elif plain_after:
        detail = f"{distance:.0%} of the signs read differently"
    else:
        detail = "not readable any more"
    return TaskResult(
        kind=kind,
        outcome=outcome,
        similarity=1.0 - distance,
        before=before,
        after=after,
        detail=detail,
    )


def check_face(matcher: FaceMatcher, finder: FaceFinder, before: Picture, after: Picture, box: Box) -> TaskResult:
    """Compare a face of the source with the same place of the output, by the source's own landmarks.

    :param before: the source, uint8, shape (height, width, 3), blue first.
    :param after: the same moment of the output, same shape.
    :param box: about where the face is, in the same pixels.
    :raises ValueError: where shapes differ.
    """
    _same_shape(before, after)
    around = _around(box, before)
    part = before[around.y : around.bottom, around.x : around.right] if around is not None else before[:0, :0]
    face = nearest_face(finder.find(np.ascontiguousarray(part)), box, around)
    if face is None:
        return _no_face("no face found in the source here")
    if face.box.width < SMALLEST_FACE:
        return _no_face(f"{face.box.width} px wide in the source, too small to compare (from {SMALLEST_FACE} px)")
    other = after[around.y : around.bottom, around.x : around.right] if around is not None else after
    return judge_face(matcher.similarity(part, other, face.landmarks))


def judge_face(similarity: float) -> TaskResult:
    """Decide on a cosine similarity."""
    if similarity >= FACE_SAME:
        outcome, detail = TaskOutcome.SAME, "still matches"
    elif similarity >= FACE_WEAKENED:
        outcome, detail = TaskOutcome.WEAKENED, f"matches less well: below {FACE_SAME:.2f}"
    else:
        outcome, detail = TaskOutcome.DIFFERENT, f"does not match any more: below {FACE_WEAKENED:.2f}"
    return TaskResult(kind=RegionKind.FACE, outcome=outcome, similarity=similarity, detail=detail)


def nearest_face(faces: list[Face], box: Box, around: Box | None) -> Face | None:
    """Of the faces found in the part ``around``, the one that covers ``box`` best; None where none touches it."""
    if around is None:
        return None
    wanted = Box(box.x - around.x, box.y - around.y, box.width, box.height)
    touching = [face for face in faces if face.box.overlap(wanted) > 0]
    # The share of both, not the overlap: a large box would otherwise take the largest face it touches.
    return max(
        touching,
        key=lambda face: face.box.overlap(wanted) / face.box.union(wanted).area,
        default=None,
    )


def _around(box: Box, picture: Picture) -> Box | None:
    """The part of the picture to look for a face in: three times the box, as the finder needs surroundings."""
    height, width = picture.shape[:2]
    return box.padded(max(16, box.width, box.height)).inside(width, height)


def _line_inside(reader: TextReader, picture: Picture, box: Box) -> Quad | None:
    """Corners of the readable line that fills most of a box; None where there is none."""
    height, width = picture.shape[:2]
    around = box.padded(max(8, box.height // 2)).inside(width, height)
    if around is None:
        return None
    part = np.ascontiguousarray(picture[around.y : around.bottom, around.x : around.right])
    wanted = Box(box.x - around.x, box.y - around.y, box.width, box.height)
    lines = [line for line in reader.find(part) if _readable(line.text, line.confidence)]
    line = max(lines, key=lambda line: line.box.overlap(wanted), default=None)
    if line is None or 2 * line.box.overlap(wanted) < line.box.area:
        return None
    a, b, c, d = ((x + around.x, y + around.y) for x, y in line.quad)
    return a, b, c, d


def _readable(text: str, confidence: float) -> bool:
    return confidence >= READABLE and len(normalise(text)) >= 2


def _no_face(detail: str) -> TaskResult:
    return TaskResult(kind=RegionKind.FACE, outcome=TaskOutcome.UNREADABLE, similarity=0.0, detail=detail)


def _same_shape(before: Picture, after: Picture) -> None:
    if before.shape != after.shape:
        raise ValueError(f"pictures differ in shape: {before.shape} and {after.shape}")

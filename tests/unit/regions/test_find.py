"""Finding regions in a source: when each detector is asked, in which pixels it answers, and what a failure costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import regions as made
from tests.helpers.regions import Spotter
from transcoder.media.probe import probe
from transcoder.model import Box, Region, RegionKind, RegionSet, VideoTrack
from transcoder.regions import find
from transcoder.regions.base import Found
from transcoder.regions.find import find_in_still, find_in_video

SIZE = (320, 240)


def video(path: Path) -> VideoTrack:
    track = probe(path, sha256="").video
    assert track is not None
    return track


def look(path: Path, *drawn: Region) -> RegionSet:
    return find_in_video(path, video(path), drawn, lambda *_: None)


def of_kind(found: RegionSet, kind: RegionKind) -> list[Region]:
    return [region for region in found.regions if region.kind is kind]


@pytest.fixture
def spotters(monkeypatch: pytest.MonkeyPatch) -> dict[str, Spotter]:
    """The three detectors, each finding the bright place of the picture as its own kind of thing."""
    fakes = {
        "faces": Spotter("faces", RegionKind.FACE),
        "text": Spotter("text", RegionKind.TEXT, text="EXIT 4"),
        "people": Spotter("people", RegionKind.PERSON),
    }
    monkeypatch.setattr(find, "DETECTORS", {name: made.always(fake) for name, fake in fakes.items()})
    return fakes


def only(monkeypatch: pytest.MonkeyPatch, **fakes: Spotter) -> None:
    monkeypatch.setattr(find, "DETECTORS", {name: made.always(fake) for name, fake in fakes.items()})


def test_a_thing_that_walks_is_found_and_followed(spotters: dict[str, Spotter], tmp_path: Path) -> None:
    path = made.write(tmp_path / "a.mkv", made.walk(SIZE, 30, side=32, step=6, top=100))
    found = look(path)
    faces = of_kind(found, RegionKind.FACE)
    assert len(faces) == 1
    base = video(path).time_base
    for number in range(6, 28):
        pts = round(number / 5 / base)
        (box,) = faces[0].at(pts)
        there = made.square_at(number, side=32, step=6, top=100)
        assert box.overlap(there) >= 0.9 * there.area, f"frame {number}: {box}"
    # What moves is the person that the detector says it is, followed by its motion.
    (person,) = of_kind(found, RegionKind.PERSON)
    assert person.found_by == "people"
    assert person.sightings[-1].pts >= round(28 / 5 / base)
    assert [use.name for use in found.detectors] == ["motion", "faces", "text", "people"]
    assert found.warnings == ()


def test_ids_are_by_kind_and_time_and_two_runs_are_equal(spotters: dict[str, Spotter], tmp_path: Path) -> None:
    path = made.write(tmp_path / "a.mkv", made.walk(SIZE, 25, side=32, step=6))
    first, second = look(path), look(path)
    assert first == second
    ids = [region.id for region in first.regions]
    assert len(set(ids)) == len(ids)
    assert all(region.id.startswith(find.PREFIX[region.kind]) for region in first.regions)
    for kind in RegionKind:
        mine = of_kind(first, kind)
        assert [region.id for region in mine] == [f"{find.PREFIX[kind]}{n + 1}" for n in range(len(mine))]
        assert [r.sightings[0].pts for r in mine] == sorted(r.sightings[0].pts for r in mine)
    assert all(box.inside(*SIZE) == box for r in first.regions for s in r.sightings for box in s.boxes)


def test_faces_are_looked_for_twice_a_second_where_something_moves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    faces = Spotter("faces", RegionKind.FACE)
    only(monkeypatch, faces=faces)
    look(made.write(tmp_path / "a.mkv", made.walk((480, 360), 50, side=30, step=5), rate=25))  # two seconds
    assert faces.shapes[0] == (360, 480, 3)
    assert 3 <= len(faces.shapes) <= 5
    assert any(shape[0] < 360 or shape[1] < 480 for shape in faces.shapes[1:]), "never a part of the picture only"


def test_where_nothing_moves_faces_are_looked_for_in_the_whole_picture_now_and_then(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    faces = Spotter("faces", RegionKind.FACE)
    only(monkeypatch, faces=faces)
    scene = made.backdrop(SIZE)
    look(made.write(tmp_path / "a.mkv", (made.shown(scene, seed=n) for n in range(60))))  # twelve seconds
    assert faces.shapes == [(240, 320, 3)] * 3


def test_a_face_that_sits_still_lasts_although_nothing_moves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, faces=Spotter("faces", RegionKind.FACE))
    sitting, box = made.backdrop(SIZE), Box(200, 60, 40, 50)
    pictures = [made.shown(made.with_square(sitting, box), seed=n) for n in range(40)]
    path = made.write(tmp_path / "a.mkv", pictures)
    (face,) = look(path).regions
    track = video(path)
    for second in range(8):
        (there,) = face.at(round(second / track.time_base))
        assert there.overlap(box) == box.area


def test_people_are_not_looked_for_where_nothing_moves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    people = Spotter("people", RegionKind.PERSON)
    only(monkeypatch, people=people)
    scene = made.backdrop(SIZE)
    look(made.write(tmp_path / "a.mkv", (made.shown(scene, seed=n) for n in range(20))))
    assert people.shapes == []


def test_text_that_stands_still_lasts_the_whole_scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, text=Spotter("text", RegionKind.TEXT, text="CAM 1"))
    sign = Box(20, 10, 80, 16)
    scene = made.with_square(made.backdrop(SIZE), sign)
    path = made.write(tmp_path / "a.mkv", (made.shown(scene, seed=n) for n in range(30)))
    (text,) = look(path).regions
    base = video(path).time_base
    assert (text.kind, text.note) == (RegionKind.TEXT, "CAM 1")
    assert (text.sightings[0].pts, text.sightings[-1].pts) == (0, round(29 / 5 / base))
    assert len({moment.boxes for moment in text.sightings}) == 1, "what stands still trembles"
    assert text.key.boxes[0].overlap(sign) == sign.area


class Lettering(Spotter):
    """Reads the darkest place: lettering on a bright van."""

    def detect(self, picture: np.ndarray) -> list[Found]:
        self.shapes.append(picture.shape)
        dark = picture.max(axis=2) < 12
        if dark.sum() < 50:
            return []
        rows, columns = np.flatnonzero(dark.sum(axis=1) > 3), np.flatnonzero(dark.sum(axis=0) > 3)
        box = Box(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
        return [Found(kind=RegionKind.PLATE, box=box, confidence=0.9, text="AB12 CDE")]


def test_text_on_a_moving_thing_rides_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, text=Lettering("text", RegionKind.PLATE))
    scene = made.backdrop((480, 360))

    def van(number: int) -> Box:
        return Box(10 + 8 * number, 120, 120, 100)

    def plate(number: int) -> Box:
        return Box(van(number).x + 40, 190, 40, 12)

    pictures = [made.shown(scene, seed=n) for n in range(4)]
    for number in range(4, 40):
        with_van = made.with_square(scene, van(number), 215)
        pictures.append(made.shown(made.with_square(with_van, plate(number), 2), noise=1, seed=number))
    path = made.write(tmp_path / "a.mkv", pictures)
    found = look(path)
    plates = of_kind(found, RegionKind.PLATE)
    assert plates
    assert {region.note for region in plates} == {"AB12 CDE"}
    base = video(path).time_base
    for region in plates:
        read_at = round(region.key.pts * base * 5)
        for number in range(read_at, read_at + 6):  # a second after it was read; the van is elsewhere by then
            (box,) = region.at(round(number / 5 / base))
            assert box.overlap(plate(number)) >= 0.8 * plate(number).area
            assert box.area < van(number).area / 2


def test_a_detector_that_breaks_is_dropped_with_one_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    faces = Spotter("faces", RegionKind.FACE, breaks_after=1)
    text = Spotter("text", RegionKind.TEXT, text="EXIT")
    only(monkeypatch, faces=faces, text=text)
    found = look(made.write(tmp_path / "a.mkv", made.walk(SIZE, 40, side=32)))
    assert len(faces.shapes) == 2, "it was asked again after it broke"
    (warning,) = found.warnings
    assert "faces" in warning
    assert "ZeroDivisionError" in warning
    assert len(text.shapes) >= 2
    assert of_kind(found, RegionKind.MOTION), "what works goes on"


def test_missing_weights_are_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = Spotter("text", RegionKind.TEXT, text="EXIT")
    monkeypatch.setattr(
        find, "DETECTORS", {"faces": made.missing, "people": made.missing, "text": made.always(text)}
    )  # fmt: skip
    found = look(made.write(tmp_path / "a.mkv", made.walk(SIZE, 15)))
    (warning,) = found.warnings  # people are optional
    assert warning.startswith("faces were not looked for")
    assert "not installed" in warning
    assert [use.name for use in found.detectors] == ["motion", "text"]
    picture = tmp_path / "a.png"
    Image.fromarray(made.walk(SIZE, 3)[2]).save(picture)
    still = find_in_still(picture, ())
    assert still.warnings == found.warnings
    assert [region.note for region in still.regions] == ["EXIT"]


@pytest.mark.parametrize(
    ("pixel_format", "size"),
    [
        ("yuv420p10le", SIZE), ("yuv444p", (161, 121)), ("yuv420p", (240, 320)), ("bgr0", SIZE), ("gray", SIZE),
        ("gray16le", (162, 120)), ("yuv422p", (66, 50)), ("yuv444p", (33, 17)),
    ],
)  # fmt: skip
def test_any_layout_and_shape_is_looked_at(
    pixel_format: str, size: tuple[int, int], spotters: dict[str, Spotter], tmp_path: Path
) -> None:
    side = size[1] // 6
    pictures = made.walk(size, 14, side=side, step=max(2, size[0] // 24))
    path = made.write(tmp_path / "a.mkv", pictures, pixel_format=pixel_format)
    found = look(path)
    assert found.warnings == ()
    assert spotters["faces"].shapes[0] == (size[1], size[0], 3)
    assert all(box.inside(*size) == box for r in found.regions for s in r.sightings for box in s.boxes)
    if min(size) > 64:
        assert of_kind(found, RegionKind.FACE)


def test_a_cut_ends_every_region(spotters: dict[str, Spotter], tmp_path: Path) -> None:
    dark = 250 - made.backdrop(SIZE, seed=4)
    other = [made.shown(np.minimum(dark, 190), seed=n) for n in range(15)]
    path = made.write(tmp_path / "a.mkv", [*made.walk(SIZE, 15, side=32, step=8), *other])
    base = video(path).time_base
    cut = round(15 / 5 / base)
    found = look(path)
    assert found.regions
    assert all(region.sightings[-1].pts < cut or region.sightings[0].pts >= cut for region in found.regions)


def test_drawn_regions_come_first_and_untouched(spotters: dict[str, Spotter], tmp_path: Path) -> None:
    path = made.write(tmp_path / "a.mkv", made.walk(SIZE, 12))
    mine = made.still_region(Box(5, 5, 50, 50), RegionKind.MOTION, id="d1", found_by="drawn", until=200)
    found = look(path, mine)
    assert found.regions[0] is mine
    assert len(found.regions) > 1


def test_a_clip_of_one_frame(spotters: dict[str, Spotter], tmp_path: Path) -> None:
    scene = made.with_square(made.backdrop(SIZE), Box(100, 100, 40, 40))
    found = look(made.write(tmp_path / "a.mkv", [made.shown(scene)]))
    assert {region.kind for region in found.regions} >= {RegionKind.FACE, RegionKind.TEXT}
    assert all(region.sightings[0].pts == 0 for region in found.regions)


def test_progress_rises_to_the_number_of_frames(spotters: dict[str, Spotter], tmp_path: Path) -> None:
    path = made.write(tmp_path / "a.mkv", made.walk(SIZE, 12))
    seen: list[tuple[str, int, int | None]] = []
    find_in_video(path, video(path), (), lambda *event: seen.append(event))
    assert {(phase, total) for phase, _, total in seen} == {("find", 12)}
    counts = [done for _, done, _ in seen]
    assert counts == sorted(set(counts))
    assert len(counts) > 2
    assert counts[-1] == 12


def test_a_crop_is_answered_in_the_whole_pictures_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    spotter = Spotter("faces", RegionKind.FACE)
    only(monkeypatch, faces=spotter)
    scene = made.shown(made.with_square(made.backdrop(SIZE), Box(200, 150, 30, 20)))
    picture = np.repeat(scene[:, :, None], 3, axis=2)
    (item,) = find.Detectors().detect("faces", picture, Box(180, 120, 100, 90))
    assert item.box == Box(200, 150, 30, 20)
    assert spotter.shapes == [(90, 100, 3)]
    assert find.Detectors().detect("nothing", picture, Box(0, 0, 9, 9)) == []


# Stills ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16"])
def test_a_picture_of_any_mode(mode: str, spotters: dict[str, Spotter], tmp_path: Path) -> None:
    scene = made.shown(made.with_square(made.backdrop(SIZE), Box(100, 100, 60, 40), 255), noise=0)
    image = Image.fromarray(scene)
    if mode == "I;16":
        image = Image.fromarray(scene.astype(np.uint16) * 257)
    elif mode != "L":
        image = image.convert("RGB").convert(mode)
    image.save(tmp_path / "a.png")
    found = find_in_still(tmp_path / "a.png", ())
    assert {region.kind for region in found.regions} == {RegionKind.FACE, RegionKind.TEXT, RegionKind.PERSON}
    for region in found.regions:
        assert [moment.pts for moment in region.sightings] == [0]
        assert region.key == region.sightings[0]
        if mode != "1":
            assert region.key.boxes[0].overlap(Box(100, 100, 60, 40)) == 60 * 40
    assert found == find_in_still(tmp_path / "a.png", ())
    assert spotters["text"].shapes[0] == (240, 320, 3)


def test_drawn_regions_of_a_picture_come_first(spotters: dict[str, Spotter], tmp_path: Path) -> None:
    Image.fromarray(made.walk(SIZE, 3)[2]).save(tmp_path / "a.png")
    mine = made.still_region(Box(0, 0, 9, 9), RegionKind.MOTION, id="d1", found_by="drawn")
    assert find_in_still(tmp_path / "a.png", [mine]).regions[0] is mine


def test_there_is_an_end_to_the_number_of_regions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Many(Spotter):
        def detect(self, picture: np.ndarray) -> list[Found]:
            return [
                Found(kind=RegionKind.TEXT, box=Box(n % 300, n // 300 * 40, 8, 8 + n % 5), confidence=1)
                for n in range(600)
            ] + [Found(kind=RegionKind.FACE, box=Box(0, 0, 3, 3), confidence=1)]

    only(monkeypatch, text=Many("text", RegionKind.TEXT))
    Image.fromarray(made.walk(SIZE, 3)[2]).save(tmp_path / "a.png")
    found = find_in_still(tmp_path / "a.png", ())
    assert len(found.regions) == find.MAX_REGIONS
    assert found.regions[0].kind is RegionKind.FACE


# The real ones ---------------------------------------------------------------------------------------------------


def test_the_real_detectors_give_the_same_regions_twice(samples: Path, tmp_path: Path) -> None:
    found = find.Detectors()
    if "faces" not in found.names or "text" not in found.names:
        pytest.skip(f"weights are missing: {'; '.join(found.warnings)}")
    with Image.open(samples / "cctv_still.jpg") as image:
        grey = np.asarray(image.convert("L").resize((480, 270)))
    pictures = [grey] * 3
    for number in range(5):
        moved = grey.copy()
        moved[100:160, 20 + 30 * number : 80 + 30 * number] = grey[20:80, 100:160]
        pictures.append(moved)
    path = made.write(tmp_path / "a.mkv", pictures)
    one, other = look(path), look(path)
    assert one == other
    assert one.regions
    assert all(use.weights_sha256 for use in one.detectors if use.name != "motion")

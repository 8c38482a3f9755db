"""Tiles and crops: every sample is there once, every piece is under the cap, and what is missing is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.helpers import pictures
from transcoder.errors import Cancelled, CertificateError, EncodeError
from transcoder.media import stills
from transcoder.model import Box
from transcoder.parts import tiles
from transcoder.parts.tiles import Piece

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def quiet(phase: str, done: int, total: int | None) -> None:
    pass


def cut(image: Image.Image, folder: Path, max_bytes: int = 20_000, max_pieces: int = 1000) -> tuple[Piece, ...]:
    return tiles.cut(image, folder, stem="IMG_1", max_bytes=max_bytes, max_pieces=max_pieces, tick=quiet)


def placed(pieces: tuple[Piece, ...]) -> list[tuple[Path, Box]]:
    return [(piece.path, piece.box) for piece in pieces]


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(3)
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (height, width), dtype=np.uint16))
    bands = len(Image.new(mode, (1, 1)).getbands()) if mode not in ("1", "P") else 3
    shape = (height, width) if bands == 1 else (height, width, bands)
    return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).convert(mode)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_comes_back_sample_for_sample(mode: str, tmp_path: Path) -> None:
    image = noise(220, 170, mode)
    pieces = cut(image, tmp_path, 6_000)
    back = tiles.rebuild(placed(pieces), image.size, mode)
    assert len(pieces) > 1 or mode == "1"
    assert back.mode == mode
    assert stills.pixels_equal(image, back)


def test_pieces_are_what_they_say(tmp_path: Path) -> None:
    pieces = cut(pictures.rgb(400, 300), tmp_path)
    for piece in pieces:
        data = piece.path.read_bytes()
        assert (piece.bytes, piece.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert piece.bytes <= 20_000
        assert stills.load(piece.path).size == (piece.box.width, piece.box.height)
    assert {path.name for path in tmp_path.iterdir()} == {piece.path.name for piece in pieces}


def test_names_tell_the_place_and_sort_in_reading_order(tmp_path: Path) -> None:
    pieces = cut(pictures.rgb(1200, 300), tmp_path)
    names = [piece.path.name for piece in pieces]
    assert names == sorted(names)
    assert names[0] == "IMG_1_tile-y0000-x0000.png"
    assert [(piece.box.y, piece.box.x) for piece in pieces] == sorted((piece.box.y, piece.box.x) for piece in pieces)
    assert all(f"-y{piece.box.y:04}-x{piece.box.x:04}." in piece.path.name for piece in pieces)


def test_tiles_are_about_as_few_as_can_be_though_detail_is_uneven(tmp_path: Path) -> None:
    image = Image.new("RGB", (1200, 900), "grey")
    image.paste(noise(500, 400), (600, 100))
    image.paste(pictures.rgb(1200, 400), (0, 500))
    pieces = cut(image, tmp_path, 100_000)
    at_least = sum(piece.bytes for piece in pieces) / 100_000
    assert len(pieces) <= 1.35 * at_least + 1
    assert all(max(piece.box.width, piece.box.height) >= 100 for piece in pieces)


def test_a_picture_under_the_cap_is_one_tile(tmp_path: Path) -> None:
    (piece,) = cut(Image.new("RGB", (900, 700), "navy"), tmp_path)
    assert piece.box == Box(0, 0, 900, 700)


def test_the_same_picture_gives_the_same_files(tmp_path: Path) -> None:
    image = pictures.rgb(300, 300)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = cut(image, tmp_path / "a"), cut(image, tmp_path / "b")
    assert [(piece.box, piece.sha256) for piece in first] == [(piece.box, piece.sha256) for piece in second]


def test_samples_under_transparent_places_are_kept(tmp_path: Path) -> None:
    image = noise(120, 90, "RGBA")
    image.putalpha(0)
    back = tiles.rebuild(placed(cut(image, tmp_path)), image.size, "RGBA")
    assert back.tobytes() == image.tobytes()


@pytest.mark.parametrize(("mode", "colour"), [("P", 3), ("L", 17), ("RGB", (1, 2, 3))])
def test_a_transparent_colour_stays_one(mode: str, colour: object, tmp_path: Path) -> None:
    image = pictures.rgb(160, 120).convert(mode)
    image.info["transparency"] = colour
    back = tiles.rebuild(placed(cut(image, tmp_path, 4_000)), image.size, mode)
    assert back.info["transparency"] == colour
    assert stills.pixels_equal(image, back)


def test_the_profile_travels_where_it_is_small_against_the_cap(tmp_path: Path) -> None:
    image = pictures.rgb(200, 150)
    profile = ICC + np.random.default_rng(1).bytes(1_500)
    image.info["icc_profile"] = profile
    assert all(stills.read_metadata(piece.path)[1] == profile for piece in cut(image, tmp_path))
    assert not any(stills.read_metadata(piece.path)[1] for piece in cut(image, tmp_path, 7_000))


def test_the_profile_of_other_samples_does_not(tmp_path: Path) -> None:
    image = pictures.rgb(200, 150).convert("L")
    image.info["icc_profile"] = ICC
    assert not any(stills.read_metadata(piece.path)[1] for piece in cut(image, tmp_path))


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "F", "I", "HSV", "YCbCr"])
def test_what_png_cannot_hold_is_refused(mode: str, tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match=f"PNG cannot hold {mode} pictures"):
        cut(Image.new(mode, (64, 64)), tmp_path)


@pytest.mark.parametrize("max_pieces", [1, 3, 8, 11])
def test_too_many_pieces_are_refused_with_numbers(max_pieces: int, tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match=rf"200x200 pixels take about 1[1-9] lossless .* over the {max_pieces} "):
        cut(noise(200, 200), tmp_path, 10_600, max_pieces)


def test_the_number_allowed_may_be_used_up(tmp_path: Path) -> None:
    image = pictures.rgb(400, 300)
    count = len(cut(image, tmp_path))
    assert len(cut(image, tmp_path, max_pieces=count)) == count


@pytest.mark.parametrize("max_bytes", [1, 60, 300, 800])
def test_a_cap_under_the_smallest_piece_is_refused(max_bytes: int, tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match=r"16x16 pixels at x 0, y 0 take .* over the"):
        cut(noise(100, 80), tmp_path, max_bytes, 10**9)


def test_the_caller_can_stop_it(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []

    def stop(phase: str, done: int, total: int | None) -> None:
        seen.append((phase, done, total))
        if done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        tiles.cut(noise(200, 200), tmp_path, stem="a", max_bytes=20_000, max_pieces=99, tick=stop)
    assert {(phase, total) for phase, _, total in seen} == {("tiles", 40_000)}
    assert 0 < seen[-1][1] < 40_000


def test_crops_hold_their_boxes(tmp_path: Path) -> None:
    image = noise(300, 200)
    boxes = [("face1", Box(10, 20, 50, 40)), ("plate1", Box(-8, 180, 60, 60))]
    pieces = tiles.crops(image, boxes, tmp_path, stem="IMG_1", max_bytes=20_000, tick=quiet)
    assert [piece.path.name for piece in pieces] == ["IMG_1_face1.png", "IMG_1_plate1.png"]
    assert [piece.box for piece in pieces] == [Box(10, 20, 50, 40), Box(0, 180, 52, 20)]
    for piece in pieces:
        box = piece.box
        assert stills.pixels_equal(stills.load(piece.path), image.crop((box.x, box.y, box.right, box.bottom)))


def test_a_large_crop_is_cut_into_tiles_of_itself(tmp_path: Path) -> None:
    image, area = noise(300, 200), Box(100, 50, 150, 120)
    pieces = tiles.crops(image, [("face1", area)], tmp_path, stem="IMG_1", max_bytes=20_000, tick=quiet)
    assert len(pieces) > 2
    assert pieces[0].path.name == "IMG_1_face1_tile-y050-x100.png"
    moved = [(p.path, Box(p.box.x - area.x, p.box.y - area.y, p.box.width, p.box.height)) for p in pieces]
    back = tiles.rebuild(moved, (area.width, area.height), "RGB")
    assert stills.pixels_equal(back, image.crop((area.x, area.y, area.right, area.bottom)))


def test_a_crop_outside_or_twice_is_refused(tmp_path: Path) -> None:
    image, box = noise(64, 64), Box(0, 0, 16, 16)
    with pytest.raises(EncodeError, match="face2 lies outside"):
        tiles.crops(image, [("face2", Box(64, 0, 9, 9))], tmp_path, stem="a", max_bytes=20_000, tick=quiet)
    with pytest.raises(EncodeError, match="same id"):
        tiles.crops(image, [("face1", box), ("face1", box)], tmp_path, stem="a", max_bytes=20_000, tick=quiet)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Box]]:
    """Nine tiles of 40x30 noise pixels."""
    folder, image, found = tmp_path_factory.mktemp("tiles"), noise(120, 90), []
    for y in range(0, 90, 30):
        for x in range(0, 120, 40):
            image.crop((x, y, x + 40, y + 30)).save(folder / f"y{y}-x{x}.png")
            found.append((folder / f"y{y}-x{x}.png", Box(x, y, 40, 30)))
    return found


def refused(pieces: list[tuple[Path, Box]], code: str, words: str, mode: str = "RGB") -> None:
    with pytest.raises(CertificateError, match=words) as caught:
        tiles.rebuild(pieces, (120, 90), mode)
    assert caught.value.code == code


def test_the_order_of_tiles_does_not_matter(whole: list[tuple[Path, Box]]) -> None:
    assert stills.pixels_equal(tiles.rebuild(whole[::-1], (120, 90), "RGB"), noise(120, 90))


@pytest.mark.parametrize("number", range(9))
def test_a_missing_tile_is_named(number: int, whole: list[tuple[Path, Box]]) -> None:
    box = whole[number][1]
    words = f"1,200 of 10,800 pixels are in no tile, the first at x {box.x}, y {box.y}$"
    refused(whole[:number] + whole[number + 1 :], "tiles-incomplete", words)


def test_no_tiles_at_all_are_incomplete() -> None:
    refused([], "tiles-incomplete", "10,800 of 10,800 pixels are in no tile, the first at x 0, y 0")


def test_a_doubled_part_is_named(whole: list[tuple[Path, Box]], tmp_path: Path) -> None:
    double = (tmp_path / "other.png", Box(30, 20, 20, 20))
    refused([*whole, double], "tiles-overlap", r"y0-x0.png and other.png both hold 100 pixels around x 30, y 20")


@pytest.mark.parametrize("box", [Box(0, 0, 41, 91), Box(-1, 0, 40, 30), Box(0, 0, 0, 30), Box(119, 0, 2, 30)])
def test_a_tile_outside_the_picture_is_named(box: Box, whole: list[tuple[Path, Box]]) -> None:
    refused([(whole[0][0], box), *whole[1:]], "tiles-incomplete", r"y0-x0.png does not lie inside")


def test_a_tile_that_cannot_be_read_is_named(whole: list[tuple[Path, Box]], tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(whole[4][0].read_bytes()[:200])
    for path in (tmp_path / "bad.png", tmp_path / "gone.png"):
        pieces = [*whole[:4], (path, whole[4][1]), *whole[5:]]
        refused(pieces, "tiles-incomplete", f"x 40, y 30 is missing or damaged: {path.name}")


def test_a_tile_of_another_size_or_mode_is_named(whole: list[tuple[Path, Box]], tmp_path: Path) -> None:
    noise(30, 40).save(tmp_path / "turned.png")
    noise(40, 30, "L").save(tmp_path / "grey.png")
    words = r"turned.png holds 30x40 RGB samples, its place in the picture 40x30 RGB"
    refused([(tmp_path / "turned.png", whole[0][1]), *whole[1:]], "tiles-incomplete", words)
    words = r"grey.png holds 40x30 L samples, its place in the picture 40x30 RGB"
    refused([*whole[:8], (tmp_path / "grey.png", whole[8][1])], "tiles-incomplete", words)


def test_a_tile_with_another_palette_is_named(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        pictures.rgb(60, 90, seed=seed).quantize(16).save(tmp_path / f"{name}.png")
    pieces = [(tmp_path / "a.png", Box(0, 0, 60, 90)), (tmp_path / "b.png", Box(60, 0, 60, 90))]
    refused(pieces, "tiles-incomplete", "b.png has another palette", "P")


@pytest.mark.parametrize(("size", "mode"), [((0, 9), "RGB"), ((10**6, 10**6), "RGB"), ((9, 9), "CMYK"), ((9, 9), "?")])
def test_a_picture_that_cannot_be_is_refused(size: tuple[int, int], mode: str) -> None:
    with pytest.raises(CertificateError) as caught:
        tiles.rebuild([(Path("a.png"), Box(0, 0, *size))], size, mode)
    assert caught.value.code == "tiles-incomplete"

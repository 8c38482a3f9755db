"""Documents: what goes in comes out again, upright, with its caption and its hash below."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
from PIL import Image, ImageCms

from tests.helpers import exif, pictures
from transcoder.encode.pdf import page, samples_sha256
from transcoder.errors import EncodeError, InputError
from transcoder.media import documents, stills

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
A4 = (595.28, 841.89)


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} (poppler-utils) is not on this machine")


def jpeg(folder: Path, width: int = 96, height: int = 64, name: str = "a.jpg", orientation: int = 1) -> Path:
    pictures.rgb(width, height).save(folder / name, quality=90, exif=exif.block(orientation))
    return folder / name


def png(folder: Path, image: Image.Image, **options: Any) -> Path:
    image.save(folder / "a.png", **options)
    return folder / "a.png"


def document(picture: Path, caption: str = "a caption") -> Path:
    target = picture.with_suffix(".pdf")
    page(picture, caption, target, title="A case")
    return target


def idat(data: bytes) -> bytes:
    """The compressed samples of a PNG."""
    position, found = 8, b""
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        if data[position + 4 : position + 8] == b"IDAT":
            found += data[position + 8 : position + 8 + length]
        position += 12 + length
    return found


def extracted(path: Path, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["pdfimages", "-all", path, folder / "out"], check=True)
    return sorted(folder.glob("out-*"))


def text(path: Path) -> str:
    done = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True)
    return done.stdout.decode("utf-8")


def drawn(path: Path) -> Image.Image:
    """The first page as a viewer shows it, at 72 pixels to the inch."""
    done = subprocess.run(["pdftoppm", "-r", "72", "-f", "1", "-l", "1", path], check=True, capture_output=True)
    return Image.open(io.BytesIO(done.stdout)).convert("RGB")


def test_each_picture_has_an_a4_page_of_its_own_shape(tmp_path: Path) -> None:
    wide, tall = jpeg(tmp_path), jpeg(tmp_path, 64, 96, "b.jpg")
    turned = jpeg(tmp_path, name="c.jpg", orientation=6)
    for path, box in ((wide, A4[::-1]), (tall, A4), (turned, A4)):
        with pikepdf.open(document(path)) as made:
            (only,) = made.pages
            assert tuple(float(value) for value in only.MediaBox) == (0, 0, *box)
            assert str(made.docinfo.Title) == "A case"
            assert "/CreationDate" not in made.docinfo


def test_the_bytes_of_a_jpeg_go_in_untouched(tmp_path: Path) -> None:
    path = jpeg(tmp_path, orientation=6)
    with pikepdf.open(document(path)) as made:
        image = made.pages[0].Resources.XObject.Im0
        assert image.read_raw_bytes() == path.read_bytes()
        assert image.Filter == pikepdf.Name.DCTDecode


def test_a_jpeg_with_a_second_picture_goes_in_whole_on_one_page(tmp_path: Path) -> None:
    first, second = pictures.rgb(96, 64), pictures.rgb(48, 32, seed=7)
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    with pikepdf.open(document(tmp_path / "a.jpg")) as made:
        (page,) = made.pages
        image = page.Resources.XObject.Im0
        assert (int(image.Width), int(image.Height)) == (96, 64)
        assert image.read_raw_bytes() == (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_the_samples_of_a_png_go_in_untouched(mode: str, tmp_path: Path) -> None:
    image = pictures.rgb(96, 64).convert(mode) if mode != "I;16" else deep()
    path = png(tmp_path, image)
    with pikepdf.open(document(path)) as made:
        assert made.pages[0].Resources.XObject.Im0.read_raw_bytes() == idat(path.read_bytes())


def deep() -> Image.Image:
    return Image.fromarray(np.arange(96 * 64, dtype=np.uint16).reshape(64, 96) * 10)


@needs("pdfimages")
def test_pictures_come_out_as_they_went_in(tmp_path: Path) -> None:
    first = jpeg(tmp_path, orientation=8, name="first.jpg")
    second = png(tmp_path, pictures.rgb(64, 96), icc_profile=ICC)
    (one,) = extracted(document(first), tmp_path / "one")
    (other,) = extracted(document(second), tmp_path / "other")
    assert one.read_bytes() == first.read_bytes()
    assert stills.pixels_equal(stills.load(other), stills.load(second))


@needs("pdfimages")
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_every_mode_comes_out_sample_for_sample(mode: str, tmp_path: Path) -> None:
    path = png(tmp_path, pictures.rgb(96, 64).convert(mode))
    (out,) = extracted(document(path), tmp_path)
    assert stills.pixels_equal(stills.load(out), stills.load(path))


@needs("pdftotext")
def test_caption_and_hash_can_be_read(tmp_path: Path) -> None:
    picture = jpeg(tmp_path)
    words = text(document(picture, "Tile 3 of 17: Überwachung – Café\nHof (Nord) \\ 50 €"))
    assert "Tile 3 of 17: Überwachung – Café\n" in words
    assert "Hof (Nord) \\ 50 €" in words
    assert f"SHA-256 {hashlib.sha256(picture.read_bytes()).hexdigest()}" in words


@needs("pdftotext")
def test_what_the_font_lacks_is_a_question_mark(tmp_path: Path) -> None:
    words = text(document(jpeg(tmp_path), "Wałęsa 北京 a\tb U\u0308 \u202eevil"))
    assert "Wa??sa ?? a?b Ü ?evil" in words


@needs("pdftotext")
@pytest.mark.parametrize("caption", ["W" * 400, "wide words " * 60, "a" * 70 + " " + "Ж" * 300])
def test_long_captions_are_wrapped_inside_the_margins(caption: str, tmp_path: Path) -> None:
    path = document(jpeg(tmp_path, 64, 96), caption)
    letters = text(path).split("SHA-256")[0]
    assert "".join(letters.split()) == "".join(caption.replace("Ж", "?").split())
    done = subprocess.run(["pdftotext", "-bbox", path, "-"], check=True, capture_output=True).stdout.decode()
    edges = [float(line.split('xMax="')[1].split('"')[0]) for line in done.splitlines() if "xMax=" in line]
    assert max(edges) <= A4[0] - 36 + 0.5


@needs("pdftoppm")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_turns_the_drawing(orientation: int, tmp_path: Path) -> None:
    corners = Image.new("RGB", (90, 60), "black")
    for place, colour in (((0, 0), "red"), ((60, 0), "lime"), ((0, 40), "blue"), ((60, 40), "white")):
        corners.paste(colour, (*place, place[0] + 30, place[1] + 20))
    path = png(tmp_path, corners, exif=exif.block(orientation))
    page = drawn(document(path))
    with Image.open(path) as stored:
        upright = turned(stored, orientation)
    scale = min((page.width - 72) / upright.width, (page.height - 72 - 8 - 13 - 10.4) / upright.height)
    for x, y in ((10, 10), (upright.width - 10, 10), (10, upright.height - 10)):
        found, wanted = page.getpixel((36 + int(x * scale), 36 + int(y * scale))), upright.getpixel((x, y))
        assert isinstance(found, tuple)
        assert isinstance(wanted, tuple)
        assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) < 8


def turned(image: Image.Image, orientation: int) -> Image.Image:
    operation = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)  # fmt: skip
    return image.convert("RGB") if operation is None else image.convert("RGB").transpose(operation)


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    picture = jpeg(tmp_path)
    first = document(picture).read_bytes()
    assert document(picture).read_bytes() == first


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_refused(mode: str, tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="transparency untouched; deliver it as a file"):
        document(png(tmp_path, pictures.rgb(32, 32).convert(mode)))


def test_a_transparent_colour_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="transparency"):
        document(png(tmp_path, pictures.rgb(32, 32), transparency=(1, 2, 3)))


def test_a_palette_with_a_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="a palette and a colour profile"):
        document(png(tmp_path, pictures.rgb(32, 32).convert("P"), icc_profile=ICC))


def test_an_interlaced_png_is_refused(tmp_path: Path) -> None:
    import oxipng

    path = png(tmp_path, pictures.rgb(32, 32))
    path.write_bytes(oxipng.optimize_from_memory(path.read_bytes(), interlace=oxipng.Interlacing.Adam7, force=True))
    with pytest.raises(EncodeError, match="interlacing"):
        document(path)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n" + bytes(20)])
def test_what_is_no_picture_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(EncodeError, match=r"a\.jpg: a page takes a JPEG or PNG"):
        document(tmp_path / "a.jpg")


def test_a_missing_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="No such file"):
        document(tmp_path / "gone.jpg")


def test_other_formats_are_refused(tmp_path: Path) -> None:
    pictures.rgb(32, 32).save(tmp_path / "a.webp", lossless=True)
    with pytest.raises(EncodeError, match="takes a JPEG or PNG"):
        document(tmp_path / "a.webp")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_our_own_reader_gives_every_picture_back(mode: str, tmp_path: Path) -> None:
    path = png(tmp_path, pictures.rgb(97, 61).convert(mode) if mode != "I;16" else deep(), icc_profile=None)
    found = documents.load(document(path))
    with Image.open(path) as original:
        assert found.mode == original.mode
        assert stills.pixels_equal(found, original)
        assert samples_sha256(found) == samples_sha256(original)


def test_the_colour_profile_comes_back_too(tmp_path: Path) -> None:
    found = documents.load(document(png(tmp_path, pictures.rgb(64, 96), icc_profile=ICC)))
    assert found.info["icc_profile"] == ICC


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4 nothing", b"\xff\xd8\xff"])
def test_what_is_no_document_of_ours_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(content)
    with pytest.raises(InputError, match="no page with one picture"):
        documents.load(tmp_path / "a.pdf")


def test_a_changed_sample_changes_the_printed_hash(tmp_path: Path) -> None:
    path = png(tmp_path, pictures.rgb(32, 32))
    first = page(path, "", tmp_path / "b.pdf", title="")
    with Image.open(path) as image:
        changed = image.copy()
    changed.putpixel((5, 5), (1, 2, 3))
    assert page(png(tmp_path, changed), "", tmp_path / "b.pdf", title="").sha256 != first.sha256


def test_a_caption_must_leave_room(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="60 lines"):
        document(jpeg(tmp_path), "line\n" * 60)


def test_what_the_library_cannot_embed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise Exception("bare\nand in two lines")

    monkeypatch.setattr("img2pdf.convert", fail)
    with pytest.raises(EncodeError) as caught:
        document(jpeg(tmp_path))
    assert str(caught.value) == "a.pdf: the picture cannot be embedded (bare and in two lines)"


def test_nothing_in_a_page_comes_from_the_clock(tmp_path: Path) -> None:
    """The library names a new document by the time, and saving it again would keep that as the first half."""
    with pikepdf.open(document(jpeg(tmp_path))) as made:
        first, second = made.trailer.ID
        assert bytes(first) == bytes(second)

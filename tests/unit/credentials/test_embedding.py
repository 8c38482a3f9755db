"""Manifests in every format: two readers agree, and nothing else of the file is touched."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, PngImagePlugin

from tests.helpers import clips, pictures
from tests.helpers.credentials import FACTS, chain, embedded, notary, second_opinion
from transcoder.certificate.keys import KeyPair
from transcoder.credentials import embedding, reading
from transcoder.credentials.reading import State
from transcoder.media import anatomy
from transcoder.media.anatomy import png

STILLS = ("jpg", "png", "webp", "avif")
VIDEOS = ("mp4", "mov", "avi")
_FORMATS = {"jpg": "jpeg"}


@pytest.fixture(scope="module", params=(*STILLS, *VIDEOS))
def media(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    suffix = request.param
    path = tmp_path_factory.mktemp("media") / f"plain.{suffix}"
    if suffix in VIDEOS:
        return clips.write_clip(path, frames=8, audio="aac", metadata={"comment": "left in peace"})
    image = Image.fromarray(pictures.luma(64, 48)).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    extra: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": _profile()}
    if suffix == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Author", "left in peace")
        extra["pnginfo"] = info
    else:
        extra["xmp"] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    image.save(path, **extra)
    return path


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _packets(data: bytes) -> list[tuple[int, int | None, int | None, bytes]]:
    with av.open(io.BytesIO(data), "r") as container:
        return [(p.stream_index, p.pts, p.dts, hashlib.sha256(bytes(p)).digest()) for p in container.demux() if p.size]


def test_two_readers_agree_and_the_media_are_untouched(media: Path, pair: KeyPair, tmp_path: Path) -> None:
    suffix, before = media.suffix[1:], media.read_bytes()
    after = embedded(before, suffix, pair)
    target = tmp_path / media.name
    target.write_bytes(after)

    found = reading.read(target, chain(pair))
    assert found is not None
    assert (found.state, found.codes) == (State.VALID, ())
    assert found.serial == str(pair.certificate.serial_number)
    assert (found.parent, found.master_sha256) == (f"urn:sha256:{'ab' * 32}", "ab" * 32)
    other = second_opinion(after, suffix, pair)
    assert (other["integrity"], other["signature"], other["hard_binding"]) == ("valid", "valid", "match")
    assert other["validation_state"] == "Trusted"

    if suffix in VIDEOS:
        assert _packets(after) == _packets(before)
        with av.open(io.BytesIO(before), "r") as one, av.open(io.BytesIO(after), "r") as two:
            assert one.metadata == two.metadata
        return
    with Image.open(media) as one, Image.open(target) as two:
        assert one.tobytes() == two.tobytes()
        assert one.getexif().tobytes() == two.getexif().tobytes()
        assert one.info.get("icc_profile") == two.info.get("icc_profile")
    items = {
        path: [block.item for block in anatomy.blocks(path, _FORMATS.get(suffix, suffix))] for path in (media, target)
    }
    assert [item for item in items[target] if item.kind != "c2pa"] == items[media]
    assert sum(item.kind == "c2pa" for item in items[target]) == 1


def test_a_flipped_byte_is_found(media: Path, pair: KeyPair, tmp_path: Path) -> None:
    suffix, before = media.suffix[1:], media.read_bytes()
    after = bytearray(embedded(before, suffix, pair))
    marks = {"mp4": b"mdat", "mov": b"mdat", "avi": b"movi", "webp": b"VP8"}
    place = after.index(marks[suffix]) + 40 if suffix in marks else len(after) - 20
    after[place] ^= 1
    target = tmp_path / media.name
    target.write_bytes(bytes(after))
    found = reading.read(target, chain(pair))
    assert found is not None
    assert found.state is State.INVALID
    assert second_opinion(bytes(after), suffix, pair)["integrity"] != "valid"


def test_a_store_beside_the_file_covers_it(media: Path, pair: KeyPair, tmp_path: Path) -> None:
    suffix, data = media.suffix[1:], media.read_bytes()
    facts = replace(FACTS, suffix=suffix)
    store = embedding.write(facts, chain(pair), io.BytesIO(data), None, notary(pair))
    (tmp_path / "x.c2pa").write_bytes(store)
    found = reading.read(media, chain(pair), tmp_path / "x.c2pa")
    assert found is not None
    assert (found.state, found.master_sha256) == (State.VALID, "ab" * 32)
    assert reading.read(media, chain(pair)) is None
    assert second_opinion(data, suffix, pair, store)["integrity"] == "valid"


def test_files_without_a_place_for_it_have_a_store_beside_them(pair: KeyPair, tmp_path: Path) -> None:
    path, beside = clips.write_clip(tmp_path / "clip.mkv", frames=4), tmp_path / "clip.mkv.c2pa"
    with path.open("rb") as media:
        facts = replace(FACTS, suffix="mkv")
        beside.write_bytes(embedding.write(facts, chain(pair), media, None, notary(pair)))
    found = reading.read(path, chain(pair), beside)
    assert found is not None
    assert found.state is State.VALID
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    changed = reading.read(path, chain(pair), beside)
    assert changed is not None
    assert changed.state is State.INVALID


def test_who_is_not_known_is_not_trusted(pair: KeyPair, tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(embedded(embedding._STUB_JPEG, "jpg", pair))
    found = reading.read(path, "")
    assert found is not None
    assert (found.state, found.codes) == (State.UNTRUSTED, ("signingCredential.untrusted",))


def test_a_manifest_that_cannot_be_read_is_a_state_and_no_error(pair: KeyPair, tmp_path: Path) -> None:
    data = bytearray(embedded(embedding._STUB_JPEG, "jpg", pair))
    place = data.index(b"c2pa.claim")
    data[place - 30 : place] = bytes(30)
    path = tmp_path / "x.jpg"
    path.write_bytes(bytes(data))
    found = reading.read(path, chain(pair))
    assert found is not None
    assert found.state in (State.MALFORMED, State.INVALID)
    assert found.codes


def test_what_the_library_refuses_is_one_line(pair: KeyPair) -> None:
    with pytest.raises(embedding.EmbeddingError) as caught:
        embedding.write(FACTS, chain(pair), io.BytesIO(b"no picture"), io.BytesIO(), notary(pair))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_sees_the_manifest(media: Path, pair: KeyPair, tmp_path: Path) -> None:
    target = tmp_path / media.name
    target.write_bytes(embedded(media.read_bytes(), media.suffix[1:], pair))
    command = ["exiftool", "-json", "-G1", "-warning", "-error", "-Make", "-JUMDLabel", "-a", str(target)]
    (seen,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    # It takes the EXIF block of a PNG for the manifest before it, whoever wrote that (12.57), and says so.
    known = {"IFD0 pointer references previous JUMBFBox directory"} if media.suffix == ".png" else set()
    said = {value for key, value in seen.items() if key.endswith((":Error", ":Warning"))}
    assert said <= known
    if media.suffix in (".jpg", ".png"):
        assert "c2pa" in json.dumps(seen)
    if media.suffix == ".jpg":
        assert seen["IFD0:Make"] == "A camera"


_OF_THE_FILE = ("ExifTool", "System", "File", "JUMBF", "CBOR", "JSON", "C2PA", "Jpeg2000")
"""Groups of exiftool; manifests are in the box format of JPEG 2000."""
_PLACES = ("MediaDataOffset", "FileSize", "StreamOffset", "Warning")


def metadata(path: Path) -> dict[str, Any]:
    """What exiftool reads, without what is about the file as a file or about manifests."""
    command = ["exiftool", "-json", "-G1", "-a", str(path)]
    (seen,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    kept = {key: value for key, value in seen.items() if not key.endswith(_PLACES) and key != "SourceFile"}
    return {key: value for key, value in kept.items() if not key.partition(":")[0].startswith(_OF_THE_FILE)}


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_reads_the_same_metadata_before_and_after(media: Path, pair: KeyPair, tmp_path: Path) -> None:
    target = tmp_path / media.name
    target.write_bytes(embedded(media.read_bytes(), media.suffix[1:], pair))
    before, after = metadata(media), metadata(target)
    assert before
    if media.suffix == ".png":
        # It overlooks a PNG's EXIF behind a manifest; Pillow and our own walker read it above, and here is the chunk.
        before = {key: value for key, value in before.items() if not key.startswith("IFD0")}
        assert chunk(media, b"eXIf") == chunk(target, b"eXIf") != b""
    assert after == before


def chunk(path: Path, name: bytes) -> bytes:
    """The payload of a PNG's chunk."""
    data = path.read_bytes()
    return next((data[start : start + size] for found, start, size in png.chunks(data) if found == name), b"")

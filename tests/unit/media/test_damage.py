"""Damage is noticed where it is, counted whole, and listed within bounds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.helpers import clips, factories
from transcoder.encode import fates
from transcoder.media.checksum import checksum
from transcoder.media.damage import DamageLog
from transcoder.media.index import FrameIndex, cut, damage_of
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.model import Damage, DamageKind, Fate, SourceInfo

TRACK = factories.video_track(time_base=Fraction(1, 1000))


def log_of() -> DamageLog:
    log = DamageLog()
    log.begin(TRACK)
    return log


def read(path: Path, source: SourceInfo | None = None) -> Damage:
    video = (source or probe(path, sha256="")).video
    assert video is not None
    index = FrameIndex(video.span.first if video.span else 0)
    for _ in index.noting(read_frames(path, video, index.damage)):
        pass
    return damage_of(index, video)


def test_neighbours_make_one_span_and_far_ones_two() -> None:
    log = log_of()
    for pts in (0, 40, 80, 5000, 5040):
        log.packet(pts, hidden=False)
        log.rejected()
    assert [(item.first, item.last, item.events) for item in log.stretches] == [(0, 80, 3), (5000, 5040, 2)]
    assert log.counts == {DamageKind.UNDECODED: 5}


def test_the_list_is_bounded_and_the_count_is_not() -> None:
    log = log_of()
    for second in range(0, 1000, 2):
        log.picture(second * 1000, corrupt=True)
    assert log.counts[DamageKind.CONCEALED] == 500
    assert len(log.stretches) + log.omitted == 500
    assert len(log.stretches) <= 60


def test_a_packet_without_a_picture_is_noticed_in_any_order() -> None:
    log = log_of()
    for pts in (0, 120, 40, 80, 160):
        log.packet(pts, hidden=False)
    for pts in (0, 40, 120, 160):
        log.picture(pts, corrupt=False)
    log.end()
    assert log.counts == {DamageKind.NO_PICTURE: 1}
    assert [item.first for item in log.stretches] == [80]


def test_what_an_edit_list_hides_is_not_called_broken() -> None:
    log = log_of()
    log.packet(0, hidden=True)
    log.packet(40, hidden=False)
    log.picture(40, corrupt=False)
    log.end()
    assert log.counts == {DamageKind.HIDDEN: 1}


def test_a_whole_clip_has_none(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv", "a.avi", "a.ts"):
        found = read(clips.write_clip(tmp_path / name, frames=15, options={"bf": "2"}))
        assert (found.counts, found.spans, found.ends_early, found.decoded) == ({}, (), "", True)
        assert fates.damage_items(found) == ()


def spoilt(folder: Path) -> Path:
    """A stream of 60 frames of which the middle is overwritten."""
    path = clips.write_clip(folder / "a.mkv", frames=60, options={"bf": "0", "g": "20"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(index * 37 % 251 for index in range(300))
    path.write_bytes(data)
    return path


def test_a_broken_middle_is_delivered_and_named(tmp_path: Path) -> None:
    found = read(spoilt(tmp_path))
    assert sum(found.counts.values()) > 0
    assert all(Fraction(1, 2) < span.from_s < 2 for span in found.spans)
    (*items,) = fates.damage_items(found)
    assert {item.fate for item in items} <= {Fate.LOST, Fate.CONVERTED}
    assert all(" s" in item.note for item in items)


def test_a_cut_part_counts_its_own_damage_only(tmp_path: Path) -> None:
    path = spoilt(tmp_path)
    source = probe(path, sha256="")
    assert source.video is not None
    index = FrameIndex()
    for _ in index.noting(read_frames(path, source.video)):
        pass
    assert read(path, cut(source, index, 0, 10)).counts == {}


def test_a_file_that_breaks_off_says_so(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", frames=100, options={"g": "10"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    found = read(path)
    assert "states 4.0 s" in found.ends_early
    (item,) = [item for item in fates.damage_items(found) if item.item == "end of the recording"]
    assert item.fate is Fate.LOST


def test_a_damaged_file_gives_the_same_pictures_each_time(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", frames=150, codec="mpeg4", options={"g": "20"}, size=(320, 240))
    data = bytearray(path.read_bytes())
    middle = len(data) * 4 // 10
    data[middle : middle + 600] = bytes(index * 37 % 251 for index in range(600))
    path.write_bytes(data)
    track = probe(path, sha256="").video
    assert track is not None
    readings = {tuple(checksum(item.frame) for item in read_frames(path, track)) for _ in range(25)}
    assert len(readings) == 1

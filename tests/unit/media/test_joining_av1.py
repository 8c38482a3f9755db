"""Packets of AV1 are copied without an encoder of that name: FFmpeg's decoder for it has none."""

from __future__ import annotations

from pathlib import Path

from tests.helpers import clips
from transcoder.media.joining import Piece, check_alike, copy_packets
from transcoder.media.probe import probe


def test_av1_in_ten_bits_is_copied(tmp_path: Path) -> None:
    path = clips.write_clip(
        tmp_path / "a.mp4", codec="libsvtav1", pixel_format="yuv420p10le", frames=8, options={"preset": "12"},
        metadata={"creation_time": "2024-03-07T13:05:09Z", "location": "+51.4169-000.0806/"},
    )  # fmt: skip
    copy = tmp_path / "copy.mp4"
    copy_packets([Piece(path)], copy, "mp4", {"comment": "Part 1 of 1"})
    check_alike([path, copy])
    found = probe(copy, sha256="")
    assert found.video is not None
    assert (found.video.codec, found.video.pixel_format, found.video.frames) == ("av1", "yuv420p10le", 8)
    assert found.metadata["comment"] == "Part 1 of 1"
    assert found.metadata["creation_time"].startswith("2024-03-07T13:05:09")
    assert found.metadata["location"].startswith("+51.4169")

"""Finding what a source is signed with, without trusting a length in it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import clips, factories
from tests.helpers.credentials import embedded
from transcoder.certificate.keys import KeyPair
from transcoder.credentials import others
from transcoder.model import Fate

ONVIF = bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")


def test_manifests_are_found_where_they_are(tmp_path: Path, pair: KeyPair) -> None:
    for suffix in ("mp4", "mov", "avi"):
        path = clips.write_clip(tmp_path / f"clip.{suffix}", frames=4)
        assert others.manifest_bytes(factories.video_source(path=path)) == 0
        before = path.read_bytes()
        path.write_bytes(embedded(before, suffix, pair))
        assert 3000 < others.manifest_bytes(factories.video_source(path=path)) < 6000


@given(junk=st.binary(max_size=200), head=st.sampled_from([b"RIFF\0\0\0\0AVI ", b"\0\0\0\x0cftypmp42", b""]))
def test_any_bytes_can_be_looked_at(tmp_path_factory: object, junk: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.mp4"  # type: ignore[attr-defined]
    path.write_bytes(head + junk)
    assert others.manifest_bytes(factories.video_source(path=path)) >= 0


def test_messages_are_counted_and_followed(tmp_path: Path) -> None:
    before, after = tmp_path / "before.mp4", tmp_path / "after.mp4"
    before.write_bytes((b"\6\5\x20" + ONVIF + bytes(20)) * 3 + b"Signed Video...0")
    found = others.messages(before)
    assert [(item.kind, item.count) for item in found] == [("onvif-media-signing", 3), ("signed-video", 1)]
    after.write_bytes(ONVIF * 3)
    kept = others.survive(found, [after])
    assert [item.to_dict()["after"] for item in kept] == ["kept", "lost"]
    assert [(fate.fate, "not verified" in fate.note) for fate in others.fates_of(kept)] == [
        (Fate.KEPT, True), (Fate.LOST, True)
    ]  # fmt: skip
    assert others.survive((), [after]) == ()

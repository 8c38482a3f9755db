"""Receiving without encoding anything: files that do not decode, and a child that dies of one of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import deliveries
from tests.helpers.deliveries import Parcel
from transcoder import receive, tasks, verify
from transcoder.certificate.arrival import Played
from transcoder.certificate.keys import KeyPair
from transcoder.errors import StorageError, UsageError
from transcoder.media.playing import play
from transcoder.sandbox.parent import Task
from transcoder.settings import Settings


def with_files(folder: Path, pair: KeyPair, files: dict[str, bytes]) -> Parcel:
    """A delivery of these files as evidence stills, all intact."""

    def change(document: dict[str, Any]) -> None:
        listed = [
            {"name": name, "role": "still", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        ]
        document["predicate"]["files"] = listed
        document["predicate"]["timing"] = None
        document["subject"] = [{"name": item["name"], "digest": {"sha256": item["sha256"]}} for item in listed]

    parcel = deliveries.make(folder, pair, change=change)
    for name, data in files.items():
        (parcel.folder / name).write_bytes(data)
    return parcel


def states(said: Any) -> dict[str, str]:
    return {item["name"]: item["state"] for item in said["files"]}


def test_an_intact_file_that_does_not_decode_is_unplayable(samples: Path, tmp_path: Path, pair: KeyPair) -> None:
    still = (samples / "cctv_still.jpg").read_bytes()
    files = {"good.jpg": still, "cut.jpg": still[: len(still) // 2], "junk.mp4": b"not a video" * 50}
    parcel = with_files(tmp_path, pair, files)
    (result,) = receive(parcel.folder, name="CPS")
    assert states(result.receipt) == {"good.jpg": "intact", "cut.jpg": "unplayable", "junk.mp4": "unplayable"}
    assert (result.receipt["complete"], result.receipt["playable"], result.ok) == (True, False, False)
    assert all(item["detail"] for item in result.receipt["files"] if item["state"] == "unplayable")
    (checked,) = verify(parcel.certificate)
    assert checked.ok
    assert "2 file(s) do NOT decode completely" in str(checked.receipts[0])


def test_a_file_that_kills_the_child_costs_only_itself(
    tmp_path: Path, pair: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    helper = "tests.helpers.misbehaving"
    dying: Task[Sequence[Played]] = Task(f"{helper}:play", Sequence[Played], (helper,))
    monkeypatch.setattr(tasks, "PLAY", dying)
    parcel = with_files(tmp_path, pair, {"a.jpg": b"a", "hostile.jpg": b"b", "c.jpg": b"c"})
    (result,) = receive(parcel.folder)
    assert states(result.receipt) == {"a.jpg": "intact", "hostile.jpg": "unplayable", "c.jpg": "intact"}


def test_a_video_that_breaks_off_or_is_damaged_inside_is_told_from_a_whole_one(samples: Path, tmp_path: Path) -> None:
    whole = samples / "cctv_day.avi"
    assert play(whole) == (100, "")
    data = bytearray(whole.read_bytes())
    for at in range(len(data) // 3, len(data) // 3 + 4000):
        data[at] = 0x55
    spoilt = tmp_path / "spoilt.avi"
    spoilt.write_bytes(data)
    frames, fault = play(spoilt)
    assert fault or frames != 100


def test_other_frames_than_the_certificate_names_are_a_fault(samples: Path, tmp_path: Path, pair: KeyPair) -> None:
    data = (samples / "cctv_day.avi").read_bytes()

    def change(document: dict[str, Any]) -> None:
        item = {"name": "clip.avi", "role": "media", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        document["predicate"]["files"] = [item]
        document["subject"] = [{"name": "clip.avi", "digest": {"sha256": item["sha256"]}}]
        document["predicate"]["timing"]["frames"] = 101

    parcel = deliveries.make(tmp_path, pair, change=change)
    shutil.copy(samples / "cctv_day.avi", parcel.folder / "clip.avi")
    (result,) = receive(parcel.folder)
    assert result.receipt["files"][0]["detail"] == "100 frames decode, and the certificate names 101"


@pytest.mark.parametrize("name", ["", "  ", "x" * 501, "\udc80"])
def test_a_name_that_cannot_be_signed_is_refused(name: str, tmp_path: Path, pair: KeyPair) -> None:
    parcel = with_files(tmp_path, pair, {"a.jpg": b"a"})
    with pytest.raises(UsageError):
        receive(parcel.folder, name=name)


def test_no_receipt_leaves_unlogged(tmp_path: Path, pair: KeyPair, home: Path) -> None:
    parcel = with_files(tmp_path, pair, {"a.jpg": b"a"})
    home.mkdir(parents=True)
    (home / "audit").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        receive(parcel.folder)
    assert caught.value.code == "audit-unwritable"
    assert not list(parcel.folder.glob("*.receipt*"))
    settings = replace(Settings.from_environment(), audit=False)
    assert receive(parcel.folder, settings=settings)[0].path.exists()


def test_a_refusal_gets_a_receipt_as_well(tmp_path: Path, pair: KeyPair) -> None:
    parcel = deliveries.make(tmp_path, pair, refused=True)
    (result,) = receive(parcel.folder)
    assert result.ok
    assert result.receipt["certificate"]["verdict"] == "refused"
    assert result.path.name == "clip.receipt.json"
    (checked,) = verify(parcel.certificate)
    assert [receipt.complete for receipt in checked.receipts] == [True]

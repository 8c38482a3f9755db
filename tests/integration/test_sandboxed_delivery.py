"""Whole deliveries out of the sandbox: the same as without it; nothing where the child lies, crashes or is stopped."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from transcoder import app, joining, pipeline
from transcoder.errors import Cancelled, CertificateError, OutputMismatch, SandboxError, TranscodeError
from transcoder.media import anatomy
from transcoder.model import Delivery, Progress, Verdict
from transcoder.sandbox import landlock
from transcoder.sandbox.limits import Mode
from transcoder.sandbox.parent import Task
from transcoder.settings import Settings


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    folder = tmp_path_factory.mktemp("still")
    return Path(shutil.copy(samples / "cctv_still.jpg", folder))


def settings(mode: Mode) -> Settings:
    found = Settings.from_environment()
    return replace(found, sandbox=replace(found.sandbox, mode=mode))


def deliver(source: Path, out: Path, mode: Mode = Mode.AUTO, **options: Any) -> Delivery:
    return app.transcode(source, out=out, settings=settings(mode), **options)


def statement_without_time(delivery: Delivery) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(delivery.file("certificate").path.read_bytes())
    assert parsed["predicate"].pop("issued_at")
    parsed["predicate"]["tool"].pop("sandbox")
    # Manifests have numbers by chance in them: so have the files that hold them.
    section = parsed["predicate"]["credentials"]
    chance = {entry["store"] or entry["name"] for entry in section["files"]}
    for entry in section["files"]:
        assert 3000 < entry.pop("bytes") < 6000
    for item in parsed["predicate"]["files"]:
        if item["name"] in chance:
            item.pop("sha256")
            item.pop("bytes")
    for subject in parsed["subject"]:
        if subject["name"] in chance:
            subject.pop("digest")
    if any(entry["carrier"] == "embedded" for entry in section["files"]):
        parsed["predicate"]["delivery"].pop("bytes")
        parsed["predicate"]["delivery"].pop("share_of_cap")
    return parsed


def without_manifest(path: Path) -> tuple[bytes, list[str]]:
    """Samples and all other blocks of a JPEG."""
    with Image.open(path) as image:
        blocks = anatomy.blocks(path, "jpeg")
        return image.tobytes(), [block.item.sha256 for block in blocks if block.item.kind != "c2pa"]


@pytest.mark.parametrize("cap", [1_000_000, 200_000])
def test_a_picture_gives_the_same_files(cap: int, still: Path, tmp_path: Path) -> None:
    with_it = deliver(still, tmp_path / "auto", cap_bytes=cap)
    without = deliver(still, tmp_path / "off", Mode.OFF, cap_bytes=cap)
    assert statement_without_time(with_it) == statement_without_time(without)
    assert with_it.source == without.source
    assert with_it.verdict is without.verdict
    assert [f.path.name for f in with_it.files] == [f.path.name for f in without.files]
    for one, other in zip(with_it.files, without.files, strict=True):
        if one.role not in ("certificate", "signature", "report", "credentials"):
            assert without_manifest(one.path) == without_manifest(other.path)
    pages = [delivery.file("report").path.read_text(encoding="utf-8") for delivery in (with_it, without)]
    assert [page.count("data:image/jpeg") for page in pages] == [pages[0].count("data:image/jpeg")] * 2
    assert with_it.fidelity is None or without.fidelity is None or with_it.fidelity.worst == without.fidelity.worst


def test_a_video_gives_the_same_kind_of_delivery(samples: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"cap_bytes": 200_000, "stills": 1, "with_original": True}
    source = samples / "cctv_day.avi"
    with_it = deliver(source, tmp_path / "auto", **options)
    without = deliver(source, tmp_path / "off", Mode.OFF, **options)
    assert [f.path.name for f in with_it.files] == [f.path.name for f in without.files]
    assert (with_it.verdict, with_it.rung) == (without.verdict, without.rung)
    assert with_it.source == without.source
    one, other = statement_without_time(with_it)["predicate"], statement_without_time(without)["predicate"]
    for key in ("source", "profile", "original", "fates", "edit", "notice", "case", "signer"):
        assert one[key] == other[key]
    assert one["regions"]["packed"] == other["regions"]["packed"]
    verified = app.verify(tmp_path / "auto", source=source)
    assert all(result.ok for result in verified)


def test_the_certificate_says_which_layers_held(still: Path, tmp_path: Path) -> None:
    layers = {}
    for mode in (Mode.AUTO, Mode.OFF):
        delivery = deliver(still, tmp_path / mode, mode)
        layers[mode] = json.loads(delivery.file("certificate").path.read_bytes())["predicate"]["tool"]["sandbox"]
    assert layers[Mode.OFF] is None
    assert layers[Mode.AUTO]["process"]
    assert layers[Mode.AUTO]["landlock"] == landlock.abi()


LIES = [
    ("make_link", SandboxError), ("make_link_to_folder", SandboxError), ("make_outside", SandboxError),
    ("make_pipe", SandboxError), ("make_missing", SandboxError), ("make_name_outside", SandboxError),
    ("make_other_name", SandboxError), ("make_other_role", SandboxError), ("make_other_stem", SandboxError),
    ("make_not_identical", SandboxError), ("make_accepted", SandboxError), ("make_too_large", OutputMismatch),
    ("make_no_statement", CertificateError), ("make_broken_statement", CertificateError),
    ("make_script", CertificateError), ("make_and_crash", SandboxError),
]  # fmt: skip


@pytest.mark.parametrize(("lie", "error"), LIES)
def test_a_child_that_lies_delivers_nothing(
    lie: str, error: type[TranscodeError], still: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "MAKE", hostile(lie))
    with pytest.raises(error):
        deliver(still, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert list(tmp_path.iterdir()) == []


def hostile(name: str) -> Task[Any]:
    # After it is confined the child could not even read them.
    modules = (*pipeline.MAKE.modules, "tests.helpers.misbehaving")
    return replace(pipeline.MAKE, function=f"tests.helpers.misbehaving:{name}", modules=modules)


def test_what_the_parent_knows_is_not_the_childs_to_say(
    still: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = deliver(still, tmp_path / "honest")
    monkeypatch.setattr(pipeline, "MAKE", hostile("make_of_somebody_else"))
    lied = deliver(still, tmp_path / "lied")
    assert lied.verdict is Verdict.IDENTICAL
    assert statement_without_time(lied) == statement_without_time(honest)


def test_stopping_leaves_nothing(samples: Path, tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.phase == "encode":
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        deliver(samples / "cctv_day.avi", tmp_path / "out", cap_bytes=200_000, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_limit_that_is_passed_delivers_nothing(still: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSCODER_SANDBOX_WALL_S", "0.001")
    with pytest.raises(SandboxError) as caught:
        app.transcode(still, out=tmp_path / "out")
    assert caught.value.code == "sandbox-wall-time"
    assert list(tmp_path.iterdir()) == []


def test_joined_parts_are_the_same_with_and_without(samples: Path, tmp_path: Path) -> None:
    deliver(samples / "cctv_day.avi", tmp_path / "parts", cap_bytes=60_000)
    made: list[joining.Joined] = [
        app.join(tmp_path / "parts", out=tmp_path / f"{mode}.mp4", settings=settings(mode))
        for mode in (Mode.AUTO, Mode.OFF)
    ]
    assert made[0].proof == made[1].proof
    assert made[0].path.read_bytes() == made[1].path.read_bytes()


def test_other_commands_leave_no_folder_behind(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    source = samples / "cctv_day.avi"
    assert app.inspect(source, settings=settings(Mode.AUTO)) == app.inspect(source, settings=settings(Mode.OFF))
    app.plan(source, cap_bytes=200_000)
    assert list(tmp_path.iterdir()) == []

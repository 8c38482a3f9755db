"""What every encoder of the ladder must do. A new one joins the literal dict and is tested here by that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers import clips, factories, pictures
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import ENCODERS, plan_ladder
from transcoder.errors import Cancelled
from transcoder.media.probe import probe
from transcoder.model import Encoded, EncodeSpec, Rung
from transcoder.profile import AudioRules, Profile

CAP = 200_000
STILLS = frozenset(("page", "jpeg-recode", "png-recode", "jpeg", "webp", "avif"))


def permissive(name: str) -> Profile:
    """A profile under which an encoder has its rung."""
    return factories.profile(
        wrap="pdf" if name == "page" else "none",
        video=factories.video_rules(containers=("mp4", "mkv"), codecs=("h264", "hevc", "av1"), preset="veryfast"),
        audio=AudioRules(codecs=("aac",), max_share=0.5, min_bitrate_bps=16_000, max_bitrate_bps=64_000),
        still=factories.still_rules("jpeg", "png", "webp", "avif"),
    )


def source_for(name: str, folder: Path) -> Path:
    if name == "png-recode":
        pictures.rgb(96, 64).save(folder / "scene.bmp")
        return folder / "scene.bmp"
    if name in STILLS:
        pictures.rgb(96, 64).save(folder / "scene.jpg", quality=95)
        return folder / "scene.jpg"
    return clips.write_clip(folder / "scene.mkv", frames=8, audio="aac")


@pytest.fixture(params=sorted(ENCODERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(name: str, tmp_path: Path) -> Path:
    return source_for(name, tmp_path)


@pytest.fixture
def job(name: str, source: Path, tmp_path: Path) -> EncodeJob:
    workdir = tmp_path / "work"
    workdir.mkdir()
    info = probe(source, sha256="0" * 64)
    return EncodeJob(source=info, profile=permissive(name), cap_bytes=CAP, workdir=workdir, tick=lambda *_: None)


def rung_of(job: EncodeJob, name: str) -> Rung:
    return next(rung for rung in plan_ladder(job.source, job.profile, CAP).rungs if rung.encoder == name)


def encode(job: EncodeJob, name: str) -> Encoded:
    rung = rung_of(job, name)
    return ENCODERS[name](job).encode(EncodeSpec(rung=rung, knob_value=rung.knob.start if rung.knob else None))


def test_it_makes_a_readable_file_in_the_work_folder(name: str, job: EncodeJob) -> None:
    encoded = encode(job, name)
    assert encoded.path.parent == job.workdir
    assert encoded.path.suffix == f".{rung_of(job, name).extension}"
    made = probe(encoded.path, sha256="")
    assert made.kind == job.source.kind
    if made.video is not None and job.source.video is not None:
        assert (made.video.frames, made.video.width) == (job.source.video.frames, job.source.video.width)
    if made.still is not None and job.source.still is not None:
        assert (made.still.width, made.still.height) == (job.source.still.width, job.source.still.height)


def test_it_reports_the_true_size(name: str, job: EncodeJob) -> None:
    encoded = encode(job, name)
    assert encoded.bytes == encoded.path.stat().st_size > 0


def test_it_never_touches_the_source(name: str, job: EncodeJob, source: Path) -> None:
    before = source.read_bytes(), source.stat().st_mtime_ns, sorted(source.parent.iterdir())
    encode(job, name)
    assert (source.read_bytes(), source.stat().st_mtime_ns, sorted(source.parent.iterdir())) == before


def test_it_says_what_it_did_in_plain_values(name: str, job: EncodeJob) -> None:
    encoded = encode(job, name)
    assert all(isinstance(value, str | int | float | bool | None) for value in encoded.settings.values())
    assert str(job.workdir) not in str(encoded.settings)
    assert encoded.fates


def test_a_rung_without_a_knob_proves_that_it_is_lossless_and_others_do_not_claim_it(name: str, job: EncodeJob) -> None:
    assert bool(encode(job, name).lossless_proof) == (rung_of(job, name).knob is None)


def test_two_attempts_are_two_files_and_a_smaller_knob_is_not_a_larger_file(name: str, job: EncodeJob) -> None:
    rung = rung_of(job, name)
    if rung.knob is None:
        return
    encoder = ENCODERS[name](job)
    large = encoder.encode(EncodeSpec(rung=rung, knob_value=rung.knob.start))
    small = encoder.encode(EncodeSpec(rung=rung, knob_value=rung.knob.low))
    assert large.path != small.path
    assert large.path.stat().st_size == large.bytes
    assert small.bytes <= large.bytes


def test_it_is_repeatable(name: str, job: EncodeJob, tmp_path: Path) -> None:
    from dataclasses import replace

    again = tmp_path / "again"
    again.mkdir()
    first, second = encode(job, name), encode(replace(job, workdir=again), name)
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_stop_is_heard(name: str, job: EncodeJob) -> None:
    from dataclasses import replace

    def stop(*_: Any) -> None:
        raise Cancelled("stop")

    if name in ("copy", "page", "remux"):
        return  # a copy of a few kilobytes is over before anybody could stop it
    with pytest.raises(Cancelled):
        encode(replace(job, tick=stop), name)

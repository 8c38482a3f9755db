"""Parts and volumes, with the real encoders: split, verified, joined; and what arrives incomplete."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest

from transcoder import errors, join, transcode, verify
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.model import Delivery, Verdict
from transcoder.profile import load

CAP = 60_000


@pytest.fixture(scope="module")
def delivery(samples: Path, tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Delivery:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSCODER_KEYS_DIR", str(keys_folder))
        return transcode(
            samples / "cctv_day.avi", out=tmp_path_factory.mktemp("parts"), cap_bytes=CAP, with_original=True
        )


@pytest.fixture
def folder(delivery: Delivery, tmp_path: Path) -> Path:
    """A copy of the delivery that a test may spoil."""
    target = tmp_path / "arrived"
    shutil.copytree(delivery.files[0].path.parent, target)
    return target


def named(folder: Path, role: str, delivery: Delivery) -> list[Path]:
    return [folder / item.path.name for item in delivery.files if item.role == role]


def times(path: Path) -> list[Fraction]:
    track = probe(path, sha256="").video
    assert track is not None
    return [item.pts * track.time_base for item in read_frames(path, track)]


def test_every_part_is_under_the_cap_and_meets_the_floors(delivery: Delivery) -> None:
    assert delivery.verdict is Verdict.MEETS_FLOOR
    assert delivery.rung == "split"
    parts = delivery.statement["predicate"]["parts"]  # type: ignore[index]
    assert len(parts) == len([item for item in delivery.files if item.role == "part"]) >= 2
    assert all(item.bytes <= CAP for item in delivery.files)
    floors = load("cps-twif-1mb").floors
    assert all(part["p1"][name] >= floors[name] for part in parts for name in part["p1"])
    assert sum(part["frames"] for part in parts) == 100


def test_every_part_plays_from_its_own_zero_and_says_which_one_it_is(delivery: Delivery) -> None:
    parts = named(delivery.files[0].path.parent, "part", delivery)
    for number, path in enumerate(parts, start=1):
        assert times(path)[0] < Fraction(1, 2)
        with av.open(str(path)) as container:
            assert (
                f"Part {number} of {len(parts)} of master sha256 {delivery.source.sha256}"
                in (container.metadata["comment"])
            )


def test_the_certificate_verifies_with_the_master(delivery: Delivery, samples: Path) -> None:
    (result,) = verify(delivery.files[0].path.parent, source=samples / "cctv_day.avi")
    assert result.ok, [step for step in result.steps if step.outcome == "failed"]


@pytest.mark.parametrize("role", ["part", "volume"])
def test_one_file_of_the_set_leads_to_the_certificate(role: str, folder: Path, delivery: Delivery) -> None:
    for path in named(folder, role, delivery):
        (result,) = verify(path)
        assert result.certificate == next(folder.glob("*.certificate.json"))
        assert result.ok
    stranger = folder / "stranger.mp4"
    stranger.write_bytes(b"x")
    with pytest.raises(errors.InputError):
        verify(stranger)


def test_the_joined_file_has_the_masters_frames_at_their_times(folder: Path, samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "joined.mp4"
    result = join(folder, out=out)
    assert (result.kind, result.warnings) == ("video", ())
    master = times(samples / "cctv_day.avi")
    assert times(out) == [moment - master[0] for moment in master]


def test_the_original_is_restored_bit_for_bit_and_by_cat(folder: Path, samples: Path, tmp_path: Path) -> None:
    master = (samples / "cctv_day.avi").read_bytes()
    out = tmp_path / "original.avi"
    assert join(folder, out=out, original=True).kind == "original"
    assert out.read_bytes() == master
    joined = subprocess.run("cat *.vol-*", shell=True, cwd=folder, check=True, capture_output=True).stdout
    assert joined == master


def test_volumes_without_their_certificate_are_restored_and_nothing_is_claimed(
    delivery: Delivery, tmp_path: Path, samples: Path
) -> None:
    lone = tmp_path / "lone"
    lone.mkdir()
    for path in named(delivery.files[0].path.parent, "volume", delivery):
        shutil.copy(path, lone)
    result = join(lone, out=tmp_path / "original.avi")
    assert result.certificate is None
    assert "nothing proves" in result.warnings[0]
    assert (tmp_path / "original.avi").read_bytes() == (samples / "cctv_day.avi").read_bytes()


@pytest.mark.parametrize("role", ["part", "volume"])
@pytest.mark.parametrize("fault", ["missing", "truncated", "flipped", "swapped", "foreign"])
def test_what_lacks_is_named_and_nothing_is_written(
    role: str, fault: str, folder: Path, delivery: Delivery, tmp_path: Path
) -> None:
    files = named(folder, role, delivery)
    spoilt = files[1]
    data = spoilt.read_bytes()
    if fault == "missing":
        spoilt.unlink()
    elif fault == "truncated":
        spoilt.write_bytes(data[:1000])
    elif fault == "flipped":
        spoilt.write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))
    elif fault == "swapped":
        spoilt.write_bytes(files[0].read_bytes())
    else:
        spoilt.write_bytes(hashlib.sha256(data).digest() * (len(data) // 32 + 1))
    out = tmp_path / "out.mp4"
    with pytest.raises(errors.InputError) as caught:
        join(folder, out=out, original=role == "volume")
    assert caught.value.code == "parts-incomplete"
    assert f"{role} 2 of {len(files)} ({spoilt.name})" in str(caught.value)
    assert not out.exists()
    assert not verify(folder)[0].ok


def test_a_part_of_another_delivery_beside_them_is_not_used(folder: Path, delivery: Delivery, tmp_path: Path) -> None:
    part = named(folder, "part", delivery)[0]
    stray = part.with_name(part.name.replace("part-01", "part-07"))
    stray.write_bytes(b"something else")
    result = join(folder, out=tmp_path / "joined.mp4")
    assert any(stray.name in warning for warning in result.warnings)


def test_a_changed_certificate_joins_nothing(folder: Path, tmp_path: Path) -> None:
    certificate = next(folder.glob("*.certificate.json"))
    certificate.write_bytes(certificate.read_bytes().replace(b'"number":2', b'"number":3'))
    with pytest.raises(errors.CertificateError):
        join(folder, out=tmp_path / "joined.mp4")


def test_an_existing_file_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "joined.mp4"
    out.write_bytes(b"mine")
    with pytest.raises(errors.StorageError) as caught:
        join(folder, out=out)
    assert caught.value.code == "output-exists"
    assert out.read_bytes() == b"mine"


def test_fewer_parts_than_needed_is_a_refusal_with_the_number(samples: Path, tmp_path: Path) -> None:
    profile = load("cps-twif-1mb").with_cap(CAP).with_max_parts(1)
    with pytest.raises(errors.NoAcceptableEncoding):
        transcode(samples / "cctv_day.avi", profile=profile, out=tmp_path)


@pytest.mark.corpus
def test_audio_is_shared_out_without_a_gap(corpus: Path, tmp_path: Path) -> None:
    source = corpus / "video" / "flir_thermal_phone.mp4"
    delivery = transcode(source, out=tmp_path / "parts", cap_bytes=150_000)
    assert delivery.rung == "split"
    out = tmp_path / "joined.mp4"
    join(tmp_path / "parts", out=out)
    with av.open(str(out)) as container:
        packets = [item for item in container.demux(container.streams.audio[0]) if item.size]
        ends = [(item.pts or 0) + (item.duration or 0) for item in packets]
        assert ends[:-1] == [item.pts for item in packets[1:]]
        assert not any(frame.is_corrupt for frame in container.decode(container.streams.audio[0]))
    master = probe(source, sha256="").audio[0]
    joined = probe(out, sha256="").audio[0]
    assert abs(float(joined.duration_s - master.duration_s)) < 0.05
    original, copy = times(source), times(out)
    assert len(copy) == len(original)
    first = original[0] - copy[0]
    assert max(abs(a - b - first) for a, b in zip(original, copy, strict=True)) <= Fraction(1, 10000)

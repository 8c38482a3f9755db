"""Stills in pieces, clips and forecasts, with the real encoders."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers import clips
from transcoder import errors, join, plan, transcode, verify
from transcoder.media import stills
from transcoder.media.checksum import checksum
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.model import Verdict
from transcoder.profile import load


def test_a_still_with_starved_regions_goes_as_overview_and_lossless_crops(samples: Path, tmp_path: Path) -> None:
    source = samples / "cctv_still.jpg"
    delivery = transcode(source, out=tmp_path, cap_bytes=60_000)
    assert (delivery.verdict, delivery.rung) == (Verdict.MEETS_FLOOR, "split")
    crops = [item for item in delivery.files if item.role == "crop"]
    assert crops
    assert max(item.bytes for item in delivery.files) <= 60_000
    with Image.open(delivery.file("overview").path) as overview, Image.open(source) as master:
        assert overview.size == master.size
    (result,) = verify(tmp_path, source=source)
    assert result.ok

    spoilt = crops[0].path
    with Image.open(spoilt) as image:
        changed = image.copy()
    changed.putpixel((1, 1), (1, 2, 3))
    changed.save(spoilt)
    assert not verify(tmp_path, source=source)[0].ok


def test_a_crop_over_the_cap_goes_in_several_pieces(samples: Path, tmp_path: Path) -> None:
    marked = tmp_path / "marked.json"
    marked.write_text('{"version": 1, "regions": [{"kind": "plate", "box": [200, 150, 260, 200]}]}')
    source, out = samples / "cctv_still.jpg", tmp_path / "out"
    delivery = transcode(source, out=out, cap_bytes=45_000, regions=marked)
    crops = [item for item in delivery.files if item.role == "crop"]
    assert sum("_d1_tile-" in item.path.name for item in crops) > 1
    assert max(item.bytes for item in delivery.files) <= 45_000
    assert verify(out, source=source)[0].ok


def test_a_still_below_the_frames_floor_goes_as_tiles_that_join_pixel_for_pixel(tmp_path: Path) -> None:
    source = tmp_path / "noise.png"
    bands = [Image.effect_noise((400, 300), 90) for _ in range(3)]
    Image.merge("RGB", bands).save(source)
    out = tmp_path / "out"
    delivery = transcode(source, profile=load("cps-twif-1mb").with_cap(33_000), out=out)
    assert (delivery.verdict, delivery.rung) == (Verdict.LOSSLESS, "split")
    assert len([item for item in delivery.files if item.role == "tile"]) > 1
    assert max(item.bytes for item in delivery.files) <= 33_000
    assert verify(out, source=source)[0].ok
    joined = join(out, out=tmp_path / "joined.png")
    assert joined.kind == "picture"
    assert stills.pixels_equal(stills.load(tmp_path / "joined.png"), stills.load(source))

    gone = next(item for item in delivery.files if item.role == "tile")
    gone.path.unlink()
    with pytest.raises(errors.InputError) as caught:
        join(out, out=tmp_path / "again.png")
    assert gone.path.name in str(caught.value)


def test_more_tiles_than_allowed_is_a_refusal_that_says_how_many(tmp_path: Path) -> None:
    source = tmp_path / "noise.png"
    Image.merge("RGB", [Image.effect_noise((400, 300), 90) for _ in range(3)]).save(source)
    profile = load("cps-twif-1mb").with_cap(33_000).with_max_parts(3)
    with pytest.raises(errors.NoAcceptableEncoding) as caught:
        transcode(source, profile=profile, out=tmp_path / "out")
    refused = caught.value.delivery
    assert refused is not None
    assert any("tiles" in rung for rung, _ in refused.rejected)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("from_s", "to_s"), [(Fraction(2), Fraction(5)), (None, Fraction(3)), (Fraction(6), None)])
def test_a_clip_has_exactly_the_frames_on_display(
    from_s: Fraction | None, to_s: Fraction | None, samples: Path, tmp_path: Path
) -> None:
    source = samples / "cctv_night_vfr.mkv"
    if from_s == 6:
        source = samples / "cctv_day.avi"
    track = probe(source, sha256="").video
    assert track is not None
    moments = [item.pts * track.time_base for item in read_frames(source, track)]
    begin, end = moments[0] + (from_s or 0), moments[0] + to_s if to_s is not None else None
    first = max(number for number, moment in enumerate(moments) if moment <= begin)
    wanted = [moment for moment in moments[first:] if end is None or moment < end]
    delivery = transcode(source, out=tmp_path, from_s=from_s, to_s=to_s, cap_bytes=450_000)
    assert delivery.rung == ("rewrap" if from_s is None else "re-encode")
    edit = delivery.statement["predicate"]["edit"]  # type: ignore[index]
    assert (edit["first_frame"], edit["frames"]) == (first, len(wanted))
    made = probe(delivery.file("media").path, sha256="").video
    assert made is not None
    copies = [item.pts * made.time_base for item in read_frames(delivery.file("media").path, made)]
    assert len(copies) == len(wanted)
    shift = wanted[0] - copies[0]
    assert max(abs(a - b - shift) for a, b in zip(wanted, copies, strict=True)) <= made.time_base
    assert verify(tmp_path, source=source)[0].ok


def test_a_clip_that_holds_nothing_is_an_error_before_any_work(samples: Path, tmp_path: Path) -> None:
    for from_s, to_s in ((Fraction(60), None), (Fraction(3), Fraction(2)), (Fraction(3), Fraction(3))):
        with pytest.raises(errors.UsageError) as caught:
            transcode(samples / "cctv_day.avi", out=tmp_path / "out", from_s=from_s, to_s=to_s)
        assert caught.value.code == "clip-empty"
    with pytest.raises(errors.UsageError) as caught:
        transcode(samples / "cctv_still.jpg", out=tmp_path / "out", from_s=Fraction(1))
    assert caught.value.code == "clip-of-a-still"
    assert not (tmp_path / "out").exists()


def test_a_forecast_says_what_will_be_delivered(samples: Path) -> None:
    whole = plan(samples / "cctv_day.avi", cap_bytes=400_000)
    assert (whole.verdict, whole.rung, whole.parts) == (Verdict.MEETS_FLOOR, "re-encode", 1)
    assert whole.p1["frame"] > 0.9
    several = plan(samples / "cctv_day.avi", cap_bytes=33_000)
    assert several.parts > 1
    copied = plan(samples / "cctv_night_vfr.mkv", cap_bytes=1_000_000)
    assert copied.rung in ("unchanged", "rewrap")
    picture = plan(samples / "cctv_still.jpg", cap_bytes=200_000)
    assert (picture.verdict, picture.parts) == (Verdict.MEETS_FLOOR, 1)


@pytest.mark.parametrize(
    ("from_s", "to_s", "options", "rung"),
    [
        (Fraction(1), Fraction(3), {"bf": "0"}, "rewrap"),
        (Fraction(2), None, {"bf": "2"}, "rewrap"),
        (None, Fraction(2), {"bf": "2"}, "rewrap"),
        (None, Fraction(41, 25), {"bf": "0"}, "rewrap"),
        (Fraction(8, 5), Fraction(3), {"bf": "0"}, "re-encode"),
    ],
)
def test_a_clip_is_copied_where_that_changes_no_sample(
    from_s: Fraction | None, to_s: Fraction | None, options: dict[str, str], rung: str, tmp_path: Path
) -> None:
    keys = {"g": "25", "keyint_min": "25", "x264-params": "scenecut=0:open-gop=0"}
    source = clips.write_clip(tmp_path / "a.mp4", frames=100, audio="aac", options=options | keys)
    out = tmp_path / "out"
    delivery = transcode(source, out=out, from_s=from_s, to_s=to_s, cap_bytes=300_000)
    assert delivery.rung == rung
    before, after = probe(source, sha256="").video, probe(delivery.file("media").path, sha256="").video
    assert before is not None
    assert after is not None
    originals, copies = list(read_frames(source, before)), list(read_frames(delivery.file("media").path, after))
    first = round((from_s or 0) * 25)
    assert len(copies) == (round(to_s * 25) if to_s is not None else 100) - first
    if rung == "rewrap":
        assert delivery.verdict is Verdict.LOSSLESS
        for number, copy in enumerate(copies):
            assert checksum(copy.frame) == checksum(originals[first + number].frame)
    assert verify(out, source=source)[0].ok

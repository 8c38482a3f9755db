"""Splitting and joining with real encoders: whatever comes in, no frame and no audio packet is lost or doubled.

What is joined is read by plain PyAV, not by the product's reader, so that one mistake cannot hide another.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from unittest import mock

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.clips import write_clip
from transcoder import errors, join, profile, transcode
from transcoder.model import Delivery, Verdict

MAX_LEAD_S = Fraction(1, 10)
_SIZES = ((64, 48), (98, 74), (128, 96), (160, 120))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A clip and the rules it is sent under."""

    container: str
    size: tuple[int, int]
    rate: Fraction
    steps: tuple[int, ...]
    """Ticks from each frame to the next, of four ticks a frame."""
    start: int
    audio: str | None
    audio_lead: int
    """Milliseconds by which the tone begins after the picture, or before it where the clock allows."""
    cap: int
    floor: float
    max_parts: int

    @property
    def time_base(self) -> Fraction:
        return 1 / (4 * self.rate)

    @property
    def pts(self) -> list[int]:
        stamps = [self.start]
        for step in self.steps:
            stamps.append(stamps[-1] + step)
        return stamps


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rate = draw(st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction("12.5"), Fraction(15)]))
    count = int(draw(st.integers(2, 6)) * rate) + draw(st.integers(0, 7))
    even = draw(st.booleans())
    step = st.just(4) if even else st.sampled_from([1, 3, 4, 4, 5, 8, 20])
    container = draw(st.sampled_from(["mp4", "mkv", "ts"]))
    audio = draw(st.sampled_from([None, "aac", "mp2" if container == "ts" else "flac"]))
    return Case(
        container=container,
        size=draw(st.sampled_from(_SIZES)),
        rate=rate,
        steps=tuple(draw(st.lists(step, min_size=count - 1, max_size=count - 1))),
        start=draw(st.sampled_from([0, 0, 3, 40, 1000, 100_000])),
        audio=audio,
        audio_lead=draw(st.sampled_from([0, 0, -300, 130, 1500])),
        cap=draw(st.integers(33_000, 80_000)),
        floor=draw(st.sampled_from([0.92, 0.95, 0.97])),
        max_parts=draw(st.sampled_from([4, 60, 200])),
    )


@contextmanager
def without_detectors() -> Iterator[None]:
    """Models say nothing about noise and would take most of the time."""
    with mock.patch.dict("transcoder.regions.detectors.DETECTORS", clear=True):
        yield


def frame_times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sorted(packet.pts * packet.time_base for packet in container.demux(stream) if packet.pts is not None)


def sounds(path: Path) -> list[tuple[bytes, Fraction, Fraction]]:
    """Content, begin and end of each audio packet."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        stream = container.streams.audio[0]
        return [
            (bytes(packet), packet.pts * packet.time_base, (packet.pts + (packet.duration or 0)) * packet.time_base)
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        ]


def gaps(packets: list[tuple[bytes, Fraction, Fraction]]) -> list[Fraction]:
    return [after[1] - before[2] for before, after in itertools.pairwise(packets)]


def delivered(clip: Path, case: Case, out: Path) -> Delivery | None:
    rules = profile.load("cps-twif-1mb")
    floors = {name: case.floor if name == "frame" else 0.0 for name in rules.floors}
    rules = replace(rules, floors=floors).with_cap(case.cap).with_max_parts(case.max_parts)
    with without_detectors():
        try:
            return transcode(clip, profile=rules, out=out)
        except errors.NoAcceptableEncoding:
            return None


def check(case: Case, folder: Path) -> Mapping[str, object]:
    clip = write_clip(
        folder / f"clip.{case.container}", size=case.size, rate=case.rate, pts=case.pts, time_base=case.time_base,
        audio=case.audio, audio_from_s=max(Fraction(0), case.start * case.time_base + Fraction(case.audio_lead, 1000)),
        restless=True, bit_rate=2_000_000,
    )  # fmt: skip
    delivery = delivered(clip, case, folder / "out")
    assert all(path.stat().st_size <= case.cap for path in (folder / "out").iterdir())
    if delivery is None or delivery.rung != "split":
        return {"rung": delivery.rung if delivery else "refuse"}
    assert delivery.verdict is Verdict.MEETS_FLOOR
    parts = [item.path for item in delivery.files if item.role == "part"]
    assert 2 <= len(parts) <= case.max_parts
    joined = join(folder / "out", out=folder / "joined.mp4").path
    master, whole = frame_times(clip), frame_times(joined)
    assert [moment - whole[0] for moment in whole] == [moment - master[0] for moment in master]
    check_sound(case, clip, parts, joined, master[0] - whole[0])
    return {"rung": "split", "parts": len(parts)}


def check_sound(case: Case, clip: Path, parts: list[Path], joined: Path, offset: Fraction) -> None:
    heard = sounds(joined)
    assert [content for content, _, _ in heard] == [content for part in parts for content, _, _ in sounds(part)]
    assert bool(heard) == (case.audio is not None)
    if not heard:
        return
    source = sounds(clip)
    tick = Fraction(1, 1000) if case.container == "mkv" else Fraction(2, 16000)
    allowed = max([Fraction(0), *gaps(source)]) + tick
    assert all(-tick <= gap <= allowed for gap in gaps(heard)), gaps(heard)
    # An encoder's first packet holds what it needs to get going, and comes before the tone.
    assert abs(heard[0][1] + offset - source[0][1]) <= MAX_LEAD_S
    assert abs(heard[-1][2] + offset - source[-1][2]) <= MAX_LEAD_S


SPLIT = {
    "even times far from zero": Case(
        container="mp4", size=(98, 74), rate=Fraction(25), steps=(4,) * 60, start=1000, audio="aac", audio_lead=0,
        cap=36_000, floor=0.95, max_parts=60,
    ),
    "uneven times, another audio codec": Case(
        container="mkv", size=(128, 96), rate=Fraction("12.5"), steps=(1, 3, 4, 8, 20) * 9, start=40, audio="flac",
        audio_lead=130, cap=45_000, floor=0.95, max_parts=60,
    ),
    "a stream that claims four times its rate, sound before the picture": Case(
        container="ts", size=(128, 96), rate=Fraction(30000, 1001), steps=(4,) * 45, start=1000, audio="mp2",
        audio_lead=-300, cap=60_000, floor=0.95, max_parts=60,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPLIT)
def test_clips_that_are_split_for_certain(name: str, tmp_path: Path) -> None:
    assert check(SPLIT[name], tmp_path)["rung"] == "split"


@settings(max_examples=10)
@given(case=cases())
def test_every_frame_and_every_sound_is_there_once_or_the_clip_is_refused(case: Case) -> None:
    with tempfile.TemporaryDirectory() as name:
        check(case, Path(name))

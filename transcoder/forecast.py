"""The forecast: what a delivery would be and how long it would take, from a few short samples of the source.

Nothing is promised: ``benchmarks/study_forecast.py`` measures how far forecasts lie from what was delivered.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from PIL import Image

from transcoder import search
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import Plan, plan_ladder
from transcoder.encode.still_rungs import PAGES
from transcoder.encode.video_rungs import FIRST_AIM
from transcoder.errors import TranscodeError
from transcoder.media import stills
from transcoder.media.containers import open_input, packets
from transcoder.media.index import window
from transcoder.media.probe import probe
from transcoder.model import Rung, RungName, SourceInfo, Verdict
from transcoder.outlook import Forecast
from transcoder.profile import Profile
from transcoder.search.splitting import EXPONENT, RATIO_AIM
from transcoder.studio import Studio

Tick = Callable[[str, int, int | None], None]
_WINDOWS, _SHARE, _LONGEST_S, _SHORTEST_S = 3, 0.08, Fraction(8), Fraction(1)
_DETECTORS = ("faces",)
"""Loading what reads text takes longer than a sample; overlays are easy to keep."""
_BITS_PER_PIXEL = 0.02
_KEY_FRAMES = 600
"""Frames between two key frames in a whole delivery; a sample has one at its start, which weighs more there."""
_REWRAP_BYTES_PER_FRAME = 24
_WORK, _WORK_IN_PARTS, _WORK_IN_PARTS_ONLY = 1.9, 3.4, 2.1
"""How many times what one encoding and measuring of every frame takes a delivery takes: with detection and a
correction; with the attempt at one file before the parts; without it."""
_FIXED_S = 3.0
_PART_BYTES = 2000
"""A part's index and tags."""
_PAGE_EFFORT = 12.0
"""How much longer a page takes than writing it with the fastest compression."""
_MONTAGE = 3
"""Crops a side of the montage that stands for a picture."""


def forecast(source: SourceInfo, profile: Profile, workdir: Path, tick: Tick) -> Forecast:
    """Predict a delivery from the ladder and, where samples change, from short runs of frames.

    :param workdir: an empty folder for the samples.
    :raises TranscodeError: where the samples cannot be decoded or encoded.
    """
    started, cap = time.monotonic(), profile.payload_cap_bytes
    plan = plan_ladder(source, profile, cap)
    gentle = _gentle(source, plan, cap)
    if gentle is not None:
        rung, size, verdict = gentle
        seconds = 1.0 + source.bytes / 200e6
        return Forecast(verdict=verdict, rung=rung, parts=1, bytes=size, seconds=seconds,
                        taken_s=time.monotonic() - started)  # fmt: skip
    job = EncodeJob(source=source, profile=profile, cap_bytes=cap, workdir=workdir, tick=tick)
    if plan.parts is not None and plan.parts.encoder == PAGES:
        made = _of_pages(job)
    else:
        made = _of_a_still(job) if source.still is not None else _of_a_video(job, plan)
    return replace(made, taken_s=time.monotonic() - started)


def _gentle(source: SourceInfo, plan: Plan, cap: int) -> tuple[str, int, Verdict] | None:
    """A rung that changes no sample and whose size is known beforehand."""
    for rung in plan.gentle:
        if rung.name is RungName.UNCHANGED:
            return str(rung.name), source.bytes, Verdict.IDENTICAL
        if rung.name is RungName.REWRAP and source.video is not None:
            payload = source.video.payload_bytes + sum(track.payload_bytes for track in source.audio)
            size = payload + _REWRAP_BYTES_PER_FRAME * source.video.frames
            if size <= cap:
                return str(rung.name), size, Verdict.LOSSLESS
    return None


# Videos


@dataclass(frozen=True, slots=True)
class _Sampled:
    """One short run of frames, encoded once: what its quality would take for the whole, and how long all took."""

    key_bytes: float
    """Of one key frame."""
    rest_bytes: float
    """Of all other frames of the whole."""
    whole_bytes: float
    """Of the whole in one file."""
    errors: Mapping[str, float]
    """1 - (worst 1 %) by class."""
    ratio: float
    frame_s: float
    """Encoding and measuring one frame."""


def _of_a_video(job: EncodeJob, plan: Plan) -> Forecast:
    source, profile, cap = job.source, job.profile, job.cap_bytes
    track = source.video
    assert track is not None
    rung = next(iter(plan.whole), plan.parts)
    if rung is None:
        return Forecast(verdict=Verdict.REFUSED, rung="refuse", parts=0, bytes=0, seconds=1.0, taken_s=0.0,
                        notes=tuple(reason for _, reason in plan.skipped))  # fmt: skip
    length_s = min(_LONGEST_S, max(_SHORTEST_S, track.duration_s * Fraction(_SHARE) / _WINDOWS))
    count = _WINDOWS if track.timing == "container" and track.duration_s > 2 * _WINDOWS * length_s else 1
    samples = []
    for number in range(count):
        at_s = track.start_s + max(Fraction(0), track.duration_s * (2 * number + 1) / (2 * count) - length_s / 2)
        samples.append(_sample(job, rung, at_s if count > 1 else track.start_s, length_s, number))
        job.tick("sample", number + 1, count)
    audio = min(sum(a.payload_bytes for a in source.audio), profile.audio.max_share * cap)
    at_quality = sum(sample.whole_bytes for sample in samples) / count
    needed = sum(s.whole_bytes * (s.ratio / RATIO_AIM) ** (1 / EXPONENT) for s in samples) / count + audio
    single = bool(plan.whole) and needed * RATIO_AIM ** (1 / EXPONENT) <= cap
    parts = 1 if single else max(2, _parts(samples, cap, audio, track.frames))
    room = cap * FIRST_AIM * parts - audio
    scale = (at_quality / max(room, 1.0)) ** EXPONENT
    p1 = {name: 1 - min(1.0, max(sample.errors.get(name, 0.0) for sample in samples) * scale)
          for name in dict.fromkeys(name for sample in samples for name in sample.errors)}  # fmt: skip
    possible = single or (plan.parts is not None and parts <= profile.max_parts)
    work = _WORK if single else _WORK_IN_PARTS if plan.whole else _WORK_IN_PARTS_ONLY
    # The first sample also loads libraries, and whatever else this machine does makes single ones slow.
    seconds = track.frames * work * min(sample.frame_s for sample in samples)
    notes = () if possible else (f"about {parts} parts would be needed, and the profile allows {profile.max_parts}",)
    return Forecast(
        verdict=Verdict.MEETS_FLOOR if possible else Verdict.REFUSED,
        rung=str(RungName.RE_ENCODE if single else RungName.SPLIT if possible else RungName.REFUSE),
        parts=parts,
        bytes=int(room + audio) if possible else 0,
        p1=p1,
        seconds=seconds + _FIXED_S,
        taken_s=0.0,
        notes=notes,
    )


def _parts(samples: Sequence[_Sampled], cap: int, audio: float, frames: int) -> int:
    """Every part begins with a key frame of its own, which is much of a small cap."""
    growth = [(sample.ratio / RATIO_AIM) ** (1 / EXPONENT) for sample in samples]
    rest = sum(s.rest_bytes * g for s, g in zip(samples, growth, strict=True)) / len(samples) + audio
    key = sum(s.key_bytes * g for s, g in zip(samples, growth, strict=True)) / len(samples)
    room = cap * FIRST_AIM - _PART_BYTES - key
    return min(frames, math.ceil(rest / room)) if room > 0 else frames


def _sample(job: EncodeJob, rung: Rung, at_s: Fraction, length_s: Fraction, number: int) -> _Sampled:
    whole = job.source.video
    assert whole is not None
    source = window(job.source, at_s, length_s)
    track = source.video
    assert track is not None
    folder = job.workdir / f"sample-{number}"
    folder.mkdir()
    studio = Studio(replace(job, source=replace(source, audio=()), workdir=folder, tick=lambda *_: None))
    studio.look_for_regions((), wanted=_DETECTORS)
    started = time.monotonic()
    target = max(4000.0, track.frames * track.width * track.height * _BITS_PER_PIXEL / 8)
    assert rung.knob is not None
    tuned = replace(rung, knob=replace(rung.knob, start=target, low=1000.0, high=target * 2))
    choice = search.choose([tuned], int(target * 4), job.profile.floors, studio, max_encodes=1)
    taken_s = time.monotonic() - started
    best = choice.best
    if best is None or best[0].fidelity is None:
        raise TranscodeError("a sample of it cannot be encoded", where=job.source.name, code="forecast-failed")
    fidelity, encoded = best[0].fidelity, best[1]
    first, rest = _packet_bytes(encoded.path)
    frames = track.frames
    rest_bytes = rest / max(1, frames - 1) * whole.frames
    whole_bytes = first * math.ceil(whole.frames / _KEY_FRAMES) + rest_bytes
    errors = {name: 1 - p1 for name, p1 in fidelity.worst.items()}
    ratio = max(search.errors_of(fidelity, job.profile.floors).values(), default=1.0)
    return _Sampled(first, rest_bytes, whole_bytes, errors, ratio, taken_s / frames)


def _packet_bytes(path: Path) -> tuple[int, int]:
    """Bytes of the first video packet and of all others."""
    with open_input(path) as container:
        sizes = [packet.size for packet in packets(container, container.streams.video[0]) if packet.size]
    return sizes[0], sum(sizes[1:])


# Pictures


def _of_pages(job: EncodeJob) -> Forecast:
    """Each page is a file of its own; how large one is, the first tells."""
    still, allowed = job.source.still, job.profile.max_parts
    assert still is not None
    if still.pages > allowed:
        note = f"the file holds {still.pages} pages or frames, and {allowed} files are allowed"
        return Forecast(
            verdict=Verdict.REFUSED, rung="refuse", parts=0, bytes=0, seconds=1.0, taken_s=0.0, notes=(note,)
        )
    started, out = time.monotonic(), io.BytesIO()
    picture, _ = stills.as_rgb(stills.load(job.source.path), alpha=True)
    picture.save(out, "PNG", compress_level=1)
    size, taken = len(out.getvalue()), time.monotonic() - started
    return Forecast(
        verdict=Verdict.LOSSLESS if size <= job.cap_bytes else Verdict.MEETS_FLOOR,
        rung=str(RungName.SPLIT),
        parts=still.pages,
        bytes=still.pages * min(size, job.cap_bytes),
        seconds=1.0 + _PAGE_EFFORT * taken * still.pages,
        taken_s=0.0,
        notes=("each page or frame is a file of its own; judged by the first",),
    )


def _of_a_still(job: EncodeJob) -> Forecast:
    """Crops from all over the picture, side by side, go down the same ladder under a cap as much smaller."""
    image, _ = stills.as_rgb(stills.load(job.source.path))
    montage, share = _montage(image)
    path = job.workdir / "sample.png"
    montage.save(path, compress_level=1)
    started = time.monotonic()
    source = probe(path, sha256=job.source.sha256)
    small = replace(job, source=source, cap_bytes=max(2000, int(job.cap_bytes * share)))
    studio = Studio(small)
    studio.look_for_regions(())
    plan = plan_ladder(job.source, job.profile, job.cap_bytes, studio.regions.kinds())
    choice = search.choose(plan.whole, small.cap_bytes, job.profile.floors, studio)
    taken = time.monotonic() - started
    attempt = choice.best[0] if choice.best is not None else None
    if attempt is None or attempt.fidelity is None:
        return Forecast(verdict=Verdict.REFUSED, rung="refuse", parts=0, bytes=0, seconds=taken / share, taken_s=0.0)
    verdict = Verdict.MEETS_FLOOR if choice.winner is not None else Verdict.REFUSED
    return Forecast(
        verdict=verdict,
        rung=str(attempt.spec.rung.name) if choice.winner is not None else "refuse",
        parts=1,
        bytes=min(job.cap_bytes, int((attempt.bytes or 0) / share)),
        p1=attempt.fidelity.worst,
        seconds=1.0 + taken / share,
        taken_s=0.0,
    )


def _montage(image: Image.Image) -> tuple[Image.Image, float]:
    """A ninth of the width and height from each of nine places, and its share of the picture's area."""
    width, height = (max(1, min(side, max(64, side // _MONTAGE**2))) for side in image.size)
    sheet = Image.new(image.mode, (width * _MONTAGE, height * _MONTAGE))
    for row in range(_MONTAGE):
        for column in range(_MONTAGE):
            left = (image.width - width) * column // (_MONTAGE - 1)
            top = (image.height - height) * row // (_MONTAGE - 1)
            sheet.paste(image.crop((left, top, left + width, top + height)), (width * column, height * row))
    return sheet, sheet.width * sheet.height / (image.width * image.height)

"""Parts: a video that one file cannot hold goes as several, each under the cap and above the floors.

``search.splitting`` decides where to cut; here each part is a small job of its own: a span of the source, its
share of the audio, one rung, filled to the cap and measured on every frame.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from threading import Lock, Semaphore
from typing import Any

import numpy as np

from transcoder import search
from transcoder.encode import audio
from transcoder.encode.base import Sound, Tick
from transcoder.encode.ladder import plan_ladder
from transcoder.encode.statistics import FrameCost
from transcoder.encode.video_rungs import FIRST_AIM
from transcoder.errors import EncodeError
from transcoder.media import joining
from transcoder.media.index import cut, end_of
from transcoder.metrics.measure import Joined, Measurement
from transcoder.model import (
    Attempt,
    Choice,
    EncodeSpec,
    Part,
    RegionKind,
    Rung,
    RungName,
    SourceInfo,
    VideoTrack,
)
from transcoder.parts.chunks import ALONE, KIT, Shares, State, name_of
from transcoder.parts.kit import Kit, Nearest
from transcoder.parts.labels import describe_part, whole_of
from transcoder.parts.progress import Progress
from transcoder.search.splitting import WORKERS, Footage, Split, needed_growth, split
from transcoder.studio import Studio
from transcoder.vision import memory

LABEL_BYTES = 320
"""Kept free in every part for the tags that say which part of which master it is; they take 175."""
SHORTEST_S = Fraction(1, 2)
"""Nobody follows what happens in parts shorter than this."""
_LOOK_AGAIN_S = 0.5
_SAMPLES, _SAMPLE_S = 3, Fraction(8)
_SAMPLE_BITS_PER_PIXEL = 0.03
_KEY_MOMENT_S = Fraction(2, 5)
_UNREST = dict.fromkeys(RegionKind, 1.0) | {RegionKind.TEXT: 0.0, RegionKind.MOTION: 0.3}
"""How much a cut disturbs who follows something of this kind; text mostly stands still."""
_KEY_UNREST, _SCENE_CUT = 10.0, -100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSet:
    """All parts, made, labelled and measured."""

    choice: Choice
    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """One part, or the attempt at it."""

    choice: Choice
    ratio: float
    key_share: float = 0.0
    measurement: Measurement | None = None
    """Of a part that meets its floors, until it has been taken in: it holds pictures."""

    @property
    def ok(self) -> bool:
        return self.choice.winner is not None


def split_video(
    studio: Studio, rung: Rung, nearest: Nearest | None, attempts: Sequence[Attempt] = (), shares: Shares = ALONE,
    kit: Kit | None = None,
) -> PartSet | Attempt:  # fmt: skip
    """Make the parts, or say why there are none.

    :param studio: of the whole, with its regions and index.
    :param rung: the lossy rung that all parts use.
    :param nearest: the best attempt at one file for all, from which the number of parts is first guessed.
    :param attempts: what was tried before, for whoever takes this up again.
    :param shares: what is kept of it, and who helps.
    :param kit: what an earlier process found, where this one takes it up.
    :returns: the parts, or the failed attempt with its reason.
    :raises EncodeError: where a part cannot be encoded at all.
    """
    return _Partition(studio, rung, nearest, shares).run(attempts, kit)


def make_one(kit: Kit, frames: range, source: Path, workdir: Path, tick: Tick) -> object:
    """Make one part for another process; what ``parts.chunks.write`` keeps of it.

    :param kit: of the whole.
    :param source: the same file, on this host.
    """
    studio = Studio(kit.job(workdir, source, tick))
    studio.take_up(kit.regions, kit.index, kit.costs)
    return _Partition(studio, kit.rung, None, ALONE).one(frames, kit.sound_in(workdir, source))


class _Partition:
    def __init__(self, studio: Studio, rung: Rung, nearest: Nearest | None, shares: Shares) -> None:
        self._studio, self._job, self._index = studio, studio.job, studio.index
        track = self._job.source.video
        assert track is not None
        self._track: VideoTrack = track
        self._rung, self._nearest, self._shares = rung, nearest, shares
        self._cap = self._job.cap_bytes - LABEL_BYTES
        self._sound = Sound(None)
        self._joined, self._lock = Joined(), Lock()
        self._slots = Semaphore(WORKERS)  # of what is made here; threads beyond them wait for other workers
        self._first_pass = Lock()  # parts made side by side take turns: one looks ahead while the other encodes
        self._progress = Progress(self._job.tick, track.frames)
        self._encodes = 0

    def run(self, attempts: Sequence[Attempt], kit: Kit | None) -> PartSet | Attempt:
        most = self._job.profile.max_parts
        memory.let_go()
        footage = self._footage
        if kit is not None:
            allowance, self._sound = kit.allowance, kit.sound_in(self._job.workdir, self._job.source.path)
        else:
            allowance = self._allowance()
            self._sound = self._prepare_sound(min(most, math.ceil(sum(self._costs) / allowance)))
            self._shares.keep(KIT, self._kit(allowance, attempts))
        result = split(
            footage, self._make, allowance=allowance, max_parts=most, known=self._shares.known(),
            workers=WORKERS * (1 + self._shares.helpers),
        )  # fmt: skip
        rung = replace(self._rung, name=RungName.SPLIT, knob=None)
        if not result.ok:
            return Attempt(
                spec=EncodeSpec(rung=rung), bytes=None, fidelity=None, encodes=self._encodes,
                rejected_for=self._why_not(result, most), missed=_missed(result),
                needs_parts=result.estimate if result.failed is None else None,
            )  # fmt: skip
        parts = self._label(result.parts)
        measured = self._joined.result()
        encoded = whole_of(parts)
        winner = Attempt(
            spec=EncodeSpec(rung=rung),
            bytes=encoded.bytes,
            fidelity=measured.fidelity,
            rejected_for="",
            encodes=self._encodes,
        )
        return PartSet(
            choice=Choice(winner=winner, encoded=encoded, attempts=(winner,), parts=parts), measurement=measured
        )

    def one(self, frames: range, sound: Sound) -> object:
        self._sound = sound
        made = self._attempt(frames, None, measure_only=False)
        if made.measurement is not None:
            self._joined.add(frames.start, made.measurement)
        return _packed(made)

    def _kit(self, allowance: float, attempts: Sequence[Attempt]) -> Kit:
        feed = self._sound.feed
        encoded = feed is not None and feed.path != self._job.source.path
        return Kit(
            source=self._job.source, profile=self._job.profile, cap_bytes=self._job.cap_bytes,
            regions=self._job.regions, index=self._index, costs=tuple(self._frame_costs), attempts=tuple(attempts),
            rung=self._rung, allowance=allowance, sound=self._sound,
            audio=feed.path.read_bytes() if feed is not None and encoded else None,
        )  # fmt: skip

    def _why_not(self, result: Split[_Made], most: int) -> str:
        if result.failed is not None:
            frames, made = result.failed
            missed = made.choice.nearest[0].missed if made.choice.nearest else {}
            reason = search.describe_missed(missed) or made.choice.attempts[-1].rejected_for
            return f"even {len(frames)} frames from {float(self._seconds(frames.start)):.3f} s on: {reason}"
        return f"about {result.estimate} parts would be needed, and the profile allows {most}"

    # What the splitting asks for

    @cached_property
    def _frame_costs(self) -> Sequence[FrameCost]:
        """What the first pass found of each frame; empty where there was none."""
        costs = self._studio.frame_costs()
        return costs if len(costs) == len(self._index.moments) else ()

    @cached_property
    def _costs(self) -> Sequence[float]:
        """What each frame takes; all alike where nothing is known."""
        return [cost.bits for cost in self._frame_costs] or [1.0] * len(self._index.moments)

    @cached_property
    def _footage(self) -> Footage:
        moments = np.frombuffer(self._index.moments, dtype=np.int64)
        unrest = np.zeros(len(moments))
        ticks = float(_KEY_MOMENT_S / self._track.time_base)
        for region in self._studio.regions.regions:
            first, last = region.sightings[0].pts, region.sightings[-1].pts
            unrest[(moments > first) & (moments <= last)] += _UNREST[region.kind]
            unrest[np.abs(moments - region.key.pts) <= ticks] += _KEY_UNREST * _UNREST[region.kind]
        unrest[[number for number, cost in enumerate(self._frame_costs) if cost.key and number]] = _SCENE_CUT
        # Counted, not as declared: a transport stream of 30 frames a second may claim 120.
        rate = len(moments) / max(self._track.duration_s, SHORTEST_S)
        return Footage(self._costs, unrest.tolist(), max(1, math.ceil(SHORTEST_S * rate)))

    def _allowance(self) -> float:
        """How much cost a part holds, from the attempt at one file or from samples."""
        nearest = self._nearest
        if nearest is not None and nearest.attempt.fidelity is not None and nearest.attempt.bytes:
            errors = search.errors_of(nearest.attempt.fidelity, self._job.profile.floors)
            needed = nearest.attempt.bytes * needed_growth(max(errors.values(), default=1.0))
            return self._held(sum(self._costs), needed, nearest.key_share)
        return self._sampled()

    def _held(self, cost: float, needed: float, key_share: float) -> float:
        """How much cost a part holds, where ``cost`` takes ``needed`` bytes, a share of them for its one key frame."""
        key = min(0.9 * self._cap, needed * key_share)
        return cost * (self._cap - key) / max(1.0, needed - key)

    def _sampled(self) -> float:
        """Short runs of frames, encoded once each, say what the floors take."""
        track, count = self._track, len(self._index.moments)
        rate = float(count / max(track.duration_s, Fraction(1, 100)))
        length = max(1, min(count // _SAMPLES, int(float(_SAMPLE_S) * rate)))
        guess = track.width * track.height * _SAMPLE_BITS_PER_PIXEL / 8
        holds = []
        for number in range(_SAMPLES):
            first = (2 * number + 1) * count // (2 * _SAMPLES) - length // 2
            frames = range(max(0, first), max(0, first) + length)
            made = self._attempt(frames, min(float(self._cap), guess * length), measure_only=True)
            if made.choice.best is None or made.ratio <= 0:
                continue
            _, encoded = made.choice.best
            needed = encoded.bytes * needed_growth(made.ratio)
            holds.append(self._held(sum(self._costs[frames.start : frames.stop]), needed, made.key_share))
        if not holds:
            return sum(self._costs) / max(2, self._job.profile.max_parts)
        return math.prod(holds) ** (1 / len(holds))

    def _make(self, frames: range) -> _Made:
        """One part: made here, or taken from whoever made it."""
        name, made = name_of(frames), None
        while made is None:
            state = self._shares.offer(name)
            if state is State.DONE:
                made = self._unpacked(frames, self._shares.load(name)) or self._made_here(frames, name)
            elif state is State.OPEN and self._slots.acquire(timeout=_LOOK_AGAIN_S):
                try:
                    made = self._made_here(frames, name) if self._shares.claim(name) else None
                finally:
                    self._slots.release()
            else:
                time.sleep(_LOOK_AGAIN_S)
        with self._lock:
            self._encodes += sum(attempt.encodes for attempt in made.choice.attempts)
        return made

    def _made_here(self, frames: range, name: str) -> _Made:
        made = self._taken_in(frames, self._attempt(frames, None, measure_only=False))
        if self._shares.kept:
            self._shares.keep(name, _packed(made))
        return replace(made, measurement=None)

    def _taken_in(self, frames: range, made: _Made) -> _Made:
        if made.measurement is not None:
            with self._lock:
                self._joined.add(self._index.first + frames.start, made.measurement)
        return made

    def _unpacked(self, frames: range, kept: Any) -> _Made | None:
        """What ``_packed`` gave, with its file in this process's folder; None where it cannot be used."""
        if kept is None:
            return None
        made, data = kept
        assert isinstance(made, _Made)
        encoded, first = made.choice.encoded, self._index.first + frames.start
        self._progress.of(first, len(frames))("measure", 1, 1)
        if encoded is None:
            return made
        folder = self._job.workdir / f"part-{first}-{len(frames)}"
        folder.mkdir(exist_ok=True)
        path = folder / encoded.path.name
        path.write_bytes(data)
        here = replace(made, choice=replace(made.choice, encoded=replace(encoded, path=path)))
        return replace(self._taken_in(frames, here), measurement=None)

    def _attempt(self, frames: range, target_bytes: float | None, *, measure_only: bool) -> _Made:
        """Encode and measure a run of frames, filled to the cap or made once with about ``target_bytes``."""
        profile, first = self._job.profile, self._index.first + frames.start
        source = cut(self._job.source, self._index, first, self._index.first + frames.stop)
        folder = self._job.workdir / f"part-{first}-{len(frames)}{'-sample' if measure_only else ''}"
        folder.mkdir(exist_ok=True)
        cap = int(target_bytes) if target_bytes is not None else self._cap
        job = replace(
            self._job, source=source, cap_bytes=self._cap, workdir=folder, tick=self._progress.of(first, len(frames)),
            sound=self._sound_of(source, frames), first_pass=self._first_pass,
        )  # fmt: skip
        part = Studio(job)
        rung = self._rung_for(source, cap)
        choice = search.choose([rung], self._cap, profile.floors, part,
                               max_encodes=1 if measure_only else None)  # fmt: skip
        ratio = key_share = 0.0
        if choice.best is not None:
            tried, encoded = choice.best
            key_share = joining.first_packet_bytes(encoded.path) / encoded.bytes
            if tried.fidelity is not None:
                ratio = max(search.errors_of(tried.fidelity, profile.floors).values(), default=0.0)
        if choice.winner is None or measure_only:
            shutil.rmtree(folder, ignore_errors=True)
        memory.trim()
        measured = part.measurement(choice) if choice.winner is not None and not measure_only else None
        return _Made(choice=choice, ratio=ratio, key_share=key_share, measurement=measured)

    def _rung_for(self, source: SourceInfo, cap: int) -> Rung:
        """The same rung for a part: its index is smaller, its weights are the same."""
        rung = plan_ladder(source, self._job.profile, cap, self._studio.regions.kinds()).parts
        if rung is None or rung.knob is None:
            raise EncodeError("a part of this length cannot be encoded", where=source.path.name)
        return replace(rung, knob=replace(rung.knob, start=cap * FIRST_AIM, high=self._cap * 1.05))

    # Audio

    def _prepare_sound(self, parts: int) -> Sound:
        """Audio is encoded once for the whole, so that parts meet without a click, and shared out by packets.

        :param parts: about so many: its share is counted on what all of them may take.
        """
        folder = self._job.workdir / "audio"
        folder.mkdir(exist_ok=True)
        job = replace(self._job, workdir=folder, cap_bytes=self._job.cap_bytes * max(1, parts))
        return audio.prepare(job, str(self._rung.settings["container"]))

    def _sound_of(self, source: SourceInfo, frames: range) -> Sound:
        track = source.video
        assert track is not None
        whole = len(self._index.moments)
        clipped = self._job.source.clip is not None
        from_s = track.start_s if frames.start or clipped else None
        until_s = track.start_s + track.duration_s if frames.stop < whole or clipped else None
        return audio.within(self._sound, from_s, until_s)

    # Putting the set together

    def _label(self, made: Sequence[tuple[range, _Made]]) -> tuple[Part, ...]:
        """Number the parts, and write into each which one it is."""
        parts = []
        for number, (frames, item) in enumerate(made, start=1):
            encoded, attempt = item.choice.encoded, item.choice.winner
            assert encoded is not None
            assert attempt is not None
            start, end = self._seconds(frames.start), self._seconds(frames.stop)
            text = describe_part(number, len(made), self._job.source.sha256, start, end)
            target = self._job.workdir / f"part-{number:03d}{encoded.path.suffix}"
            joining.copy_packets([joining.Piece(encoded.path)], target, encoded.path.suffix[1:], {"comment": text})
            size = target.stat().st_size
            if size > self._job.cap_bytes:
                raise EncodeError(f"the tags of part {number} take it over the cap", where=self._job.source.path.name)
            shutil.rmtree(encoded.path.parent, ignore_errors=True)
            parts.append(
                Part(number=number, first=self._index.first + frames.start, start_s=start, end_s=end,
                     encoded=replace(encoded, path=target, bytes=size), attempt=replace(attempt, bytes=size))
            )  # fmt: skip
        joining.check_alike([part.encoded.path for part in parts])
        return tuple(parts)

    def _seconds(self, frame: int) -> Fraction:
        if frame < len(self._index.moments):
            return self._index.moments[frame] * self._track.time_base
        return end_of(self._track, self._index, self._index.end)


def _packed(made: _Made) -> object:
    """A part with its measurement and its file, for another process; its frames do not cross."""
    return made, made.choice.encoded.path.read_bytes() if made.choice.encoded is not None else None


def _missed(result: Split[_Made]) -> dict[str, tuple[float, float]]:
    nearest = result.failed[1].choice.nearest if result.failed is not None else None
    return dict(nearest[0].missed) if nearest is not None else {}


__all__ = ["LABEL_BYTES", "Kit", "Nearest", "PartSet", "describe_part", "make_one", "split_video"]

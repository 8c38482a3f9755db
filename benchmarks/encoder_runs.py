"""One candidate's file of a given size: the product's own reader, writer and regions, or stock ffmpeg."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.codec.context

from benchmarks import stock_ffmpeg
from benchmarks.block_regions import Windows, block_windows
from transcoder.encode import roi
from transcoder.encode.av1 import calm_threads
from transcoder.encode.prepared import with_durations
from transcoder.media import frames
from transcoder.media.index import FrameIndex
from transcoder.media.reader import nominal_step, read_frames
from transcoder.media.writer import VideoWriter, timing_offset
from transcoder.model import Box, Region, RegionKind, SourceInfo
from transcoder.regions.base import Found, Picture
from transcoder.regions.scout import Sampler, Scout

THREADS = 4
CLOSE_ENOUGH = 0.007
SECOND_PASSES = 4
ENCODERS = {"x264": "libx264", "x265": "libx265", "svtav1": "libsvtav1", "vp9": "libvpx-vp9"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Named settings of one encoder."""

    name: str
    codec: str
    """``stock`` for the reference, else one of ``ENCODERS``."""
    preset: str = "medium"
    params: str = ""
    """The encoder's own parameters, ``key=value`` with colons between."""
    motion: float = 0.0
    """Quantiser offset of what moves; 0 leaves regions out."""
    background: float = 0.0
    """Quantiser offset of the rest."""
    pixel_format: str = "yuv420p"
    quality: bool = False
    """The size is met by constant quality (``crf``) instead of a rate."""
    regions: str = "product"
    """``product``: its regions of motion as it gives them to encoders; ``blocks``: the tightest there are."""
    window_ms: int = 333
    """How long a set of the tightest rectangles is held still."""
    pad_px: int = 3
    """See ``block_regions``."""
    strict: int = 36
    """See ``block_regions``."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a candidate made; the time is that of one run: the passes it needs, once."""

    path: Path
    wall_s: float
    cpu_s: float
    attempts: int


class _Clock:
    """Wall and processor time since the start, of this process and the children it waited for."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), self._used()

    @staticmethod
    def _used() -> float:
        spent = os.times()
        return spent.user + spent.system + spent.children_user + spent.children_system

    def read(self) -> tuple[float, float]:
        """Both in seconds."""
        return time.perf_counter() - self._wall, self._used() - self._cpu


def make(source: SourceInfo, candidate: Candidate, target_bytes: int, folder: Path) -> Tried:
    """A file of ``target_bytes``, within 0.7 % where a few attempts allow.

    :raises RuntimeError: where the encoder fails.
    """
    if candidate.codec == "stock":
        return _stock(source, target_bytes, folder)
    run = _Run(source, candidate, folder)
    if candidate.quality:
        return _by_quality(run, target_bytes)
    track = run.track
    wanted = target_bytes - 1500 - 12 * track.frames
    rate = wanted * 8 / float(track.duration_s)
    two_pass = candidate.codec != "svtav1"
    clock = _Clock()
    if two_pass:
        run.encode(1, rate)
    return _closest(lambda _, rate: run.encode(2 if two_pass else 0, rate), rate, target_bytes, clock)


def _gap(path: Path, target_bytes: int) -> float:
    return abs(path.stat().st_size / target_bytes - 1)


def _by_quality(run: _Run, target_bytes: int) -> Tried:
    """A bisection over quarter steps of the quality."""
    low, high = 4, 252
    best: tuple[float, Path] | None = None
    spent, attempts = (0.0, 0.0), 0
    guess = 160
    while low <= high:
        clock = _Clock()
        path = run.encode(0, None, quality=guess / 4)
        if not attempts:
            spent = clock.read()
        attempts += 1
        ratio = path.stat().st_size / target_bytes
        if best is None or abs(ratio - 1) < best[0]:
            best = abs(ratio - 1), path
        if abs(ratio - 1) <= CLOSE_ENOUGH:
            break
        if ratio > 1:
            low = guess + 1
        else:
            high = guess - 1
        # Twelve whole steps halve the size, roughly.
        step = round(48 * (ratio - 1) / max(1.0, ratio)) or (1 if ratio > 1 else -1)
        guess = max(low, min(high, guess + step)) if low <= high else guess
    assert best is not None
    return Tried(best[1], *spent, attempts)


def _stock(source: SourceInfo, target_bytes: int, folder: Path) -> Tried:
    assert source.video is not None
    rate = (target_bytes - 1500 - 12 * source.video.frames) * 8 / float(source.video.duration_s)

    def make(attempt: int, rate: float) -> Path:
        path = folder / f"stock-{attempt}.mp4"
        commands = stock_ffmpeg.two_pass_commands(
            source.path, path, video_bps=int(rate), preset="medium", audio=stock_ffmpeg.AudioPlan(),
            extra={"fps_mode": "passthrough"},
        )  # fmt: skip
        stock_ffmpeg.run(commands)
        return path

    return _closest(make, rate, target_bytes, _Clock())


def _closest(make: Callable[[int, float], Path], rate: float, target_bytes: int, clock: _Clock) -> Tried:
    """Encode with corrected rates until a file is close enough; the clock is read after the first attempt."""
    best: Path | None = None
    spent = (0.0, 0.0)
    for attempt in range(1, SECOND_PASSES + 1):
        path = make(attempt, rate)
        if attempt == 1:
            spent = clock.read()
        if best is None or _gap(path, target_bytes) < _gap(best, target_bytes):
            best = path
        if _gap(best, target_bytes) <= CLOSE_ENOUGH:
            break
        rate *= target_bytes / path.stat().st_size
    assert best is not None
    return Tried(best, *spent, attempt)


class _Run:
    """Passes of one candidate over one source, with the same regions in each."""

    def __init__(self, source: SourceInfo, candidate: Candidate, folder: Path) -> None:
        assert source.video is not None
        self.source, self.track, self.candidate, self.folder = source, source.video, candidate, folder
        self._at = self._weights() if candidate.motion else lambda _: ()
        self._count = 0

    def encode(self, number: int, rate: float | None, *, quality: float | None = None) -> Path:
        """One pass; number 0 is the only one."""
        track, candidate = self.track, self.candidate
        self._count += 1
        path = self.folder / f"run-{self._count}.mp4"
        flags = None
        if number and candidate.codec in ("x264", "vp9"):
            flags = av.codec.context.Flags.pass1 if number == 1 else av.codec.context.Flags.pass2
        full_range = track.color_range == frames.FULL_RANGE
        matrix = frames.matrix_for(track.color_space, track.pixel_format, track.height)
        size = frames.even_size(track.width, track.height, candidate.pixel_format)
        writer = VideoWriter(
            path,
            container="mp4",
            track=track,
            size=size,
            codec=ENCODERS[candidate.codec],
            pixel_format=candidate.pixel_format,
            color_space=matrix,
            options=self._options(number, quality),
            bitrate_bps=None if rate is None else int(rate),
            flags=flags,
            threads=THREADS,
            offset_s=timing_offset(track, None),
            audio=None,
        )
        marker = roi.RegionMarker()
        everything = roi.Weighted(Box(0, 0, *size), candidate.background)
        with writer:
            for timed, duration in with_durations(read_frames(self.source.path, track), nominal_step(track)):
                frame = frames.convert(timed.frame, candidate.pixel_format, full_range=full_range, colorspace=matrix)
                frame = frames.padded(frame, *size)
                chosen = [*self._at(timed.pts), *([everything] if candidate.background else [])]
                writer.write(marker.mark(frame, chosen), timed.pts, duration)
                if writer.frames == 0 and candidate.codec == "svtav1":
                    calm_threads()
            writer.finish()
        del writer
        return path

    def _weights(self) -> Callable[[int], Sequence[roi.Weighted]]:
        track, candidate = self.track, self.candidate
        start = round(track.start_s / track.time_base)
        if candidate.regions == "product":
            offsets = dict.fromkeys(RegionKind, candidate.motion)
            size = frames.even_size(track.width, track.height, candidate.pixel_format)
            return roi.Weights(motion_regions(self.source), offsets, size, track.time_base, start).at
        window_s = Fraction(candidate.window_ms, 1000)
        ticks = max(1, round(window_s / track.time_base))
        key = (self.source.path, window_s, candidate.pad_px, candidate.strict)
        if key not in _windows:
            _windows[key] = block_windows(self.source, window_s, candidate.pad_px, candidate.strict)
        windows = {
            number: [roi.Weighted(box, candidate.motion) for box in boxes] for number, boxes in _windows[key].items()
        }
        return lambda pts: windows.get((pts - start) // ticks, ())

    def _options(self, number: int, quality: float | None) -> dict[str, str]:
        candidate = self.candidate
        statistics = self.folder / "statistics"
        options = {"preset": candidate.preset}
        if candidate.codec == "x264":
            return {**options, "stats": str(statistics), "x264-params": candidate.params}
        if quality is not None:
            options["crf"] = f"{quality:g}"
        if candidate.codec == "x265":
            parts = [candidate.params, f"pools={THREADS}:frame-threads=2:log-level=none"]
            if number:
                parts.append(f"pass={number}:stats={statistics}")
            return {**options, "x265-params": ":".join(part for part in parts if part)}
        if candidate.codec == "vp9":
            pairs = (pair.split("=", 1) for pair in candidate.params.split(":"))
            return {**dict(pairs), "cpu-used": candidate.preset}
        if quality is not None:
            return {**options, "svtav1-params": f"crf={quality:g}:lp={THREADS}:{candidate.params}"}
        return {**options, "svtav1-params": f"{candidate.params}:lp={THREADS}:rc=1"}


class _NoDetectors:
    """Motion alone is followed: it is what every source has, and what the study is about."""

    names: Sequence[str] = ()

    def detect(self, name: str, picture: Picture, area: Box) -> list[Found]:
        """Never asked."""
        raise AssertionError((name, picture.shape, area))


_windows: dict[tuple[Path, Fraction, int, int], Windows] = {}
_found: dict[Path, tuple[Region, ...]] = {}


def motion_regions(source: SourceInfo) -> tuple[Region, ...]:
    """The product's own regions of motion, once for each source."""
    if source.path not in _found:
        assert source.video is not None
        index = FrameIndex()
        sampler, scout = Sampler(source.video, index), Scout(source.video, _NoDetectors())
        for sample in sampler.samples(read_frames(source.path, source.video)):
            scout.take(sample)
        _found[source.path] = tuple(scout.finish(index.moments[-1]))
    return _found[source.path]

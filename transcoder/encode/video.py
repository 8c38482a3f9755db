"""Re-encoding a video: all frames, full size, original timestamps, filled to a byte target.

One class runs every codec; what differs between them is a ``Codec`` value (options per pass and what the
encoder can do). The knob is the size of the finished file in bytes: the rate follows from what the
container really costs, learned by muxing the first pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av.codec.context

from transcoder.encode import audio, beside, roi, statistics
from transcoder.encode.base import EncodeJob
from transcoder.encode.prepared import Preparation
from transcoder.encode.reducing import Reduction
from transcoder.encode.statistics import FrameCost
from transcoder.errors import EncodeError
from transcoder.media import frames
from transcoder.media.ahead import FRAMES, running_ahead
from transcoder.media.containers import library_errors
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.media.repeats import without_repeats
from transcoder.media.writer import AudioFeed, VideoWriter, first_packet_s, timing_offset
from transcoder.model import Encoded, EncodeSpec, Value, VideoTrack

THREADS = 4
"""Fixed, not "as many as there are cores": x264's output depends on it, and evidence must be repeatable."""
_RATE_REUSE = 2.0
"""First-pass statistics serve other rates too, but beyond this factor the choices differ (frame types, references)."""
_OVERHEAD_BYTES_PER_FRAME = 16
"""A guess for encoders with one pass only; after the first attempt the real figure is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """What one codec needs from this module."""

    encoder: str
    """FFmpeg's name."""
    two_pass: bool
    options: Callable[[Mapping[str, Value], int, Path], dict[str, str]]
    """``options(settings, pass_number, statistics_file)``; pass 0 means the only pass."""
    uses_pass_flags: bool = False
    after_open: Callable[[], None] | None = None
    """Called once the encoder has started its threads."""
    threads: int = THREADS
    clock_scale: int = 1
    """See ``VideoWriter``: at 20 kbit/s, whole kilobits are steps of five per cent."""
    followed: bool = False
    """True where each frame comes out soon after it went in, so that it can be measured on the way."""
    keeps_j_formats: bool = False
    """True where full-range input is named ``yuvj420p``; else the range is declared beside a plain format."""


class VideoReEncode:
    """Encodes one source with one codec; statistics and audio are made once and used for every attempt."""

    def __init__(self, job: EncodeJob, codec: Codec) -> None:
        self._job = job
        self._codec = codec
        track = job.source.video
        assert track is not None
        self._track: VideoTrack = track
        self._sound = job.sound
        self._overhead: int | None = None
        self._first_pass_bps: int | None = None
        self._offsets: roi.Offsets = {}
        self._reduction = Reduction()
        self._prepared: Preparation | None = None
        self._count = 0
        self._made: dict[int, Encoded] = {}

    def encode(self, spec: EncodeSpec) -> Encoded:
        """Encode to about ``spec.knob_value`` bytes.

        :raises EncodeError: where decoder, encoder or muxer fails.
        """
        assert spec.knob_value is not None
        settings = spec.rung.settings
        container = str(settings["container"])
        reduction = Reduction.of(settings)
        if reduction != self._reduction:
            self._reduction, self._first_pass_bps, self._overhead = reduction, None, None
            self._sound = None
            self._made.clear()
            if reduction.repeat_difference is not None and reduction.scale is None:
                self._need_repeats(reduction.repeat_difference)
        if self._sound is None:
            self._sound = audio.prepare(reduction.quiet(self._job), container)
        feed = self._sound.feed
        begins_s = (feed.start_s, first_packet_s(feed, container)) if feed else (None, None)
        offset = timing_offset(self._track, *begins_s)
        offsets = roi.offsets_of(settings)
        if offsets != self._offsets:
            # Other weights make other statistics: what the first pass found does not hold any more.
            self._offsets, self._first_pass_bps = offsets, None
            self._made.clear()
        bitrate = self._bitrate(spec.knob_value, feed)
        if bitrate in self._made:  # two byte targets may round to one rate in whole kilobits
            return self._made[bitrate]
        with library_errors("encoding", self._job.source.path):
            if self._codec.two_pass and self._stale(bitrate):
                with self._job.first_pass:
                    analysis, video_bytes, _ = self._run(1, bitrate, settings, container, feed, offset)
                self._learn_overhead(analysis, video_bytes, feed)
                analysis.unlink()
                self._first_pass_bps = bitrate
                self._made.clear()
                bitrate = self._bitrate(spec.knob_value, feed)
            number = 2 if self._codec.two_pass else 0
            path, video_bytes, count = self._run(number, bitrate, settings, container, feed, offset)
        self._learn_overhead(path, video_bytes, feed)
        wanted = bitrate * float(self._track.duration_s) / 8
        self._made[bitrate] = Encoded(
            path=path,
            bytes=path.stat().st_size,
            settings={
                **settings,
                "encoder": self._codec.encoder,
                "bitrate_bps": bitrate,
                "passes": 2 if self._codec.two_pass else 1,
                "threads": self._codec.threads,
                "options": " ".join(f"{k}={v}" for k, v in self._shown_options(settings).items()),
                "frames": count,
                "video_bytes": video_bytes,
                "audio_bytes": feed.payload_bytes if feed else 0,
            },
            saturated=video_bytes < 0.9 * wanted,
            fates=spec.rung.fates + self._sound.fates + beside.fates(self._job.source, probe(path, sha256="")),
            timing_offset_s=offset,
        )
        return self._made[bitrate]

    def _need_repeats(self, difference: int) -> None:
        """Where nothing repeats, leaving out repeats would only encode the same once more."""
        found, count = read_frames(self._job.source.path, self._track), 0
        for count, _ in enumerate(without_repeats(found, difference), start=1):
            self._job.tick("repeats", count, self._track.frames)
        if count >= self._track.frames:
            raise EncodeError("no frame repeats the one before", where=self._job.source.name)

    def frame_costs(self) -> tuple[FrameCost, ...]:
        """What each frame asks for, as the first pass found; empty where there was none."""
        path = self._statistics()
        return statistics.read(path) if path.exists() else ()

    def _bitrate(self, target_bytes: float, feed: AudioFeed | None) -> int:
        overhead = self._overhead
        if overhead is None:
            overhead = 1500 + _OVERHEAD_BYTES_PER_FRAME * self._track.frames
        room = target_bytes - overhead - (feed.payload_bytes if feed else 0)
        # x264 and x265 take whole kilobits; rounding down keeps the promise to stay under.
        step = 1000 // self._codec.clock_scale
        return max(1, int(room * 8 / float(self._track.duration_s) / step)) * step

    def _stale(self, bitrate: int) -> bool:
        first = self._first_pass_bps
        return first is None or not first / _RATE_REUSE <= bitrate <= first * _RATE_REUSE

    def _learn_overhead(self, path: Path, video_bytes: int, feed: AudioFeed | None) -> None:
        self._overhead = path.stat().st_size - video_bytes - (feed.payload_bytes if feed else 0)

    def _statistics(self) -> Path:
        return self._job.workdir / f"{self._codec.encoder}.stats"

    def _shown_options(self, settings: Mapping[str, Value]) -> dict[str, str]:
        """The encoder's options as the certificate records them: without paths of this machine."""
        shown = self._codec.options(settings, 2 if self._codec.two_pass else 0, Path("statistics"))
        return {key: value for key, value in shown.items() if key != "stats"}

    def _pixel_format(self, settings: Mapping[str, Value]) -> str:
        name = str(settings["pixel_format"])
        full_range = self._track.color_range == frames.FULL_RANGE
        if full_range and self._codec.keeps_j_formats and name in ("yuv420p", "yuv422p", "yuv444p"):
            return name.replace("yuv", "yuvj")
        return name

    def _run(
        self,
        number: int,
        bitrate: int,
        settings: Mapping[str, Value],
        container: str,
        feed: AudioFeed | None,
        offset: Fraction,
    ) -> tuple[Path, int, int]:
        """One pass over all frames. Returns the file, its video payload in bytes and the frame count."""
        self._count += 1
        track, job = self._track, self._job
        path = job.workdir / f"encode-{self._codec.encoder}-{self._count}.{container}"
        prepared = Preparation(
            job=job, track=track, pixel_format=self._pixel_format(settings), reduction=self._reduction,
            offsets=self._offsets,
        )  # fmt: skip
        if prepared != self._prepared:
            self._prepared = prepared  # the one before remembers what it found for each moment
        prepared = self._prepared
        phase = {0: "encode", 1: "analyse", 2: "encode"}[number]
        flags = None
        if self._codec.uses_pass_flags and number:
            flags = av.codec.context.Flags.pass1 if number == 1 else av.codec.context.Flags.pass2
        # What a first pass makes is not delivered, and what was reduced is compared in another way.
        followed = self._codec.followed and number != 1 and not self._reduction.changes_pictures
        onlooker = job.onlook(path) if job.onlook is not None and followed else None
        writer = VideoWriter(
            path,
            container=container,
            track=_shown(track, prepared.scaled),
            size=prepared.size,
            codec=self._codec.encoder,
            pixel_format=prepared.pixel_format,
            color_space=prepared.matrix,
            options=self._codec.options(settings, number, self._statistics()),
            bitrate_bps=bitrate,
            flags=flags,
            threads=self._codec.threads,
            offset_s=offset,
            audio=feed,
            clock_scale=self._codec.clock_scale,
            tags=beside.tags_to_keep(job.source),
            seen=onlooker.packet if onlooker is not None else None,
        )
        count = 0
        with onlooker or nullcontext(), writer, running_ahead(prepared.frames(), depth=FRAMES) as ready:
            for item in ready:
                if onlooker is not None:
                    onlooker.frame(item.source)
                writer.write(item.frame, item.source.pts, item.duration)
                count += 1
                if count == 1 and self._codec.after_open is not None:
                    self._codec.after_open()
                job.tick(phase, count, track.frames)
            writer.finish()
            video_bytes = writer.video_bytes
        del writer
        return path, video_bytes, count


def _shown(track: VideoTrack, size: tuple[int, int]) -> VideoTrack:
    """The track with pixels of the shape that shows a scaled picture in its own proportions."""
    stretched = Fraction(track.width * size[1], track.height * size[0])
    return track if stretched == 1 else replace(track, sample_aspect=(track.sample_aspect or 1) * stretched)

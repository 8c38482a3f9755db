"""Audio beside re-encoded video: the same packets where allowed and small enough, else AAC."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import av.audio.frame
import av.audio.stream
import av.error

from transcoder.encode.base import EncodeJob, Sound
from transcoder.errors import EncodeError
from transcoder.media.containers import library_errors, open_input, packets
from transcoder.media.writer import AudioFeed, open_output, taken
from transcoder.model import AudioTrack, Fate, ItemFate

IN_CONTAINER = {
    "mp4": frozenset(("aac", "mp3", "opus", "ac3", "flac")),
    "mov": frozenset(("aac", "mp3", "ac3", "pcm_s16le")),
    "mkv": frozenset(("aac", "mp3", "opus", "ac3", "flac", "pcm_s16le")),
}
_AAC_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def may_copy(track: AudioTrack, job: EncodeJob, container: str) -> bool:
    """True where the codec is allowed, the container holds it, and it leaves the picture its share of the cap."""
    rules = job.profile.audio
    return (
        track.codec in rules.codecs
        and track.codec in IN_CONTAINER[container]
        and _share(track, job) * track.payload_bytes <= rules.max_share * job.cap_bytes
    )


def _duration_s(track: AudioTrack, job: EncodeJob) -> Fraction:
    """How much of it is delivered."""
    video = job.source.video
    clipped = video is not None and video.span is not None
    return min(track.duration_s, video.duration_s) if video is not None and clipped else track.duration_s


def _share(track: AudioTrack, job: EncodeJob) -> float:
    return float(_duration_s(track, job) / max(track.duration_s, Fraction(1, 10)))


def aac_bitrate_bps(track: AudioTrack, job: EncodeJob) -> int:
    """The AAC rate: the share of the cap over the duration, within the profile's bounds and the source's rate."""
    rules = job.profile.audio
    duration = max(_duration_s(track, job), Fraction(1, 10))
    by_share = rules.max_share * job.cap_bytes * 8 / float(duration)
    # More than the source's own rate cannot bring anything back.
    own = track.payload_bytes * 8 / float(max(track.duration_s, Fraction(1, 10)))
    return int(max(rules.min_bitrate_bps, min(by_share, rules.max_bitrate_bps, own)))


def within(sound: Sound, from_s: Fraction | None, until_s: Fraction | None) -> Sound:
    """The packets that begin in a stretch of time; those of neighbouring stretches make the whole."""
    if sound.feed is None:
        return sound
    feed = replace(sound.feed, from_s=from_s, until_s=until_s)
    first: Fraction | None = None
    size = 0
    for moment_s, packet_bytes in taken(feed):
        first = moment_s if first is None else first
        size += packet_bytes
    if first is None:
        return Sound(None, sound.fates)
    return Sound(replace(feed, payload_bytes=size, start_s=first), sound.fates)


def prepare(job: EncodeJob, container: str) -> Sound:
    """The audio to put beside the video, made once for a job, and what became of every audio track.

    :raises EncodeError: where the audio cannot be encoded.
    """
    sound, video = _whole(job, container), job.source.video
    if job.source.clip is None or video is None:
        return sound
    return within(sound, video.start_s, video.start_s + video.duration_s)


def _whole(job: EncodeJob, container: str) -> Sound:
    tracks = job.source.audio
    if not tracks:
        return Sound(None)
    track = max(tracks, key=lambda item: (item.channels, item.payload_bytes))
    fates = [
        ItemFate(item=f"audio track {other.index} ({other.codec})", fate=Fate.LOST, note="one audio track is delivered")
        for other in tracks
        if other is not track
    ]
    label = f"audio track {track.index} ({track.codec}, {track.sample_rate_hz} Hz, {track.channels} ch)"
    if may_copy(track, job, container):
        fates.append(ItemFate(item=label, fate=Fate.KEPT, note="packets copied unchanged"))
        return Sound(AudioFeed(job.source.path, track.index, track.payload_bytes, track.start_s), tuple(fates))
    rate = aac_bitrate_bps(track, job)
    target = job.workdir / "audio.mp4"
    with library_errors("encoding the audio", job.source.path):
        size = _encode_aac(job, track, rate, target)
    if not size:
        fates.append(ItemFate(item=label, fate=Fate.LOST, note="no sample of it can be decoded"))
        return Sound(None, tuple(fates))
    fates.append(ItemFate(item=label, fate=Fate.CONVERTED, note=f"AAC at {rate} bit/s"))
    return Sound(AudioFeed(target, 0, size, track.start_s), tuple(fates))


def _encode_aac(job: EncodeJob, track: AudioTrack, bitrate_bps: int, target: Path) -> int:
    """Write AAC with the source's timestamps; returns the payload's size in bytes, 0 where nothing decodes."""
    sample_rate = min((rate for rate in _AAC_RATES_HZ if rate >= track.sample_rate_hz), default=48000)
    layout = "stereo" if track.channels >= 2 else "mono"
    total = 0
    # Where a track begins is stored in ticks of the movie: milliseconds would move it by a few samples.
    output_clock = Fraction(1, sample_rate)
    with open_input(job.source.path) as source, open_output(target, "mp4", output_clock) as output:
        stream = output.add_stream("aac", rate=sample_rate, layout=layout)
        stream.codec_context.bit_rate = bitrate_bps
        context = stream.codec_context
        context.time_base = output_clock
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=sample_rate, frame_size=1024)
        start = round(track.start_s * sample_rate)
        written = 0

        def put(frame: av.audio.frame.AudioFrame | None) -> None:
            nonlocal start, written, total
            if frame is not None and frame.pts is not None and frame.time_base is not None:
                lead = round(frame.pts * frame.time_base * sample_rate) - start - written
                if lead > sample_rate // 5:
                    start += lead  # the recording was silent here: a gap stays a gap
            for piece in resampler.resample(frame):
                # Sample counts are the clock between gaps, so that rounding cannot pile up.
                piece.pts, piece.time_base = start + written, Fraction(1, sample_rate)
                written += piece.samples
                for packet in context.encode(piece):
                    packet.stream = stream
                    total += packet.size
                    output.mux_one(packet)

        wanted = source.streams[track.index]
        for packet in packets(source, wanted):
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError):
                continue
            for frame in frames:
                if isinstance(frame, av.audio.frame.AudioFrame):
                    put(frame)
            job.tick("audio", written, None)
        if not written:
            return 0
        put(None)
        for packet in context.encode(None):
            packet.stream = stream
            total += packet.size
            output.mux_one(packet)
    if total * _share(track, job) > job.cap_bytes:
        raise EncodeError("the audio alone is larger than the cap", where=job.source.path.name)
    return total

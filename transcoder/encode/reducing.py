"""Reducing: what a profile allows to give up, in its order, one step more with each rung."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from transcoder.encode import fates
from transcoder.encode.base import EncodeJob, Planned
from transcoder.model import Fate, ItemFate, Rung, RungName, SourceInfo, Value
from transcoder.profile import Profile

_AUDIO, _REPEATS, _SCALE = "reduced_audio_bps", "repeat_difference", "scale"
_LEAST_SIDE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """What is given up; nothing where a value is None."""

    audio_bps: int | None = None
    """The bit rate of the audio."""
    repeat_difference: int | None = None
    """Frames that differ from the one before by no more in any sample are left out."""
    scale: Fraction | None = None
    """Of width and height, below 1."""

    def as_settings(self) -> dict[str, Value]:
        """As a rung's settings, which the certificate records."""
        pairs: tuple[tuple[str, Value], ...] = (
            (_AUDIO, self.audio_bps),
            (_REPEATS, self.repeat_difference),
            (_SCALE, None if self.scale is None else str(self.scale)),
        )
        return {name: value for name, value in pairs if value is not None}

    @classmethod
    def of(cls, settings: Mapping[str, Value]) -> Reduction:
        """What a rung's settings name."""
        bps, difference, scale = settings.get(_AUDIO), settings.get(_REPEATS), settings.get(_SCALE)
        return cls(
            audio_bps=None if bps is None else int(bps),
            repeat_difference=None if difference is None else int(difference),
            scale=None if scale is None else Fraction(str(scale)),
        )

    @property
    def changes_pictures(self) -> bool:
        """Whether the pictures that are delivered are others, or fewer, than the source's."""
        return self.scale is not None or self.repeat_difference is not None

    @property
    def label(self) -> str:
        """In a few words, for people."""
        words = []
        if self.audio_bps is not None:
            words.append(f"audio at {self.audio_bps} bit/s")
        if self.repeat_difference is not None:
            words.append("without repeated frames")
        if self.scale is not None:
            words.append(f"scaled to {self.scale}")
        return ", ".join(words)

    def quiet(self, job: EncodeJob) -> EncodeJob:
        """The job with the audio rules that this asks for."""
        if self.audio_bps is None:
            return job
        rules = replace(job.profile.audio, codecs=(), min_bitrate_bps=1, max_bitrate_bps=self.audio_bps)
        return replace(job, profile=replace(job.profile, audio=rules))


def scaled_size(width: int, height: int, scale: Fraction | None) -> tuple[int, int]:
    """Width and height in whole pixels."""
    if scale is None:
        return width, height
    return max(1, round(width * scale)), max(1, round(height * scale))


def rungs(source: SourceInfo, profile: Profile, lossy: Sequence[Rung]) -> Iterator[Planned]:
    """One rung for each step that gives something up, with all steps before it; or why a step gives nothing.

    :param lossy: the rung that encodes without giving anything of this up, where there is one.
    """
    if not lossy:
        return
    done = Reduction()
    for step in profile.reduce.steps:
        if step == "audio":
            found: list[Reduction] | str = _audio(source, profile, done)
        elif step == "repeats":
            found = _repeats(source, profile, done)
        else:
            found = _scales(source, profile, done)
        if isinstance(found, str):
            yield RungName.REDUCE, found
            continue
        for done in found:
            yield _rung(source, lossy[0], done)


def _audio(source: SourceInfo, profile: Profile, done: Reduction) -> list[Reduction] | str:
    rate = profile.reduce.audio_bitrate_bps
    tracks = [track for track in source.audio if track.payload_bytes * 8 > rate * track.duration_s]
    return [replace(done, audio_bps=rate)] if tracks else f"no audio of more than {rate} bit/s to reduce"


def _repeats(source: SourceInfo, profile: Profile, done: Reduction) -> list[Reduction] | str:
    if source.video is None:
        return "a picture has no repeated frames"
    return [replace(done, repeat_difference=profile.reduce.repeat_difference)]


def _scales(source: SourceInfo, profile: Profile, done: Reduction) -> list[Reduction] | str:
    media = source.video or source.still
    assert media is not None
    if source.video is not None and source.video.interlaced:
        return "an interlaced picture cannot be scaled without mixing its fields"
    found = [
        replace(done, scale=scale)
        for scale in profile.reduce.scales
        if min(scaled_size(media.width, media.height, scale)) >= _LEAST_SIDE
    ]
    return found or f"the picture is too small to be scaled below {_LEAST_SIDE} pixels"


def _rung(source: SourceInfo, lossy: Rung, done: Reduction) -> Rung:
    media = source.video or source.still
    assert media is not None
    items = []
    if done.repeat_difference is not None:
        note = (
            f"left out where no sample differs by more than {done.repeat_difference} from the frame before, which is "
            "shown instead; each is listed in the certificate (timing.repeats)"
        )
        items.append(ItemFate(item="repeated frames", fate=Fate.CONVERTED, note=note))
    elif source.video is not None:
        items.append(fates.FRAMES)
    if done.scale is not None:
        width, height = scaled_size(media.width, media.height, done.scale)
        note = f"scaled to {width}x{height}; measured at the source's size"
        items.append(ItemFate(item=f"picture size {media.width}x{media.height}", fate=Fate.CONVERTED, note=note))
    elif source.video is not None:
        items.append(fates.SIZE)
    variant = ", ".join(part for part in (lossy.variant, done.label) if part)
    return replace(
        lossy, name=RungName.REDUCE, variant=variant, settings={**lossy.settings, **done.as_settings()},
        fates=(*lossy.fates, *items),
    )  # fmt: skip

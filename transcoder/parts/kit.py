"""What parts are made from: all that was found before the first one was begun."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from transcoder.encode.base import EncodeJob, Sound, Tick
from transcoder.encode.statistics import FrameCost
from transcoder.media import joining
from transcoder.media.index import FrameIndex
from transcoder.model import Attempt, Encoded, RegionSet, Rung, SourceInfo
from transcoder.profile import Profile


@dataclass(frozen=True, slots=True)
class Nearest:
    """The best attempt at one file for all, from which the number of parts is first guessed."""

    attempt: Attempt
    key_share: float
    """What the first key frame takes of its bytes."""

    @classmethod
    def of(cls, attempt: Attempt, encoded: Encoded) -> Nearest:
        """The attempt with its file."""
        return cls(attempt, joining.first_packet_bytes(encoded.path) / encoded.bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """Everything that was found before the first part was begun; see ``parts.chunks``."""

    source: SourceInfo
    profile: Profile
    cap_bytes: int
    regions: RegionSet
    index: FrameIndex
    costs: tuple[FrameCost, ...]
    attempts: tuple[Attempt, ...]
    rung: Rung
    allowance: float
    sound: Sound
    audio: bytes | None
    """The encoded audio; None where there is none, or it is the source's own."""

    def sound_in(self, folder: Path, source: Path) -> Sound:
        """The audio, as it lies in this process's own folder."""
        if self.sound.feed is None:
            return self.sound
        path = source
        if self.audio is not None:
            path = folder / f"audio{self.sound.feed.path.suffix}"
            path.write_bytes(self.audio)
        return replace(self.sound, feed=replace(self.sound.feed, path=path))

    def job(self, workdir: Path, source: Path, tick: Tick) -> EncodeJob:
        """The job, on this host."""
        return EncodeJob(
            source=replace(self.source, path=source), profile=self.profile, cap_bytes=self.cap_bytes,
            workdir=workdir, tick=tick, regions=self.regions,
        )  # fmt: skip

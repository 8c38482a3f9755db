"""Pairing: which frame of an output a player shows when the source shows one of its own.

Frames are paired by timestamp, and a pair that does not match is an error, not a lower score: equal frame counts
prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

from transcoder.errors import OutputMismatch
from transcoder.media import frames
from transcoder.media.ahead import FRAMES, running_ahead
from transcoder.media.probe import probe
from transcoder.media.reader import TimedFrame, read_frames
from transcoder.media.repeats import largest_difference
from transcoder.model import VideoTrack


@dataclass(frozen=True, slots=True)
class Output:
    """A file to be judged, and what was done to it on purpose."""

    path: Path
    offset_s: Fraction
    """Seconds that were subtracted from every source timestamp."""
    scaled: bool = False
    """Whether its picture may be smaller than the source's; it is compared in the source's size."""
    repeat_difference: int | None = None
    """Where set, frames that differ from the one before by no more in any sample may be missing."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A frame of the source, and what is shown in its place."""

    original: TimedFrame
    copy: TimedFrame
    error_s: Fraction
    """How far off the copy's time is."""
    repeated: bool = False
    """Whether the copy is that of an earlier frame, which this one repeats."""


@dataclass(frozen=True, slots=True)
class _Copy:
    timed: TimedFrame
    tick_s: Fraction
    offset_s: Fraction

    def error_s(self, original: TimedFrame, time_base: Fraction) -> Fraction:
        """How far its time is from the original's."""
        return abs(self.timed.pts * self.tick_s - (original.pts * time_base - self.offset_s))


def pairs(source: Path, track: VideoTrack, outputs: Sequence[Output]) -> Iterator[Pair]:
    """Every frame of the source with its copy in the files that hold them one after the other.

    :raises OutputMismatch: where a frame is missing that repeats none, is added, or is more than one output tick off.
    """
    with (
        running_ahead(read_frames(source, track), depth=FRAMES) as originals,
        running_ahead(_copies(outputs, track), depth=FRAMES) as copies,
    ):
        if outputs[0].repeat_difference is not None:
            yield from _held(originals, copies, track.time_base, outputs[0])
            return
        for number, (original, copy) in enumerate(zip_longest(originals, copies)):
            if original is None or copy is None:
                missing = "output" if copy is None else "source"
                raise OutputMismatch(f"frame {number} is missing from the {missing}", where=outputs[-1].path.name)
            yield Pair(original, copy.timed, _checked(original, copy, track.time_base))


def _held(
    originals: Iterator[TimedFrame], copies: Iterator[_Copy], time_base: Fraction, output: Output
) -> Iterator[Pair]:
    """As players do: a frame stays on display until the next one's time has come."""
    assert output.repeat_difference is not None
    shown: Pair | None = None
    upcoming = next(copies, None)
    for number, original in enumerate(originals):
        if upcoming is not None and (error := upcoming.error_s(original, time_base)) <= upcoming.tick_s:
            shown = Pair(original, upcoming.timed, error)
            upcoming = next(copies, None)
            yield shown
            continue
        if shown is None:
            raise OutputMismatch(f"frame {number} is missing from the output", where=output.path.name)
        difference = largest_difference(shown.original.frame, original.frame)
        if difference > output.repeat_difference:
            raise OutputMismatch(
                f"frame {number} is missing from the output and differs by {difference} from the one shown instead",
                where=output.path.name,
            )
        yield Pair(original, shown.copy, Fraction(0), repeated=True)
    if upcoming is not None:
        raise OutputMismatch("the output holds a frame that the source does not", where=output.path.name)


def _checked(original: TimedFrame, copy: _Copy, time_base: Fraction) -> Fraction:
    error = copy.error_s(original, time_base)
    if error > copy.tick_s:
        raise OutputMismatch(
            f"a frame of {float(original.pts * time_base - copy.offset_s):.6f} s "
            f"is shown at {float(copy.timed.pts * copy.tick_s):.6f} s",
            code="timestamps-differ",
        )
    return error


def _copies(outputs: Sequence[Output], track: VideoTrack) -> Iterator[_Copy]:
    for item in outputs:
        found = _output_track(item, track)
        for timed in read_frames(item.path, found):
            if item.scaled:
                timed = replace(timed, frame=frames.resized(timed.frame, track.width, track.height))  # noqa: PLW2901
            yield _Copy(timed, found.time_base, item.offset_s)


def _output_track(output: Output, track: VideoTrack) -> VideoTrack:
    found = probe(output.path, sha256="").video
    if found is None:
        raise OutputMismatch("the output holds no video", where=output.path.name)
    grown = found.width - track.width, found.height - track.height
    # Odd sides are made even, in an interlaced frame the height of each field.
    if not output.scaled and not (0 <= grown[0] <= 1 and 0 <= grown[1] <= (3 if track.interlaced else 1)):
        raise OutputMismatch(
            f"the size changed from {track.width}x{track.height} to {found.width}x{found.height}",
            where=output.path.name,
        )
    return found

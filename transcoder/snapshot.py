"""One picture of a source as a viewer shows it, and how a place in it is found in the stored picture."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image

    from transcoder.model import VideoTrack

WIDEST = 1280
_ASPECTS = (Fraction(1, 8), Fraction(8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is shown, and how it was turned.

    :ivar width: of the stored picture in pixels, before rotation and pixel aspect; so is ``height``.
    :ivar at_s: when this picture is shown, in seconds after the first one.
    :ivar length_s: from the first picture to the end; 0 for a still.
    :ivar step_s: from one picture to the next, on the mean; 0 for a still.
    :ivar rotation_deg: counter-clockwise, 0, 90, 180 or 270; then it is mirrored.
    """

    width: int
    height: int
    at_s: float
    length_s: float
    step_s: float
    rotation_deg: int
    mirrored: bool

    def stored_box(self, left: float, top: float, width: float, height: float) -> tuple[int, int, int, int]:
        """A box in the picture as it is shown, in pixels of the stored one: x, y, width, height.

        :param left: shares of the shown picture, 0 to 1, all four.
        :raises UsageError: where it does not lie in the picture.
        """
        right, bottom = left + width, top + height
        # The comparison also refuses what is no number at all.
        if not (0 <= left < right <= 1.000001 and 0 <= top < bottom <= 1.000001):
            raise UsageError("a box lies outside the picture", hint="draw it again", code="region-outside")
        corners = [self._stored(left, top), self._stored(right, bottom)]
        x0, x1 = sorted(min(self.width, max(0, round(x * self.width))) for x, _ in corners)
        y0, y1 = sorted(min(self.height, max(0, round(y * self.height))) for _, y in corners)
        x0, y0 = min(x0, self.width - 1), min(y0, self.height - 1)
        return x0, y0, max(1, x1 - x0), max(1, y1 - y0)

    def _stored(self, x: float, y: float) -> tuple[float, float]:
        x = 1 - x if self.mirrored else x
        if self.rotation_deg == 90:
            return 1 - y, x
        if self.rotation_deg == 180:
            return 1 - x, 1 - y
        return (y, 1 - x) if self.rotation_deg == 270 else (x, y)


def take(path: Path, at_s: float, stream: int | None) -> tuple[Snapshot, bytes]:
    """The picture that is shown at a moment, as JPEG of at most ``WIDEST`` pixels width.

    :param at_s: seconds after the first picture; beyond the end it is the last one.
    :raises InputError: where no picture decodes.
    """
    from transcoder.media.probe import probe
    from transcoder.report.pictures import Presentation, from_exif

    source = probe(path, sha256="", stream=stream)
    if source.video is not None:
        track, aspect = source.video, source.video.sample_aspect or Fraction(1)
        picture, found_s, length_s, step_s = _of_video(path, source.video, at_s)
        shown = Presentation(
            rotation_deg=track.rotation_deg % 360 if track.rotation_deg % 90 == 0 else 0,
            mirrored=track.mirrored,
            sample_aspect=aspect if _ASPECTS[0] < aspect < _ASPECTS[1] else Fraction(1),
        )
    else:
        from transcoder.media import stills

        assert source.still is not None
        picture, _ = stills.as_rgb(stills.load(path))
        found_s = length_s = step_s = 0.0
        shown = from_exif(source.still.orientation)
    width, height = picture.size
    scale = min(1.0, WIDEST / (width * float(shown.sample_aspect)))
    size = max(1, round(width * scale * float(shown.sample_aspect))), max(1, round(height * scale))
    out = io.BytesIO()
    shown.turn(picture.convert("RGB").resize(size)).save(out, "JPEG", quality=88)
    made = Snapshot(
        width=width, height=height, at_s=found_s, length_s=length_s, step_s=step_s,
        rotation_deg=shown.rotation_deg % 360, mirrored=shown.mirrored,
    )  # fmt: skip
    return made, out.getvalue()


def _of_video(path: Path, track: VideoTrack, at_s: float) -> tuple[Image.Image, float, float, float]:
    from transcoder.errors import InputError
    from transcoder.media.frames import picture_of
    from transcoder.media.reader import frames_from, nominal_step

    base, first = track.time_base, round(track.start_s / track.time_base)
    # Half a tick later: a moment that was rounded on its way through a page still means the picture it was read from.
    wanted = first + int(Fraction(at_s).limit_denominator(1_000_000) / base + Fraction(1, 2))
    best = None
    for timed in frames_from(path, track, wanted):
        if best is not None and timed.pts > wanted:
            break
        best = timed
    if best is None:
        raise InputError("no picture can be shown of it", where=path.name, code="no-frames")
    found_s = max(0.0, float((best.pts - first) * base))
    return picture_of(best.frame), found_s, float(track.duration_s), float(nominal_step(track) * base)


__all__ = ["WIDEST", "Snapshot", "take"]

"""The detectors there are, behind the one seam; the models themselves know nothing of regions."""

from __future__ import annotations

from collections.abc import Mapping

from transcoder.model import DetectorUse, RegionKind
from transcoder.regions.base import Found, Picture, RegionDetector
from transcoder.vision import faces, text
from transcoder.vision.people import PeopleFinder
from transcoder.vision.wording import looks_like_plate, normalise

READABLE = 0.6
"""Confidence of a reading worth keeping. Over the corpus, noise of two signs and more is read at up to 0.65 (a
crosshair), most of it below 0.5; blurred overlays of small cameras come at 0.6 to 0.8."""
READABLE_SIGN = 0.95
"""The same for one sign alone: lamps and tiles are "read" as one Chinese character at up to 0.92."""

_FRAME_PIXELS, _FRAME_SIDE = 2_100_000, 960
"""What may be a frame of video is looked at once, 960 pixels wide: 12 ms, not 30; 16 px faces of 720p are found."""


class Faces:
    """Faces of a picture.

    :raises ModelUnavailable: where the model cannot be used here.
    """

    def __init__(self) -> None:
        self._finder = faces.shared()

    @property
    def use(self) -> DetectorUse:
        """What looks, and with which weights."""
        return self._finder.use

    def detect(self, picture: Picture) -> list[Found]:
        """Everything found, surest first; boxes lie inside the picture."""
        frame = picture.shape[0] * picture.shape[1] <= _FRAME_PIXELS
        return [
            Found(kind=RegionKind.FACE, box=face.box, confidence=face.confidence)
            for face in self._finder.find(picture, max_side=_FRAME_SIDE if frame else None)
        ]


class Texts:
    """Lines of text that can be read; those that may be number plates are said to be.

    :raises ModelUnavailable: where the model cannot be used here.
    """

    def __init__(self) -> None:
        self._reader = text.shared()

    @property
    def use(self) -> DetectorUse:
        """What reads, and with which weights."""
        return self._reader.use

    def detect(self, picture: Picture) -> list[Found]:
        """Everything found, surest first; boxes lie inside the picture."""
        return [
            Found(
                kind=RegionKind.PLATE if looks_like_plate(line.text, line.box) else RegionKind.TEXT,
                box=line.box,
                confidence=line.confidence,
                text=line.text,
            )
            for line in self._reader.find(picture)
            if line.confidence >= (READABLE if len(normalise(line.text)) > 1 else READABLE_SIGN)
        ]


class People:
    """People and vehicles of a picture.

    :raises ModelUnavailable: where the model cannot be used here.
    """

    def __init__(self) -> None:
        self._finder = PeopleFinder()

    @property
    def use(self) -> DetectorUse:
        """What looks, and with which weights."""
        return self._finder.use

    def detect(self, picture: Picture) -> list[Found]:
        """Everything found, surest first; boxes lie inside the picture."""
        return [
            Found(kind=RegionKind(thing.kind), box=thing.box, confidence=thing.confidence)
            for thing in self._finder.find(picture)
        ]


DETECTORS: Mapping[str, type[RegionDetector]] = {"faces": Faces, "text": Texts, "people": People}
"""Every detector by its name. Making one may raise ``ModelUnavailable``."""

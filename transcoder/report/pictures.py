"""Before and after as embedded JPEG: the whole frame to find the place, the worst place at native pixels."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pages are made where no picture is opened
    from PIL import Image

FRAME_WIDTH = 620
CROP_PX = 176
_QUALITIES = (90, 80, 65, 50)


@dataclass(frozen=True, slots=True)
class Pair:
    """Data addresses of one picture before and after, and how large it is shown."""

    before: str
    after: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the report shows of the worst moment."""

    crop: Pair
    frame: Pair


@dataclass(frozen=True, slots=True)
class Presentation:
    """How stored samples are meant to be shown."""

    rotation_deg: int = 0
    """Counter-clockwise."""
    mirrored: bool = False
    sample_aspect: Fraction = Fraction(1)

    def turn(self, image: Image.Image) -> Image.Image:
        """The picture as a viewer shows it, apart from its aspect."""
        from PIL import ImageOps

        turned = image.rotate(self.rotation_deg, expand=True) if self.rotation_deg else image
        return ImageOps.mirror(turned) if self.mirrored else turned


_EXIF = {
    1: Presentation(),
    2: Presentation(mirrored=True),
    3: Presentation(rotation_deg=180),
    4: Presentation(rotation_deg=180, mirrored=True),
    5: Presentation(rotation_deg=-90, mirrored=True),
    6: Presentation(rotation_deg=-90),
    7: Presentation(rotation_deg=90, mirrored=True),
    8: Presentation(rotation_deg=90),
}


def from_exif(orientation: int) -> Presentation:
    """The presentation that an EXIF orientation (1 to 8) asks for."""
    return _EXIF.get(orientation, _EXIF[1])


def prepare(
    before: Image.Image,
    after: Image.Image,
    box: tuple[int, int, int, int],
    shown: Presentation,
    *,
    max_bytes: int,
) -> Pictures | None:
    """Encode both pairs into at most ``max_bytes`` characters, or return None where they do not fit.

    :param box: x, y, width, height of the worst tile in source pixels.
    :param shown: rotation and aspect, applied to these pictures only.
    """
    for frame_width in (FRAME_WIDTH, 420, 280):
        for quality in _QUALITIES:
            pictures = _prepare(before, after, box, shown, frame_width, quality)
            total = sum(len(both.before) + len(both.after) for both in (pictures.crop, pictures.frame))
            if total <= max_bytes:
                return pictures
    return None


def _prepare(
    before: Image.Image,
    after: Image.Image,
    box: tuple[int, int, int, int],
    shown: Presentation,
    frame_width: int,
    quality: int,
) -> Pictures:
    from PIL import ImageDraw

    area = _around(box, before.size)
    crops = [shown.turn(image.crop(area).convert("RGB")) for image in (before, after)]
    frames = []
    for image in (before, after):
        scale_y = min(1.0, frame_width / (image.width * float(shown.sample_aspect)))
        scale_x = scale_y * float(shown.sample_aspect)
        size = max(1, round(image.width * scale_x)), max(1, round(image.height * scale_y))
        small = (image if image.mode == "RGB" else image.convert("RGB")).resize(size, reducing_gap=2.0)
        corners = [area[0] * scale_x, area[1] * scale_y, area[2] * scale_x - 1, area[3] * scale_y - 1]
        ImageDraw.Draw(small).rectangle([round(value) for value in corners], outline=(255, 193, 7), width=2)
        frames.append(shown.turn(small))
    return Pictures(pair(crops, max(quality, 80)), pair(frames, quality))


def _around(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square around the centre of a box, held inside the picture: left, top, right, bottom."""
    x, y, width, height = box
    side_x, side_y = min(CROP_PX, size[0]), min(CROP_PX, size[1])
    left = min(max(0, x + width // 2 - side_x // 2), size[0] - side_x)
    top = min(max(0, y + height // 2 - side_y // 2), size[1] - side_y)
    return left, top, left + side_x, top + side_y


def pair(images: list[Image.Image], quality: int) -> Pair:
    """A picture before and after as data addresses, both of the same quality."""
    before, after = (_address(image, quality) for image in images)
    return Pair(before, after, images[0].width, images[0].height)


def _address(image: Image.Image, quality: int) -> str:
    out = io.BytesIO()
    # Not optimised: Pillow needs the whole result in one buffer for that, which noise does not fit into.
    image.save(out, "JPEG", quality=quality, subsampling="4:4:4" if quality >= 80 else "4:2:0")
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")

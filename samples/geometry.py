"""Camera model, street coordinates and anti-aliased sprites for the synthetic CCTV scene.

World axes, in metres: X to the right of the camera, Y away from it, Z up; the camera is at (0, 0, height).
The street runs obliquely through the view, so positions are mostly given in street coordinates:
``along`` (direction of traffic) and ``across`` (from the near kerb towards the far building).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import cos, radians, sin

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

FloatArray = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]
"""x, y, w, h in pixels; the origin is the top left corner of the frame."""

Light = Callable[[Colour, float], Colour]
"""Maps a surface colour and its depth in metres to what the sensor records (day or infra-red)."""

STREET_ANGLE_RAD = radians(28.0)
ALONG = np.array([-sin(STREET_ANGLE_RAD), -cos(STREET_ANGLE_RAD), 0.0])
ACROSS = np.array([-cos(STREET_ANGLE_RAD), sin(STREET_ANGLE_RAD), 0.0])
UP = np.array([0.0, 0.0, 1.0])
NEAR_PLANE_M = 0.4
SUPERSAMPLE = 4


def shade(colour: Colour, factor: float) -> Colour:
    """Scale a colour by a lighting factor, clipped to 0..255."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in colour)
    return red, green, blue


def street_to_world(points: npt.ArrayLike) -> FloatArray:
    """Turn (N, 3) rows of (along, across, z) in metres into (N, 3) float64 world points."""
    world: FloatArray = np.asarray(points, dtype=np.float64) @ np.stack([ALONG, ACROSS, UP])
    return world


@dataclass(frozen=True)
class Camera:
    """A pinhole camera on a wall bracket, looking down the street at a fixed pitch."""

    width_px: int
    height_px: int
    height_m: float = 2.8
    pitch_rad: float = radians(14.0)

    @property
    def focal_px(self) -> float:
        """Focal length; tied to the frame height so that every frame size shows the same view."""
        return 620.0 * self.height_px / 360.0

    @property
    def forward(self) -> FloatArray:
        """Unit vector of the optical axis, shape (3,) float64."""
        return np.array([0.0, cos(self.pitch_rad), -sin(self.pitch_rad)])

    @property
    def upward(self) -> FloatArray:
        """Unit vector that points up in the image, shape (3,) float64."""
        return np.array([0.0, sin(self.pitch_rad), cos(self.pitch_rad)])

    def depth_m(self, points: FloatArray) -> FloatArray:
        """Distance of (N, 3) world points along the optical axis, shape (N,) float64."""
        depth: FloatArray = (points - UP * self.height_m) @ self.forward
        return depth

    def project(self, points: FloatArray) -> FloatArray:
        """Pixel positions, (N, 2) float64, of (N, 3) world points in front of the near plane."""
        relative = points - UP * self.height_m
        scale = self.focal_px / np.maximum(relative @ self.forward, NEAR_PLANE_M)
        x_px = self.width_px / 2 + relative[:, 0] * scale
        y_px = self.height_px / 2 - relative @ self.upward * scale
        return np.stack([x_px, y_px], axis=1)

    def rays(self, rows: range, supersample: int) -> FloatArray:
        """Rays with unit depth of the sub-pixels of some rows: (len(rows) * s, W * s, 3) float64."""
        first, last = rows.start * supersample, rows.stop * supersample
        x_px = (np.arange(self.width_px * supersample) + 0.5) / supersample - self.width_px / 2
        y_px = self.height_px / 2 - (np.arange(first, last) + 0.5) / supersample
        right = np.array([1.0, 0.0, 0.0])
        sideways = x_px[None, :, None] / self.focal_px * right
        upwards = y_px[:, None, None] / self.focal_px * self.upward
        return np.asarray(self.forward + sideways + upwards, dtype=np.float64)

    def clip_near(self, polygon: FloatArray) -> FloatArray:
        """Cut an (N, 3) world polygon at the near plane; the result may have no points."""
        depth = self.depth_m(polygon) - NEAR_PLANE_M
        kept: list[FloatArray] = []
        for index in range(len(polygon)):
            following = (index + 1) % len(polygon)
            if depth[index] >= 0:
                kept.append(polygon[index])
            if (depth[index] >= 0) != (depth[following] >= 0):
                share = depth[index] / (depth[index] - depth[following])
                kept.append(polygon[index] + share * (polygon[following] - polygon[index]))
        return np.array(kept).reshape(-1, 3)


@dataclass
class Sprite:
    """Shapes of one object, collected in pixel positions and drawn supersampled over a frame."""

    depth_m: float
    shapes: list[tuple[FloatArray, Colour | Image.Image]] = field(default_factory=list)

    def polygon(self, points_px: FloatArray, colour: Colour) -> None:
        """Add a filled polygon, (N, 2) float64."""
        if len(points_px) >= 3:
            self.shapes.append((points_px, colour))

    def disc(self, centre_px: FloatArray, radius_px: tuple[float, float], colour: Colour) -> None:
        """Add a filled ellipse with horizontal and vertical radius."""
        turn = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
        self.polygon(centre_px + np.stack([np.cos(turn), np.sin(turn)], axis=1) * np.array(radius_px), colour)

    def limb(self, start_px: FloatArray, end_px: FloatArray, radius_px: tuple[float, float], colour: Colour) -> None:
        """Add a tapered, round-ended limb between two (2,) points with a radius at each end."""
        direction = np.asarray(end_px - start_px)
        normal = np.array([-direction[1], direction[0]]) / max(float(np.hypot(*direction)), 1e-6)
        first, last = radius_px
        corners = [
            start_px + normal * first,
            end_px + normal * last,
            end_px - normal * last,
            start_px - normal * first,
        ]
        self.polygon(np.array(corners), colour)
        self.disc(start_px, (first, first), colour)
        self.disc(end_px, (last, last), colour)

    def picture(self, quad_px: FloatArray, picture: Image.Image) -> None:
        """Add an RGB picture on a (4, 2) quad: top left, top right, bottom right, bottom left."""
        self.shapes.append((quad_px, picture))

    def draw_on(self, frame: Image.Image) -> None:
        """Composite the sprite over an RGB frame in place."""
        if not self.shapes:
            return
        points = np.concatenate([shape for shape, _ in self.shapes])
        left, top = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
        right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, frame.size)
        if right <= left or bottom <= top:
            return
        # Only the sprite's own rectangle is supersampled: a whole frame at 4 x 4 would be slow.
        size = (int(right - left) * SUPERSAMPLE, int(bottom - top) * SUPERSAMPLE)
        layer = Image.new("RGBA", size)
        pen = ImageDraw.Draw(layer)
        for shape, fill in self.shapes:
            local = (shape - np.array([left, top])) * SUPERSAMPLE
            if isinstance(fill, Image.Image):
                _paste_quad(layer, local, fill)
            else:
                pen.polygon([(float(x), float(y)) for x, y in local], fill=(*fill, 255))
        small = layer.reduce(SUPERSAMPLE)
        frame.paste(small.convert("RGB"), (int(left), int(top)), small.getchannel("A"))


def _paste_quad(layer: Image.Image, quad: FloatArray, picture: Image.Image) -> None:
    """Map ``picture`` on the (4, 2) quad of ``layer`` with the exact perspective transform."""
    # Shrink first: the transform samples only 4 x 4 source pixels, so a small quad would shimmer.
    span_px = float(np.ptp(quad[:, 0]))
    shrink = max(1, int(picture.width / max(span_px, 1.0)))
    picture = picture.reduce(shrink)
    width, height = picture.size
    source = [(0, 0), (width, 0), (width, height), (0, height)]
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(quad, source, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    coefficients = np.linalg.solve(np.array(rows, dtype=np.float64), np.array(source, dtype=np.float64).ravel())
    data = tuple(float(value) for value in coefficients)
    warped = picture.transform(layer.size, Image.Transform.PERSPECTIVE, data, Image.Resampling.BICUBIC)
    mask = Image.new("L", layer.size)
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in quad], fill=255)
    layer.paste(warped, (0, 0), mask)


def bounding_box(points_px: FloatArray, camera: Camera) -> Box | None:
    """Smallest whole-pixel box round (N, 2) points, cut to the frame; None when out of view."""
    left, top = np.maximum(np.floor(points_px.min(axis=0)), 0)
    right, bottom = np.minimum(np.ceil(points_px.max(axis=0)), (camera.width_px, camera.height_px))
    if right - left < 1 or bottom - top < 1:
        return None
    return int(left), int(top), int(right - left), int(bottom - top)

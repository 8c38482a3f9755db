"""The car of the synthetic CCTV scene, with a readable number plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, sin, tau

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# isort: split
from geometry import Box, Camera, Colour, FloatArray, Light, Sprite, bounding_box, shade, street_to_world

PLATE_WIDTH_M = 0.74  # Larger than the legal 0.52 m, so that it reads in a 640 x 360 frame as well.
PLATE_HEIGHT_M = 0.16


def plate_picture(text: str, ground: Colour) -> Image.Image:
    """A number plate, 480 x 104 pixels RGB: bold dark characters and a blue band on ``ground``."""
    plate = Image.new("RGB", (480, 104), ground)
    pen = ImageDraw.Draw(plate)
    pen.rectangle((0, 0, 479, 103), outline=(25, 25, 25), width=4)
    pen.rectangle((4, 4, 40, 99), fill=(30, 60, 150))
    font = ImageFont.load_default(size=72)
    # The bundled face has one weight; the stroke gives it the bold look of a real plate. Characters sit on
    # a fixed pitch so that each has its own cell.
    pitch = (480 - 64) / len(text)
    for index, character in enumerate(text):
        pen.text(
            (49 + pitch * (index + 0.5), 52),
            character,
            (12, 12, 14),
            font,
            "mm",
            stroke_width=3,
            stroke_fill=(12, 12, 14),
        )
    return plate


@dataclass(frozen=True)
class Car:
    """A hatchback that drives up to the stop line, waits there and drives off past the camera."""

    plate_text: str
    clip_duration_s: float
    paint: Colour = (58, 92, 140)
    lane_across_m: float = 2.4
    stop_along_m: float = -4.95
    approach_m: float = 17.0
    leave_m: float = 8.5

    @property
    def stopped_s(self) -> tuple[float, float]:
        """Start and end of the stop in clip time."""
        return 0.40 * self.clip_duration_s, 0.68 * self.clip_duration_s

    def front_along_m(self, time_s: float) -> float:
        """Street position of the front bumper: constant braking, a stop, constant acceleration."""
        stop_s, go_s = self.stopped_s
        if time_s < stop_s:
            return self.stop_along_m - self.approach_m * (1.0 - time_s / stop_s) ** 2
        if time_s > go_s:
            return self.stop_along_m + self.leave_m * ((time_s - go_s) / (self.clip_duration_s - go_s)) ** 2
        return self.stop_along_m

    def lamps(self, time_s: float) -> FloatArray:
        """World positions of both headlights, (2, 3) float64."""
        return self._world([(-0.02, -0.66, 0.62), (-0.02, 0.66, 0.62)], time_s)

    def _world(self, points: Sequence[Sequence[float]], time_s: float) -> FloatArray:
        """Car coordinates (ahead of the bumper, towards the building, up) to (N, 3) world points."""
        return street_to_world(np.asarray(points) + np.array([self.front_along_m(time_s), self.lane_across_m, 0.0]))

    def draw(self, camera: Camera, time_s: float, light: Light, plate: Image.Image) -> tuple[Sprite, Box | None]:
        """The sprite and the box of the number plate (None when the plate is out of view)."""
        centre = self._world([(-2.0, 0.0, 0.6)], time_s)
        sprite = Sprite(float(camera.depth_m(centre)[0]))
        # The body keeps one light level: shading each face by its own depth would look like folded paper.
        depth = max(sprite.depth_m - 1.5, 1.0)

        def face(points: Sequence[Sequence[float]], colour: Colour, factor: float = 1.0) -> None:
            visible = camera.clip_near(self._world(points, time_s))
            if len(visible):
                sprite.polygon(camera.project(visible), light(shade(colour, factor), depth))

        def wheel(ahead_m: float) -> None:
            turn = np.linspace(0, tau, 28, endpoint=False)
            spin = self.front_along_m(time_s) / 0.31
            for radius_m, tone in ((0.37, 14), (0.315, 30), (0.21, 128), (0.06, 60)):
                face(
                    [(ahead_m + radius_m * cos(a), -0.885, 0.315 + radius_m * sin(a)) for a in turn],
                    (tone,) * 3,
                )
            for spoke in range(5):
                a = spin + tau * spoke / 5
                tip = (ahead_m + 0.2 * cos(a), -0.886, 0.315 + 0.2 * sin(a))
                foot = (ahead_m + 0.05 * cos(a + 1.4), -0.886, 0.315 + 0.05 * sin(a + 1.4))
                face([tip, foot, (ahead_m, -0.886, 0.315)], (66, 66, 68))

        paint, glass, trim = self.paint, (44, 54, 60), (24, 25, 27)
        face([(-0.6, -0.8, 0.06), (-0.6, 0.8, 0.06), (-0.3, 0.8, 0.3), (-0.3, -0.8, 0.3)], (20, 20, 21))
        profile = [(-0.22, 0.22), (-0.22, 0.70), (-1.10, 0.95), (-3.95, 0.98), (-4.1, 0.7), (-4.08, 0.25)]
        face([(f, -0.88, z) for f, z in profile], paint, 0.80)
        face([(-0.2, -0.882, 0.22), (-0.2, -0.882, 0.33), (-4.08, -0.882, 0.35), (-4.08, -0.882, 0.24)], trim)
        wheel(-0.80)
        wheel(-3.25)
        for start in (-1.28, -2.38, -3.3):
            face(
                [
                    (start, -0.883, 0.38),
                    (start, -0.883, 0.94),
                    (start - 0.02, -0.883, 0.94),
                    (start - 0.02, -0.883, 0.38),
                ],
                trim,
            )
        for start in (-2.12, -3.14):
            face(
                [
                    (start, -0.884, 0.80),
                    (start, -0.884, 0.84),
                    (start - 0.16, -0.884, 0.84),
                    (start - 0.16, -0.884, 0.80),
                ],
                paint,
                0.5,
            )
        # Cabin: side with two windows, windscreen, roof.
        face(
            [(-1.10, -0.88, 0.95), (-1.95, -0.66, 1.43), (-3.35, -0.66, 1.43), (-3.95, -0.88, 0.98)],
            paint,
            0.72,
        )
        face(
            [(-1.40, -0.87, 0.98), (-2.02, -0.68, 1.37), (-2.38, -0.68, 1.38), (-2.36, -0.87, 0.99)],
            glass,
            0.9,
        )
        face(
            [(-2.44, -0.87, 0.99), (-2.46, -0.68, 1.38), (-3.28, -0.68, 1.38), (-3.68, -0.86, 1.01)],
            glass,
            0.8,
        )
        face(
            [(-1.95, -0.66, 1.43), (-1.95, 0.66, 1.43), (-3.35, 0.66, 1.43), (-3.35, -0.66, 1.43)],
            paint,
            1.25,
        )
        face(
            [(-1.10, -0.88, 0.95), (-1.10, 0.88, 0.95), (-1.95, 0.66, 1.43), (-1.95, -0.66, 1.43)],
            paint,
            0.62,
        )
        face(
            [(-1.13, -0.80, 0.965), (-1.13, 0.80, 0.965), (-1.92, 0.61, 1.41), (-1.92, -0.61, 1.41)],
            glass,
            1.15,
        )
        face([(-1.13, 0.1, 0.965), (-1.13, 0.5, 0.965), (-1.92, -0.05, 1.41), (-1.92, -0.3, 1.41)], glass, 1.55)
        face([(-1.3, -0.88, 0.93), (-1.3, -1.04, 0.95), (-1.3, -1.04, 1.08), (-1.3, -0.88, 1.06)], paint, 0.9)
        # Bonnet, nose and bumper; the corners are swept back.
        face(
            [
                (-0.22, -0.88, 0.70),
                (-0.03, -0.6, 0.71),
                (-0.03, 0.6, 0.71),
                (-0.22, 0.88, 0.70),
                (-1.10, 0.88, 0.95),
                (-1.10, -0.88, 0.95),
            ],
            paint,
            1.18,
        )
        for sign in (-1.0, 1.0):
            face(
                [
                    (0, sign * 0.6, 0.22),
                    (-0.22, sign * 0.88, 0.22),
                    (-0.22, sign * 0.88, 0.70),
                    (-0.03, sign * 0.6, 0.71),
                ],
                paint,
                0.88,
            )
        face([(0, -0.6, 0.22), (0, 0.6, 0.22), (-0.03, 0.6, 0.71), (-0.03, -0.6, 0.71)], paint, 0.98)
        face([(0.005, -0.38, 0.57), (0.005, 0.38, 0.57), (-0.01, 0.42, 0.66), (-0.01, -0.42, 0.66)], trim)
        face([(0.005, -0.66, 0.24), (0.005, 0.66, 0.24), (0.005, 0.58, 0.33), (0.005, -0.58, 0.33)], trim)
        for sign in (-1.0, 1.0):
            lamp = [
                (0.0, sign * 0.5, 0.56),
                (-0.17, sign * 0.82, 0.58),
                (-0.17, sign * 0.82, 0.68),
                (0.0, sign * 0.5, 0.65),
            ]
            face(lamp, (205, 210, 214))
            face(
                [
                    (0.0, sign * 0.56, 0.58),
                    (-0.1, sign * 0.72, 0.59),
                    (-0.1, sign * 0.72, 0.66),
                    (0.0, sign * 0.56, 0.645),
                ],
                (246, 247, 240),
            )
        return sprite, self._draw_plate(sprite, camera, time_s, plate)

    def _draw_plate(self, sprite: Sprite, camera: Camera, time_s: float, plate: Image.Image) -> Box | None:
        """Add the plate as a picture on the bumper."""
        half, low = PLATE_WIDTH_M / 2, 0.375
        top = low + PLATE_HEIGHT_M
        # Seen from the front, the car's far side (positive across) is on the left.
        corners = self._world(
            [(0.012, half, top), (0.012, -half, top), (0.012, -half, low), (0.012, half, low)], time_s
        )
        if float(camera.depth_m(corners).min()) < 1.0:
            return None
        quad = camera.project(corners)
        sprite.picture(quad, plate)
        return bounding_box(quad, camera)

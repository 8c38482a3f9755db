"""Renders the synthetic CCTV scene frame by frame, together with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Literal, overload

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

# isort: split
from backdrop import PixelArray, build_backdrop, street_furniture
from car import Car, plate_picture
from geometry import Box, ByteArray, Camera, Colour, Sprite
from people import Person

SceneName = Literal["day", "night"]
PLATE_TEXT = "AB12 CDE"
CAMERA_NAME = "CAM 03 HIGH STREET"
CLOCK_START: dict[SceneName, datetime] = {
    "day": datetime(2024, 3, 14, 14, 7, 31),
    "night": datetime(2024, 3, 14, 22, 41, 5),
}
NOISE_SIGMA: dict[SceneName, float] = {"day": 1.7, "night": 4.5}
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

PEOPLE = (
    Person("p1", -15.5, 6.75, (1.0, 0.0), 1.32, 1.78, (150, 48, 44), (52, 58, 78), (214, 166, 138), (58, 40, 28)),
    Person("p2", -5.6, 7.75, (-1.0, 0.0), 1.15, 1.68, (206, 182, 92), (60, 54, 50), (150, 104, 78), (30, 24, 22)),
    # Waits on the near kerb until the car has gone by, then crosses behind it.
    Person(
        "p3",
        -12.3,
        0.55,
        (0.0, 1.0),
        1.4,
        1.82,
        (70, 104, 82),
        (88, 80, 70),
        (224, 180, 152),
        (120, 92, 52),
        3.0,
        5.9,
    ),
)


@dataclass(frozen=True)
class FrameTruth:
    """What one frame shows. Boxes are geometric extents cut to the frame; they ignore occlusion."""

    clock_text: str
    plate_box: Box | None
    people: tuple[tuple[str, Box, Box | None], ...]
    """(name, body box, head box) of each person in view."""


class Scene:
    """One street scene; ``render`` is a pure function of the frame index and its time."""

    def __init__(self, name: SceneName, width_px: int, height_px: int, duration_s: float, seed: int) -> None:
        """Prepare the static parts; ``seed`` selects the textures and the sensor noise."""
        self.name = name
        self.camera = Camera(width_px, height_px)
        self.car = Car(PLATE_TEXT, duration_s)
        self._seed = seed
        self._backdrop = build_backdrop(self.camera, seed)
        self._furniture = street_furniture(self.camera, seed, self._light)
        # At night the plate returns the infra-red light to the camera: it is the brightest surface.
        self._plate = plate_picture(PLATE_TEXT, (232, 233, 228))
        if name == "night":
            self._plate = self._plate.convert("L").convert("RGB")
        self._lit = self._light_backdrop()
        self._vignette = self._vignette_map()

    @property
    def osd_boxes(self) -> dict[str, Box]:
        """Boxes of the burnt-in clock and camera name."""
        pen = ImageDraw.Draw(Image.new("L", (self.camera.width_px, self.camera.height_px)))
        boxes: dict[str, Box] = {}
        for key, text, place, anchor in self._osd("00-00-0000 00:00:00"):
            edges = pen.textbbox(place, text, self._osd_font(), anchor, stroke_width=self._osd_stroke_px())
            left, top, right, bottom = (round(edge) for edge in edges)
            boxes[key] = (left, top, right - left, bottom - top)
        return boxes

    def clock_text(self, time_s: Fraction) -> str:
        """The burnt-in clock at a clip time; it ticks on whole seconds."""
        return f"{CLOCK_START[self.name] + timedelta(seconds=floor(time_s)):%d-%m-%Y %H:%M:%S}"

    def render(self, index: int, time_s: Fraction) -> tuple[ByteArray, FrameTruth]:
        """One frame, (H, W, 3) uint8 RGB, and its truth. ``index`` only selects the sensor noise."""
        at_s = float(time_s)
        image = Image.fromarray(np.clip(self._ground_light(at_s), 0, 255).astype(np.uint8))
        car_sprite, plate_box = self.car.draw(self.camera, at_s, self._light, self._plate)
        sprites: list[Sprite] = [car_sprite, *self._furniture]
        people: list[tuple[str, Box, Box | None]] = []
        for person in PEOPLE:
            sprite, body_box, head_box = person.draw(self.camera, at_s, self._light)
            sprites.append(sprite)
            if body_box is not None:
                people.append((person.name, body_box, head_box))
        for sprite in sorted(sprites, key=lambda each: -each.depth_m):
            sprite.draw_on(image)

        scale = self.camera.height_px / 360
        image = image.filter(ImageFilter.GaussianBlur(0.4 * scale))  # The lens is not perfectly sharp.
        pixels = np.asarray(image).astype(np.float32)
        if self.name == "night":
            self._add_glare(pixels, at_s)
        pixels *= self._vignette[..., None]
        pixels += self._noise(index)
        frame = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
        clock = self.clock_text(time_s)
        pen = ImageDraw.Draw(frame)
        # The recorder burns the text in after the sensor, so it carries no blur and no noise.
        for _, text, place, anchor in self._osd(clock):
            stroke_px = self._osd_stroke_px()
            pen.text(
                place,
                text,
                (250, 250, 250),
                self._osd_font(),
                anchor,
                stroke_width=stroke_px,
                stroke_fill=(8, 8, 8),
            )
        return np.asarray(frame), FrameTruth(clock, plate_box, tuple(people))

    def _light(self, colour: Colour, depth_m: float) -> Colour:
        """Surface colour as recorded: near daylight colour, or infra-red grey that fades with distance."""
        rgb = np.array(colour, dtype=np.float32)
        grey = float(rgb @ LUMA)
        if self.name == "day":
            rgb = 0.88 * rgb + 0.12 * grey
        else:
            # Cloth reflects infra-red more evenly than visible light, hence the lifted grey.
            rgb = np.full(3, (0.75 * grey + 30.0) * _infrared(depth_m), dtype=np.float32)
        red, green, blue = (int(part) for part in np.clip(np.rint(rgb), 0, 255))
        return red, green, blue

    def _light_backdrop(self) -> PixelArray:
        """The empty scene as recorded, (H, W, 3) float32."""
        colour = self._backdrop.colour
        grey = (colour @ LUMA)[..., None]
        if self.name == "day":
            return np.asarray(0.88 * colour + 0.12 * grey, dtype=np.float32)
        street_lamp = self._backdrop.is_ground * np.exp(
            -(((self._backdrop.along_m + 10.4) / 3.0) ** 2) - ((self._backdrop.across_m - 5.5) / 2.2) ** 2
        )
        gain = _infrared(self._backdrop.depth_m) * 0.78 + 0.16 * street_lamp
        return np.asarray(np.repeat(grey * gain[..., None] + self._backdrop.glow[..., None], 3, axis=2), np.float32)

    def _ground_light(self, at_s: float) -> PixelArray:
        """The lit backdrop with contact shadows and, at night, headlight beams: (H, W, 3) float32."""
        along, across, ground = self._backdrop.along_m, self._backdrop.across_m, self._backdrop.is_ground
        front = self.car.front_along_m(at_s)
        ahead, aside = along - front, np.abs(across - self.car.lane_across_m)
        lengthwise = 1 / (1 + np.exp(np.clip((np.abs(ahead + 2.1) - 2.1) / 0.12, -50, 50)))
        sideways = 1 / (1 + np.exp(np.clip((aside - 0.85) / 0.12, -50, 50)))
        shadow = 0.72 * lengthwise * sideways
        for person in PEOPLE:
            foot = person.base(at_s)
            distance2 = (along - foot[0]) ** 2 + (across - foot[1]) ** 2
            shadow = shadow + 0.45 * np.exp(-distance2 / 0.3**2)
        factor = 1 - np.minimum(shadow, 0.85) * ground
        lit = self._lit * factor[..., None].astype(np.float32)
        if self.name == "night":
            reach = np.clip(ahead, 0.0, None)
            beam = np.exp(-((aside / (0.75 + 0.2 * reach)) ** 2)) * np.exp(-reach / 4.5) * (ahead > -0.1) * ground
            lit += (0.62 * beam * (self._backdrop.colour @ LUMA))[..., None].astype(np.float32)
        return np.asarray(lit, dtype=np.float32)

    def _add_glare(self, pixels: PixelArray, at_s: float) -> None:
        """Add the bloom of both headlights to (H, W, 3) float32 pixels in place."""
        lamps = self.car.lamps(at_s)
        rows, columns = np.mgrid[0 : self.camera.height_px, 0 : self.camera.width_px].astype(np.float32)
        for depth, (x_px, y_px) in zip(self.camera.depth_m(lamps), self.camera.project(lamps), strict=True):
            if depth < 1.0:
                continue
            metre_px = self.camera.focal_px / float(depth)
            distance_m = np.hypot(columns - np.float32(x_px), rows - np.float32(y_px)) / np.float32(metre_px)
            # Distant lamps still bloom: the halo of a sensor has a minimum size in pixels.
            spread = max(1.0, float(depth) / 9.0)
            bloom = 260 * np.exp(-((distance_m / (0.11 * spread)) ** 2))
            bloom += 75 * np.exp(-((distance_m / (0.27 * spread)) ** 2)) + 26 * np.exp(-distance_m / (0.8 * spread))
            pixels += bloom[..., None]

    def _noise(self, index: int) -> PixelArray:
        """Sensor noise, (H, W, 3) float32: seeded per frame, so that frames are independent of each other."""
        rng = np.random.default_rng([self._seed, 3, index])
        shape = (self.camera.height_px, self.camera.width_px)
        sigma = NOISE_SIGMA[self.name]
        noise = np.repeat(rng.standard_normal((*shape, 1), dtype=np.float32) * np.float32(sigma), 3, axis=2)
        if self.name == "day":
            noise += rng.standard_normal((*shape, 3), dtype=np.float32) * np.float32(0.6)
        return noise

    def _vignette_map(self) -> PixelArray:
        """Lens fall-off, (H, W) float32; at night the infra-red lamp adds its own."""
        y, x = np.mgrid[-1 : 1 : self.camera.height_px * 1j, -1 : 1 : self.camera.width_px * 1j]
        strength = 0.14 if self.name == "day" else 0.38
        return np.asarray(1 - strength * (0.6 * x**2 + 0.4 * y**2), dtype=np.float32)

    def _osd(self, clock: str) -> tuple[tuple[str, str, tuple[int, int], str], ...]:
        """Key, text, position and anchor of the burnt-in texts."""
        margin = round(8 * self.camera.height_px / 360)
        name_place = (self.camera.width_px - margin, self.camera.height_px - margin)
        # Placed by the widest text, so that the clock does not jump about when its digits change.
        clock_width_px = ceil(self._osd_font().getlength("00-00-0000 00:00:00"))
        clock_place = (self.camera.width_px - margin - clock_width_px, margin)
        return ("clock", clock, clock_place, "la"), ("camera_name", CAMERA_NAME, name_place, "rd")

    def _osd_font(self) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(size=round(17 * self.camera.height_px / 360))

    def _osd_stroke_px(self) -> int:
        return max(1, round(1.2 * self.camera.height_px / 360))


@overload
def _infrared(depth_m: float) -> float: ...
@overload
def _infrared(depth_m: PixelArray) -> PixelArray: ...
def _infrared(depth_m: float | PixelArray) -> float | PixelArray:
    """Illumination by the camera's infra-red lamp at a distance; scalar or any shape."""
    gain = 0.10 + 0.92 * np.exp((5.0 - depth_m) / 9.5)
    return float(gain) if isinstance(depth_m, float) else np.asarray(gain, dtype=np.float32)

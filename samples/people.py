"""The people of the synthetic CCTV scene: articulated walkers with simple faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, sin, tau

import numpy as np

# isort: split
from geometry import (
    ACROSS,
    ALONG,
    UP,
    Box,
    Camera,
    Colour,
    FloatArray,
    Light,
    Sprite,
    bounding_box,
    shade,
    street_to_world,
)

STRIDE_M = 1.45
HEAD_CENTRE = (0.012, 0.0, 0.932)
"""Ahead, aside, up; like all joints in units of the body height."""
HEAD_RADII = (0.054, 0.070)


@dataclass(frozen=True)
class Person:
    """A walker: a 3-D stick skeleton with thick limbs, drawn for a given time."""

    name: str
    start_along_m: float
    start_across_m: float
    heading: tuple[float, float]
    """Unit direction (along, across)."""
    speed_m_s: float
    height_m: float
    coat: Colour
    trousers: Colour
    skin: Colour
    hair: Colour
    start_s: float = 0.0
    """Stands still before this time."""
    walk_m: float = 1e9
    """Stands still after this distance."""

    def walked_m(self, time_s: float) -> float:
        """Distance walked since the start of the clip."""
        return min(max(0.0, time_s - self.start_s) * self.speed_m_s, self.walk_m)

    def base(self, time_s: float) -> FloatArray:
        """Ground position in street coordinates, shape (3,) float64."""
        walked = self.walked_m(time_s)
        return np.array(
            [
                self.start_along_m + self.heading[0] * walked,
                self.start_across_m + self.heading[1] * walked,
                0.0,
            ]
        )

    def draw(self, camera: Camera, time_s: float, light: Light) -> tuple[Sprite, Box | None, Box | None]:
        """The sprite, the box of the whole body and the box of the head."""
        walked = self.walked_m(time_s)
        moving = 0.0 < walked < self.walk_m
        phase = tau * walked / STRIDE_M + self.height_m * 9.0
        forward = self.heading[0] * ALONG + self.heading[1] * ACROSS
        side = np.cross(UP, forward)
        origin = street_to_world(self.base(time_s)[None, :])[0]
        depth = float(camera.depth_m(origin[None, :])[0])
        scale = camera.focal_px / depth * self.height_m
        swing = 0.46 if moving else 0.04

        legs: list[list[tuple[float, float, float]]] = []
        arms: list[list[tuple[float, float, float]]] = []
        for sign in (-1.0, 1.0):
            angle = swing * sin(phase) * sign
            # The knee bends while its leg swings forward; otherwise the foot would pass through the ground.
            knee = 0.08 + (1.5 * swing * max(0.0, cos(phase) * sign) if moving else 0.0)
            hip = (0.0, sign * 0.055, 0.52)
            knee_at = (0.25 * sin(angle), hip[1], 0.52 - 0.25 * cos(angle))
            ankle = (knee_at[0] + 0.23 * sin(angle - knee), hip[1], knee_at[2] - 0.23 * cos(angle - knee))
            legs.append([hip, knee_at, ankle, (ankle[0] + 0.085, hip[1], ankle[2] - 0.025)])
            arm = -0.9 * angle
            elbow = (0.17 * sin(arm), sign * 0.135, 0.80 - 0.17 * cos(arm))
            hand = (elbow[0] + 0.15 * sin(arm + 0.45), sign * 0.13, elbow[2] - 0.15 * cos(arm + 0.45))
            arms.append([(0.0, sign * 0.115, 0.80), elbow, hand])
        sink = min(leg[3][2] for leg in legs) - 0.015  # Keeps the lower foot on the ground (body bob).

        def at(joint: Sequence[float]) -> FloatArray:
            offset = joint[0] * forward + joint[1] * side + (joint[2] - sink) * UP
            pixel: FloatArray = camera.project((origin + self.height_m * offset)[None, :])[0]
            return pixel

        sprite = Sprite(depth)
        view = -origin / max(float(np.hypot(origin[0], origin[1])), 1e-6)
        # Far limbs first: +1 where the side axis points away from the camera.
        order = (1, 0) if float(side @ view) < 0 else (0, 1)
        coat, trousers, skin, hair = (light(part, depth) for part in (self.coat, self.trousers, self.skin, self.hair))
        shoe = light((34, 30, 30), depth)

        def arm_of(index: int, factor: float) -> None:
            shoulder, elbow, hand = (at(joint) for joint in arms[index])
            sprite.limb(shoulder, elbow, (0.036 * scale, 0.030 * scale), shade(coat, factor))
            sprite.limb(elbow, hand, (0.030 * scale, 0.023 * scale), shade(coat, factor))
            sprite.disc(hand, (0.022 * scale, 0.024 * scale), shade(skin, factor))

        arm_of(order[0], 0.72)
        for leg, factor in zip(order, (0.75, 1.0), strict=True):
            hip_px, knee_px, ankle_px, toe_px = (at(joint) for joint in legs[leg])
            sprite.limb(ankle_px, toe_px, (0.026 * scale, 0.020 * scale), shoe)
            sprite.limb(hip_px, knee_px, (0.058 * scale, 0.042 * scale), shade(trousers, factor))
            sprite.limb(knee_px, ankle_px, (0.042 * scale, 0.030 * scale), shade(trousers, factor))
        for low, high, width, tone in ((0.50, 0.80, 0.062, 0.92), (0.56, 0.79, 0.052, 1.0)):
            for sign in (-1.0, 1.0):
                ends = at((0, sign * 0.042, low)), at((0, sign * 0.072, high))
                sprite.limb(*ends, (width * scale, width * 0.9 * scale), shade(coat, tone))
        sprite.limb(at((0, 0, 0.80)), at((0, 0, 0.87)), (0.033 * scale, 0.030 * scale), shade(skin, 0.8))
        arm_of(order[1], 1.06)
        near_side = 1.0 if float(side @ view) > 0 else -1.0
        _draw_head(sprite, at, scale, (skin, hair), float(forward @ view), near_side)
        head_extent = np.array([[-1.0, -1.0], [1.0, 1.0]]) * np.array(HEAD_RADII) * 1.06 * scale
        head_box = bounding_box(at(HEAD_CENTRE) + head_extent, camera)
        body = np.concatenate([shape for shape, _ in sprite.shapes])
        return sprite, bounding_box(body, camera), head_box


def _draw_head(
    sprite: Sprite,
    at: Callable[[Sequence[float]], FloatArray],
    scale: float,
    tones: tuple[Colour, Colour],
    facing: float,
    near_side: float,
) -> None:
    """Draw skull, hair and, when the person faces the camera, eyes, brows, nose and mouth."""
    skin, hair = tones
    centre = at(HEAD_CENTRE)
    width, height = HEAD_RADII[0] * scale, HEAD_RADII[1] * scale
    sprite.disc(centre - np.array([0.0, 0.010 * scale]), (width * 1.06, height * 1.02), hair)
    if facing > -0.35:
        sprite.disc(at((0.024, 0.0, 0.922)), (width * 0.93, height * 0.90), skin)
    if facing > -0.2:
        dark = shade(skin, 0.38)
        # In profile only the near eye shows.
        for sign in (-near_side, near_side) if facing > 0.35 else (near_side,):
            eye = at((0.050, sign * 0.021, 0.938))
            sprite.disc(eye, (0.0105 * scale, 0.0065 * scale), shade(skin, 1.25))
            sprite.disc(eye, (0.0060 * scale, 0.0065 * scale), shade(hair, 0.5))
            brow = at((0.050, sign * 0.021, 0.953))
            sprite.disc(brow, (0.014 * scale, 0.0042 * scale), shade(hair, 0.8))
        nose = at((0.060, 0.0, 0.932)), at((0.066, 0.0, 0.915))
        sprite.limb(*nose, (0.003 * scale, 0.007 * scale), shade(skin, 0.80))
        sprite.disc(at((0.052, 0.0, 0.894)), (0.017 * scale, 0.0052 * scale), dark)

"""The static part of the synthetic CCTV scene: street, shop fronts and street furniture.

The surfaces are ray cast once per clip: each sub-pixel is traced to the ground, to the shop fronts or to the
end of the street, and coloured from its position in metres. That gives correct perspective and fine texture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

# isort: split
from geometry import ACROSS, ALONG, Camera, Colour, FloatArray, Light, Sprite, street_to_world

BoolArray = npt.NDArray[np.bool_]
PixelArray = npt.NDArray[np.float32]

KERB_NEAR_M, KERB_FAR_M, FRONTS_M, STREET_END_M = 0.9, 5.9, 8.6, -48.0
BAY_M = 5.0
SHOP_NAMES = ("BAKERY", "CHEMIST", "BOOKS", "CAFE")
RAY_SUPERSAMPLE = 3
ROWS_PER_BAND = 20  # Bounds the memory of the ray casting to some tens of megabytes.


@dataclass(frozen=True)
class Backdrop:
    """The empty scene at frame size, before lighting."""

    colour: PixelArray
    """(H, W, 3) float32, daylight colour 0..255."""
    glow: PixelArray
    """(H, W) float32, light that shop windows give off at night, 0..255."""
    depth_m: PixelArray
    """(H, W) float32."""
    along_m: PixelArray
    """(H, W) float32, street coordinate of the surface."""
    across_m: PixelArray
    """(H, W) float32, street coordinate of the surface."""
    is_ground: BoolArray
    """(H, W) bool, true on road and pavement."""


class _Texture:
    """Seeded smooth noise that can be looked up at any position in metres."""

    def __init__(self, seed: int) -> None:
        self._table = np.random.default_rng([seed, 1]).random((256, 256))

    def smooth(self, x: FloatArray, y: FloatArray, cell_m: float) -> FloatArray:
        """Bilinear value noise in -0.5..0.5, same shape as ``x``."""
        column, row = np.floor(x / cell_m).astype(np.int64), np.floor(y / cell_m).astype(np.int64)
        fx, fy = x / cell_m - column, y / cell_m - row

        def at(dx: int, dy: int) -> FloatArray:
            return np.asarray(self._table[(row + dy) & 255, (column + dx) & 255])

        upper = at(0, 0) * (1 - fx) + at(1, 0) * fx
        lower = at(0, 1) * (1 - fx) + at(1, 1) * fx
        return np.asarray(upper * (1 - fy) + lower * fy - 0.5)

    def per_cell(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """One value in -0.5..0.5 for each whole (x, y) cell, e.g. the tone of a brick."""
        return np.asarray(self._table[y.astype(np.int64) & 255, x.astype(np.int64) & 255] - 0.5)


def _ground(along: FloatArray, across: FloatArray, texture: _Texture) -> FloatArray:
    """Colours, (..., 3) float64, of ground positions."""
    grain = texture.smooth(along, across, 0.035) * 26 + texture.smooth(along, across, 0.3) * 12
    stains = texture.smooth(along, across, 1.7) * 16
    tone = np.array([96.0, 97.0, 99.0]) + (grain + stains)[..., None]
    # Tyre tracks: two darker bands in the used lane.
    tracks = np.exp(-(((np.abs(across - 2.4) - 0.72) / 0.28) ** 2))
    tone -= (tracks * 11)[..., None]
    patch = (np.abs(along + 9.3) < 1.1) & (np.abs(across - 4.6) < 0.75)
    tone[patch] -= 20
    worn = 0.86 + 0.35 * texture.smooth(along, across, 0.11)
    lines = (np.abs(across - 3.75) < 0.06) & (np.mod(along, 3.0) < 1.6)
    lines |= (np.abs(along + 4.35) < 0.16) & (across > KERB_NEAR_M + 0.2) & (across < 3.7)
    tone[lines] = (np.array([214.0, 214.0, 208.0]) * worn[..., None])[lines]
    yellow = (np.abs(across - (KERB_FAR_M - 0.3)) < 0.05) | (np.abs(across - (KERB_FAR_M - 0.5)) < 0.05)
    tone[yellow] = (np.array([196.0, 164.0, 62.0]) * worn[..., None])[yellow]
    cover = (along + 7.6) ** 2 + (across - 4.7) ** 2
    tone[cover < 0.3**2] = np.array([66.0, 64.0, 62.0])
    tone[cover < 0.25**2] += (np.sin(along * 70) * np.sin(across * 70) * 14)[cover < 0.25**2][:, None]

    paved = (across < KERB_NEAR_M) | (across > KERB_FAR_M)
    slab_x, slab_y = np.floor(along / 0.75), np.floor(across / 0.6)
    slab = 148 + 22 * texture.per_cell(slab_x, slab_y) + 0.7 * grain + stains
    joint = (np.mod(along, 0.75) < 0.03) | (np.mod(across, 0.6) < 0.03)
    slab = np.where(joint, slab - 42, slab)
    tone[paved] = (slab[..., None] * np.array([1.0, 0.97, 0.92]))[paved]
    kerb = (np.abs(across - KERB_NEAR_M) < 0.09) | (np.abs(across - KERB_FAR_M) < 0.09)
    kerb_tone = np.where(np.mod(along, 0.9) < 0.03, 110.0, 172.0) + grain
    tone[kerb] = (kerb_tone[..., None] * np.array([1.0, 0.99, 0.96]))[kerb]
    return np.asarray(tone)


def _shop_signs() -> FloatArray:
    """The name boards of all bays, (N, 64, 640) float64, 1 where there is a letter."""
    font = ImageFont.load_default(size=50)
    boards = []
    for name in SHOP_NAMES:
        board = Image.new("L", (640, 64))
        ImageDraw.Draw(board).text((320, 32), name, 255, font, "mm", stroke_width=1)
        boards.append(np.asarray(board, dtype=np.float64) / 255)
    return np.stack(boards)


def _fronts(along: FloatArray, z: FloatArray, texture: _Texture, signs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Colours, (..., 3), and night glow, (...), of positions on the shop fronts."""
    u = -along  # Grows to the right in the picture, so that the signs read the right way round.
    bay, inside = np.floor(u / BAY_M).astype(np.int64), np.mod(u, BAY_M)
    course = np.floor(z / 0.085)
    shifted = u / 0.24 + 0.5 * np.mod(course, 2)
    brick = 1 + 0.34 * texture.per_cell(np.floor(shifted), course) + 0.25 * texture.smooth(u, z, 0.05)
    brick += 0.3 * texture.smooth(u, z, 1.4)
    tone = np.array([142.0, 88.0, 70.0]) * brick[..., None]
    mortar = (np.mod(shifted, 1.0) < 0.06) | (np.mod(z / 0.085, 1.0) < 0.14)
    tone[mortar] = np.array([156.0, 146.0, 134.0])
    plinth = z < 0.4
    tone[plinth] = (np.array([104.0, 102.0, 98.0]) + (texture.smooth(u, z, 0.08) * 22)[..., None])[plinth]

    window = (inside > 1.6) & (inside < 4.55) & (z > 0.55) & (z < 2.4)
    door = (inside > 0.5) & (inside < 1.45) & (z < 2.25)
    frame = (inside > 1.52) & (inside < 4.63) & (z > 0.47) & (z < 2.48) & ~window
    frame |= window & (np.abs(inside - 3.05) < 0.04)
    # Shop windows: goods on shelves low down, a sloping reflection higher up.
    goods = 40 + 110 * (texture.per_cell(np.floor(u / 0.22), np.floor(z / 0.38)) + 0.5) * (np.mod(z, 0.38) < 0.26)
    reflection = 62 + 40 * np.clip((z - 1.2) + 0.5 * np.sin(u * 1.3), 0, 1)
    glass = np.where(z < 1.5, 0.55 * goods + 0.45 * reflection, reflection)
    hue = texture.per_cell(np.floor(u / 0.22) + 40, np.floor(z / 0.38))[..., None] * np.array([0.5, 0.0, -0.5]) + 1
    tone[window] = (glass[..., None] * hue * np.array([0.92, 0.98, 1.05]))[window]
    tone[door] = np.array([48.0, 66.0, 60.0])
    pane = door & (np.abs(inside - 0.975) < 0.3) & (z > 0.9) & (z < 2.0)
    tone[pane] = np.array([82.0, 90.0, 94.0])
    tone[frame] = np.array([206.0, 202.0, 192.0])

    paints = np.array([[38, 76, 62], [116, 36, 40], [40, 56, 98], [70, 60, 54]], dtype=np.float64)
    board = (z > 2.55) & (z < 3.1)
    tone[board] = paints[np.mod(bay, len(paints))][board]
    column = np.clip(inside / BAY_M * 640, 0, 639).astype(np.int64)
    line = np.clip((3.1 - z) / 0.55 * 64, 0, 63).astype(np.int64)
    ink = signs[np.mod(bay, len(signs)), line, column] * board
    tone += ink[..., None] * (np.array([232.0, 226.0, 206.0]) - tone)
    lit = window & (np.mod(bay, 3) == 0) & ~frame
    glow = np.where(lit, 30 + 0.5 * goods, 0.0) + np.where(pane & (np.mod(bay, 3) == 0), 40.0, 0.0)
    return tone, glow


def build_backdrop(camera: Camera, seed: int) -> Backdrop:
    """Ray cast the empty scene; the same camera and seed give the same arrays."""
    texture, signs = _Texture(seed), _shop_signs()
    planes: list[PixelArray] = []
    for first in range(0, camera.height_px, ROWS_PER_BAND):
        rows = range(first, min(first + ROWS_PER_BAND, camera.height_px))
        rays = camera.rays(rows, RAY_SUPERSAMPLE)
        to_along, to_across, rise = rays @ ALONG, rays @ ACROSS, rays[..., 2]
        far = 400.0
        ground = np.where(rise < -1e-6, camera.height_m / np.maximum(-rise, 1e-6), far)
        front = np.where(to_across > 1e-6, FRONTS_M / np.maximum(to_across, 1e-6), far)
        end = np.where(to_along < -1e-6, STREET_END_M / np.minimum(to_along, -1e-6), far)
        depth = np.minimum(np.minimum(ground, front), end)
        along, across, z = to_along * depth, to_across * depth, camera.height_m + rise * depth
        tone = _ground(along, across, texture)
        front_tone, glow = _fronts(along, z, texture, signs)
        on_front = (front <= ground) & (front <= end)
        tone[on_front] = front_tone[on_front]
        on_end = (end < ground) & ~on_front
        # The end of the street: a plain block with rows of windows.
        windows = (np.mod(across, 2.2) < 1.1) & (np.mod(z + 0.6, 2.8) > 1.3)
        block = np.where(windows[..., None], np.array([88.0, 96.0, 104.0]), np.array([158.0, 150.0, 140.0]))
        tone[on_end] = block[on_end]
        tone[z > 11.0] = np.array([206.0, 212.0, 216.0])
        # Haze: distant surfaces lose contrast, as they do through the cheap dome of a street camera.
        haze = (1 - np.exp(-np.maximum(depth - 8.0, 0.0) / 90.0))[..., None]
        tone += haze * (np.array([186.0, 190.0, 194.0]) - tone)
        layers = [tone, (glow * on_front)[..., None], np.minimum(depth, 60.0)[..., None]]
        layers += [along[..., None], across[..., None], ((ground < front) & (ground < end))[..., None]]
        stack = np.concatenate(layers, axis=2)
        step = RAY_SUPERSAMPLE
        pooled = stack.reshape(len(rows), step, camera.width_px, step, -1).mean(axis=(1, 3))
        planes.append(pooled.astype(np.float32))
    maps = np.concatenate(planes)
    return Backdrop(maps[..., :3], maps[..., 3], maps[..., 4], maps[..., 5], maps[..., 6], maps[..., 7] > 0.5)


def street_furniture(camera: Camera, seed: int, light: Light) -> list[Sprite]:
    """Lamp post, bollards and a tree: static, but drawn by depth because people walk behind them."""
    rng = np.random.default_rng([seed, 2])
    sprites: list[Sprite] = []

    def post(along: float, height_m: float, radius_m: float, colour: Colour) -> Sprite:
        ends = street_to_world([[along, KERB_FAR_M + 0.35, 0.0], [along, KERB_FAR_M + 0.35, height_m]])
        depth = float(camera.depth_m(ends[:1])[0])
        radius_px = radius_m * camera.focal_px / depth
        foot, top = camera.project(ends)
        sprite = Sprite(depth)
        sprite.limb(foot, top, (radius_px, radius_px * 0.85), light(colour, depth))
        sprites.append(sprite)
        return sprite

    for along in (-6.1, -8.1, -13.0):
        post(along, 0.95, 0.07, (42, 44, 46))
    post(-10.4, 6.0, 0.065, (92, 98, 100))
    tree = post(-17.5, 2.6, 0.14, (78, 66, 54))
    crown = street_to_world([[-17.5, KERB_FAR_M + 0.35, 3.3]])[0]
    for _ in range(420):
        offset = rng.normal(size=3) * np.array([0.75, 0.75, 0.5])
        leaf = camera.project((crown + offset)[None, :])[0]
        size_px = float(rng.uniform(0.05, 0.13)) * camera.focal_px / tree.depth_m
        tone = int(rng.integers(-22, 26)) + int(18 * offset[2])
        tree.disc(leaf, (size_px, size_px * 0.8), light((70 + tone, 92 + tone, 52 + tone), tree.depth_m))
    return sprites

"""What moves in a static camera's picture, and how well a copy keeps it: the study's own judge.

Nothing of the product's region finding is used here, so that it cannot mark its own work. A cell of 4x4
pixels is *different* where its mean departs from the clip's median picture, and *busy* where it departs
from the frames a little before and after; both thresholds follow from each cell's own unrest, so that
noise and leaves raise them. What moves are the connected different areas that are busy somewhere: the
inside of a plain car counts, a car that is parked does not.

``python -m benchmarks.moving CLIP... --masks FOLDER`` writes pictures of the masks to look at.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from transcoder.media import frames
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.metrics import ssim
from transcoder.model import SourceInfo, VideoTrack

CELL_PX = 4
"""The grid of the SSIM map."""
BLOCK_CELLS = 4
LEAST_DIFFERENCE = 9.0
"""In levels of 255, for plain cells without any unrest of their own."""
UNREST_FACTOR = 6.0
EDGE_SHARE = 0.35
"""Of the background's local contrast: a camera that shakes by a pixel does not make its edges move."""
REACH_S = 0.25
"""How far away in time the frames are that a busy cell departs from."""
LEAST_CELLS = 10
"""A smaller area is taken for noise: 160 pixels."""
LEAST_SHARE = 0.25
"""Of a block's cells that must move for the block to count."""
_SAMPLES = 200

Cells = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How a copy compares with its source; SSIM throughout, luma unless it says otherwise."""

    moving_mean: float
    moving_p1: float
    frame_mean: float
    frame_p1: float
    tile_worst: float
    tile_p1: float
    """The 1st percentile over frames of each frame's worst tile."""
    cb_mean: float
    cr_mean: float
    still_mean: float
    """Over the blocks that do not move."""


def moving_blocks(source: SourceInfo) -> Mask:
    """Which blocks of 16x16 pixels move: shape (frames, rows, columns)."""
    track = _track(source)
    cells = np.stack([_cells(planes[0]) for planes in _planes(source.path, track)])
    return moving_in(cells, float(track.frames / track.duration_s))


def moving_in(cells: Cells, rate: float) -> Mask:
    """The same from the means of the cells, shape (frames, rows, columns).

    :param rate: frames a second.
    """
    count = len(cells)
    reach = max(1, round(REACH_S * rate))
    kernel = np.ones((3, 3), dtype=np.uint8)
    chosen = cells[np.linspace(0, count - 1, min(count, _SAMPLES)).astype(int)]
    usual = _usual(chosen)
    contrast = cv2.dilate(usual, kernel) - cv2.erode(usual, kernel)
    limit = np.maximum(LEAST_DIFFERENCE, UNREST_FACTOR * _unrest(cells, reach)) + EDGE_SHARE * contrast
    rows, columns = -(-cells.shape[1] // BLOCK_CELLS), -(-cells.shape[2] // BLOCK_CELLS)
    blocks = np.zeros((count, rows, columns), dtype=np.bool_)
    padding = ((0, rows * BLOCK_CELLS - cells.shape[1]), (0, columns * BLOCK_CELLS - cells.shape[2]))
    for number in range(count):
        now = cells[number].astype(np.float32)
        different = _change(now, usual) > limit
        busy = np.zeros_like(different)
        for other in (max(0, number - reach), min(count - 1, number + reach)):
            busy |= _change(now, cells[other].astype(np.float32)) > limit
        joined = _bytes(cv2.morphologyEx((different & _near(busy)).astype(np.uint8), cv2.MORPH_CLOSE, kernel))
        area = np.pad(_large(joined, busy), padding).reshape(rows, BLOCK_CELLS, columns, BLOCK_CELLS)
        blocks[number] = area.mean(axis=(1, 3)) >= LEAST_SHARE
    return blocks


def _usual(chosen: Cells) -> NDArray[np.float32]:
    """The value each cell has most often, within 8 levels: somebody who stands there half the time is no background."""
    votes = np.zeros((32, *chosen.shape[1:]), dtype=np.int32)
    for level in range(32):
        votes[level] = ((chosen >> 3) == level).sum(axis=0)
    pairs = votes[:-1] + votes[1:]
    low = pairs.argmax(axis=0) * 8
    inside = (chosen >= low) & (chosen < low + 16)
    total = np.where(inside, chosen, 0).sum(axis=0, dtype=np.float32)
    result: NDArray[np.float32] = (total / np.maximum(1, inside.sum(axis=0))).astype(np.float32)
    return result


def _change(now: NDArray[np.float32], before: NDArray[np.float32]) -> NDArray[np.float32]:
    """The difference of two pictures, without what exposure and passing clouds do to the whole and its ninths."""
    difference = now - before
    rows, columns = difference.shape
    ninths = np.array(
        [
            [
                np.median(difference[y * rows // 3 : (y + 1) * rows // 3, x * columns // 3 : (x + 1) * columns // 3])
                for x in range(3)
            ]
            for y in range(3)
        ],
        dtype=np.float32,
    )
    shade = cv2.resize(ninths, (columns, rows), interpolation=cv2.INTER_LINEAR)
    result: NDArray[np.float32] = np.abs(difference - shade)
    return result


def _unrest(cells: Cells, reach: int) -> NDArray[np.float32]:
    """The usual change of each cell over ``reach`` frames, as a standard deviation: traffic does not move a median."""
    step = max(1, len(cells) // 400)
    change = np.abs(cells[reach::step].astype(np.int16) - cells[:-reach:step].astype(np.int16))
    return (1.4826 * np.median(change, axis=0)).astype(np.float32)


def _near(busy: Mask) -> Mask:
    """Busy cells and 32 pixels around them: the plain inside of a thing is not busy, its edges are."""
    return cv2.dilate(busy.astype(np.uint8), np.ones((17, 17), dtype=np.uint8)).astype(np.bool_)


def _large(joined: Cells, busy: Mask) -> Mask:
    """The connected areas that are large enough and busy somewhere."""
    count, labels, facts, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    keep = np.zeros(count, dtype=np.bool_)
    touched = np.bincount(labels[busy], minlength=count)
    for label in range(1, count):
        keep[label] = facts[label, cv2.CC_STAT_AREA] >= LEAST_CELLS and touched[label] > 0
    kept: Mask = keep[labels]
    return kept


def compare(source: SourceInfo, output: Path, blocks: Mask) -> Fidelity:
    """Compare a copy with its source, first frame with first and so on.

    :raises ValueError: where the copy has another number of frames or another size.
    """
    track = _track(source)
    copied = _track(probe(output, sha256=""))
    if (copied.width, copied.height) != (track.width, track.height):
        raise ValueError(f"{output.name}: {copied.width}x{copied.height}")
    grid = ssim.TileGrid(track.width, track.height)
    moving: list[float] = []
    still: list[float] = []
    whole: list[float] = []
    tiles: list[float] = []
    chroma: dict[int, list[float]] = {1: [], 2: []}
    pairs = zip(_planes(source.path, track), _planes(output, copied, like=track), strict=True)
    for number, (original, copy) in enumerate(pairs):
        values, _ = ssim.ssim_map(original[0], copy[0])
        whole.append(ssim.mean(values))
        tiles.append(float(grid.means(values).min()))
        mask = _on_map(blocks[number], values.shape)
        if mask.any():
            moving.append(float(values[mask].mean(dtype=np.float64)))
        still.append(float(values[~mask].mean(dtype=np.float64)))
        for plane, found in chroma.items():
            if plane < len(original):
                found.append(ssim.mean(ssim.ssim_map(original[plane], copy[plane])[0]))
    return Fidelity(
        moving_mean=_mean(moving),
        moving_p1=_lowest(moving),
        frame_mean=_mean(whole),
        frame_p1=_lowest(whole),
        tile_worst=min(tiles),
        tile_p1=_lowest(tiles),
        cb_mean=_mean(chroma[1]),
        cr_mean=_mean(chroma[2]),
        still_mean=_mean(still),
    )


def _on_map(blocks: Mask, shape: tuple[int, ...]) -> Mask:
    """Each window of the SSIM map belongs to the block it starts in."""
    wide: Mask = np.repeat(np.repeat(blocks, BLOCK_CELLS, axis=0), BLOCK_CELLS, axis=1)
    return wide[: shape[0], : shape[1]]


def _track(source: SourceInfo) -> VideoTrack:
    if source.video is None:
        raise ValueError(f"{source.name} holds no video")
    return source.video


def _planes(path: Path, track: VideoTrack, like: VideoTrack | None = None) -> Iterator[frames.Planes]:
    wanted = frames.comparison_format((like or track).pixel_format)
    full_range = (like or track).color_range == frames.FULL_RANGE
    for timed in read_frames(path, track):
        yield frames.planes_of(frames.convert(timed.frame, wanted, full_range=full_range))


def _cells(luma: NDArray[Any]) -> Cells:
    height, width = luma.shape[0] // CELL_PX, luma.shape[1] // CELL_PX
    covered = np.ascontiguousarray(luma[: height * CELL_PX, : width * CELL_PX], dtype=np.uint8)
    return _bytes(cv2.resize(covered, (width, height), interpolation=cv2.INTER_AREA))


def _bytes(picture: cv2.typing.MatLike) -> Cells:
    """What OpenCV gives back, typed."""
    return np.asarray(picture, dtype=np.uint8)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _lowest(values: Sequence[float]) -> float:
    """The 1st percentile."""
    return float(np.percentile(values, 1)) if values else float("nan")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--masks", type=Path, default=None, help="a folder for six pictures of each clip")
    options = parser.parse_args(arguments)
    for clip in options.clips:
        source = probe(clip, sha256="")
        blocks = moving_blocks(source)
        busy = blocks.any(axis=(1, 2))
        print(f"{clip.name}: {blocks.mean():.2%} of the picture moves, in {busy.mean():.1%} of {len(blocks)} frames")
        if options.masks is not None:
            _draw(source, blocks, options.masks)


def _draw(source: SourceInfo, blocks: Mask, folder: Path) -> None:
    """Pictures with what moves left bright, for the eye to judge."""
    folder.mkdir(parents=True, exist_ok=True)
    moments = set(np.linspace(0, len(blocks) - 1, 8).astype(int)[1:-1])
    for number, planes in enumerate(_planes(source.path, _track(source))):
        if number in moments:
            luma = np.asarray(planes[0])
            wide = np.kron(blocks[number], np.ones((16, 16), dtype=np.bool_))[: luma.shape[0], : luma.shape[1]]
            cv2.imwrite(str(folder / f"{source.path.stem}-{number:05}.png"), np.where(wide, luma, luma // 3))


if __name__ == "__main__":
    main()

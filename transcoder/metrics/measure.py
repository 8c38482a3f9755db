"""Measuring an output against its source: one decode of each, every frame, all metrics.

Comparison is in the source's own sample layout and size, so that a loss of chroma resolution, size or bit depth in
the output shows in its score.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from transcoder.errors import OutputMismatch
from transcoder.media import documents, frames, stills
from transcoder.media.containers import library_errors
from transcoder.media.reader import TimedFrame
from transcoder.metrics import plain, ssim
from transcoder.metrics.areas import RegionScores, View, Viewer, WindowSums
from transcoder.metrics.pairing import Output, Pair, pairs
from transcoder.metrics.series import Series
from transcoder.model import Fidelity, Region, Score, VideoTrack

Tick = Callable[[str, int, int | None], None]
VERSION = "1"
_PLANES = ("y", "cb", "cr")
_PLAIN_PIXELS = 60_000_000
"""Of a video's luma: up to here measuring without the compiler takes less time than loading it."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The scores, and for people to look at: the picture pair of the worst moment, and each region's own."""

    fidelity: Fidelity
    before: Image.Image
    after: Image.Image
    views: tuple[View, ...] = ()
    series: Collector | None = None
    """Every frame's values, of a video: parts are joined from them."""


def measure_video(
    source: Path, track: VideoTrack, outputs: Sequence[Output], tick: Tick, regions: Sequence[Region] = ()
) -> Measurement:
    """Compare a video frame by frame with the files that hold its frames one after the other.

    :param source: the original file.
    :param track: its video track as probed.
    :param regions: measured each and by class, beside the whole frame.
    :raises OutputMismatch: see ``pairing.pairs``.
    """
    collector = Collector(track, regions)
    with library_errors("measuring", outputs[0].path):
        for number, pair in enumerate(pairs(source, track, outputs), start=1):
            collector.add(pair)
            tick("measure", number, track.frames)
    return collector.result()


class Joined:
    """The measurement of a set of parts, each measured by itself, in any order; holds few pictures."""

    def __init__(self) -> None:
        self._parts: dict[int, Collector] = {}
        self._views: dict[int, tuple[View, ...]] = {}
        self._worst: Measurement | None = None
        self._lowest = 2.0

    def add(self, first: int, part: Measurement) -> None:
        """Take a part's measurement.

        :param first: number of the part's first frame.
        """
        assert part.series is not None
        self._parts[first], self._views[first] = part.series.without_pictures(), part.views
        if part.series.worst_tile < self._lowest:
            self._lowest, self._worst = part.series.worst_tile, part

    def result(self) -> Measurement:
        """The whole, in the order of its frames."""
        assert self._worst is not None
        order = sorted(self._parts)
        whole = self._parts[order[0]]
        for first in order[1:]:
            whole.extend(self._parts[first])
        views = tuple(view for first in order for view in self._views[first])
        return Measurement(whole.fidelity(), self._worst.before, self._worst.after, views, whole)


class _Arithmetic(NamedTuple):
    """Both ways to the same figures, bit for bit."""

    ssim_map: Callable[..., tuple[ssim.FloatMap, float]]
    tile_means: Callable[[ssim.TileGrid, ssim.FloatMap], ssim.FloatMap]
    window_sums: WindowSums


_COMPILED = _Arithmetic(ssim.ssim_map, ssim.TileGrid.means, ssim.window_sums)
_PLAIN = _Arithmetic(plain.ssim_map, plain.tile_means, plain.window_sums)


def needs_compiler(track: VideoTrack) -> bool:
    """Whether a video is worth the compiled kernel, whose loading takes two thirds of a second of processor time."""
    layout = frames.layout_of(frames.comparison_format(track.pixel_format))
    deep = layout is None or layout.bit_depth > 8
    return deep or track.frames * track.width * track.height > _PLAIN_PIXELS


class Collector:
    """Gathers the scores of frame pairs and remembers the worst pair."""

    def __init__(self, track: VideoTrack, regions: Sequence[Region]) -> None:
        self._format = frames.comparison_format(track.pixel_format)
        layout = frames.layout_of(self._format)
        assert layout is not None
        self._layout = layout
        self._full_range = track.color_range == frames.FULL_RANGE
        self._matrix = frames.matrix_for(track.color_space, track.pixel_format, track.height)
        self._time_base = track.time_base
        self._grid = ssim.TileGrid(track.width, track.height)
        self._times = array("d")
        self._repeats = array("q")
        self._ssim = [Series() for _ in range(layout.planes)]
        self._psnr, self._tiles = Series(), Series()
        self.worst_tile = 2.0
        self.worst_error_s = Fraction(0)
        self._worst_box = (0, 0, track.width, track.height)
        self._worst_at = 0.0
        self._worst_pair: tuple[TimedFrame, TimedFrame] | None = None
        self._arithmetic = _COMPILED if needs_compiler(track) else _PLAIN
        shift = layout.chroma_log2_width, layout.chroma_log2_height
        self._regions = RegionScores(regions, shift, self._arithmetic.window_sums)
        span = (track.span.moments[0], track.span.moments[-1]) if track.span is not None else None
        self._viewer = Viewer(regions, (track.width, track.height), span)

    def add(self, pair: Pair) -> None:
        """Take the next pair."""
        original, copy = pair.original, pair.copy
        self.worst_error_s = max(self.worst_error_s, pair.error_s)
        if pair.repeated:
            self._repeats.append(len(self._times))
        time_s = float(original.pts * self._time_base)
        self._times.append(time_s)
        planes = [
            frames.planes_of(
                frames.convert(item.frame, self._format, full_range=self._full_range, colorspace=self._matrix)
            )
            for item in (original, copy)
        ]
        maps = []
        for number, (a, b) in enumerate(zip(*planes, strict=True)):
            # An odd side may have been made even: what was added is not evidence and is not judged.
            shown = b[: a.shape[0], : a.shape[1]]
            values, mse = self._arithmetic.ssim_map(a, shown, bit_depth=self._layout.bit_depth)
            maps.append(values)
            self._ssim[number].add(ssim.mean(values))
            if number == 0:
                self._psnr.add(ssim.psnr_db(mse, bit_depth=self._layout.bit_depth))
                tiles = self._arithmetic.tile_means(self._grid, values)
                position = int(tiles.argmin())
                lowest = float(tiles.flat[position])
                self._tiles.add(lowest)
                if lowest < self.worst_tile:
                    self.worst_tile, self._worst_at = lowest, time_s
                    self._worst_box = self._grid.box(*divmod(position, self._grid.columns))
                    self._worst_pair = (original, copy)
        self._regions.add(original.pts, time_s, maps)
        if self._viewer.due(original.pts):
            self._viewer.take(original.pts, time_s, frames.picture_of(original.frame), frames.picture_of(copy.frame))

    def extend(self, later: Collector) -> None:
        """Append what was gathered of later frames of the same source."""
        self._repeats.extend(number + len(self._times) for number in later._repeats)
        self._times.extend(later._times)
        for own, more in zip(self._ssim, later._ssim, strict=True):
            own.extend(more)
        self._psnr.extend(later._psnr)
        self._tiles.extend(later._tiles)
        self._regions.extend(later._regions)
        self.worst_error_s = max(self.worst_error_s, later.worst_error_s)
        if later.worst_tile < self.worst_tile:
            self.worst_tile, self._worst_at, self._worst_box = later.worst_tile, later._worst_at, later._worst_box

    def without_pictures(self) -> Collector:
        """The same, with its frames let go."""
        self._worst_pair = None
        return self

    def result(self) -> Measurement:
        """Scores and pictures."""
        assert self._worst_pair is not None
        before, after = (frames.picture_of(item.frame) for item in self._worst_pair)
        return Measurement(self.fidelity(), before, after, tuple(self._viewer.views), self)

    def fidelity(self) -> Fidelity:
        """The scores."""
        times = self._times
        scores = [
            series.score(times, metric="ssim", region="frame", plane=plane)
            for plane, series in zip(_PLANES, self._ssim, strict=False)
        ]
        scores.append(self._tiles.score(times, metric="ssim", region="tile", plane="y", detail="worst tile of a frame"))
        scores.append(self._psnr.score(times, metric="psnr", region="frame", plane="y", detail="dB"))
        scores += self._regions.scores()
        return Fidelity(
            frames=len(times),
            scores=tuple(scores),
            times_s=times,
            ssim_y=self._ssim[0].values,
            worst_tile=self._tiles.values,
            tile_grid=(self._grid.columns, self._grid.rows),
            worst_tile_box=self._worst_box,
            worst_at_s=self._worst_at,
            max_time_error_s=self.worst_error_s,
            parameters=_parameters(self._format, self._layout.bit_depth),
            regions=self._regions.each(),
            repeats=self._repeats,
        )


def _parameters(pixel_format: str, bit_depth: int) -> dict[str, str | int | float | bool | None]:
    return {
        "kernel": "8x8 windows on a 4x4 grid, as FFmpeg's ssim filter",
        "kernel_version": VERSION,
        "pixel_format": pixel_format,
        "bit_depth": bit_depth,
        "tile_px": ssim.TileGrid.TILE_PX,
        "percentile": 1,
    }


@dataclass(frozen=True, slots=True)
class Compared:
    """Two pictures as a viewer shows them, and of each plane the SSIM map and the mean squared error."""

    before: Image.Image
    after: Image.Image
    planes: Sequence[tuple[ssim.FloatMap, float]]


def compare_stills(source: Path, output: Path, *, page: int = 0, scaled: bool = False) -> Compared:
    """What ``measure_still`` begins with, which no region has a part in.

    :raises OutputMismatch: where their sizes differ.
    """
    before, _ = stills.as_rgb(stills.load(source, page))
    with ThreadPoolExecutor(max_workers=1) as beside:
        planes = beside.submit(stills.ycbcr_planes, before)
        after, _ = stills.as_rgb(documents.load(output))
        before_planes = planes.result()
    if scaled:
        after = after.resize(before.size, Image.Resampling.BICUBIC)
    if before.size != after.size:
        raise OutputMismatch(f"the size changed from {before.size} to {after.size}", where=output.name)
    if before.mode != after.mode:
        before, after = before.convert("RGB"), after.convert("RGB")
        before_planes = stills.ycbcr_planes(before)
    after_planes = stills.ycbcr_planes(after)
    with ThreadPoolExecutor(max_workers=2) as both:
        return Compared(before, after, list(both.map(plain.ssim_map, before_planes, after_planes)))


def measure_still(
    source: Path,
    output: Path,
    regions: Sequence[Region] = (),
    *,
    page: int = 0,
    scaled: bool = False,
    compared: Compared | None = None,
) -> Measurement:
    """Compare two pictures, in luma and chroma at full size, as a viewer shows them.

    :param regions: measured each and by class, beside the whole picture.
    :param page: of the source, from 0.
    :param scaled: whether the output may be smaller; it is compared in the source's size.
    :param compared: what ``compare_stills`` gave of the same pictures, where it was asked before.
    :raises OutputMismatch: where their sizes differ.
    """
    compared = compared or compare_stills(source, output, page=page, scaled=scaled)
    before, after = compared.before, compared.after
    grid = ssim.TileGrid(*before.size)
    own = RegionScores(regions, (0, 0), plain.window_sums)
    maps = []
    scores: list[Score] = []
    tile_value, box, luma = 1.0, (0, 0, *before.size), 1.0
    for plane, (values, mse) in zip(_PLANES, compared.planes, strict=False):
        maps.append(values)
        scores.append(_single("ssim", "frame", plane, ssim.mean(values)))
        if plane == "y":
            luma = ssim.mean(values)
            tiles = plain.tile_means(grid, values)
            position = int(tiles.argmin())
            tile_value, box = float(tiles.flat[position]), grid.box(*divmod(position, grid.columns))
            psnr = ssim.psnr_db(mse)
            # One picture has no "99 % of the frames": the worst 1 % is taken over its tiles instead.
            p1 = float(sorted(tiles.ravel())[int(0.01 * tiles.size)])
            tile = Score(
                metric="ssim", region="tile", plane="y", mean=float(tiles.mean()), p1=p1,
                minimum=tile_value, minimum_at_s=0.0, detail="tiles of the picture",
            )  # fmt: skip
    own.add(0, 0.0, maps)
    viewer = Viewer(regions, before.size)
    viewer.take(0, 0.0, before, after)
    scores += [tile, _single("psnr", "frame", "y", psnr, "dB"), *own.scores()]
    fidelity = Fidelity(
        frames=1,
        scores=tuple(scores),
        times_s=(0.0,),
        ssim_y=(luma,),
        worst_tile=(tile_value,),
        tile_grid=(grid.columns, grid.rows),
        worst_tile_box=box,
        worst_at_s=0.0,
        max_time_error_s=Fraction(0),
        parameters=_parameters("yuv444p" if before.mode == "RGB" else "gray", 8),
        regions=own.each(),
    )
    return Measurement(fidelity, before, after, tuple(viewer.views))


def measure_pages(source: Path, pages: Sequence[tuple[int, Path]]) -> Measurement:
    """Compare each picture of a file with its own copy; the whole is as bad as the worst of them.

    :param pages: number in the source, from 0, and the file that holds it.
    :raises OutputMismatch: where their sizes differ.
    """
    each = [measure_still(source, path, page=page) for page, path in pages]
    worst = min(each, key=lambda one: one.fidelity.worst_tile[0])
    scores = []
    for score in worst.fidelity.scores:
        alike = [
            other for one in each for other in one.fidelity.scores
            if (other.metric, other.region, other.plane) == (score.metric, score.region, score.plane)
        ]  # fmt: skip
        scores.append(
            replace(
                score,
                mean=sum(other.mean for other in alike) / len(alike),
                p1=min(other.p1 for other in alike),
                minimum=min(other.minimum for other in alike),
            )
        )
    fidelity = replace(
        worst.fidelity,
        frames=len(each),
        scores=tuple(scores),
        times_s=tuple(float(page) for page, _ in pages),
        ssim_y=tuple(one.fidelity.ssim_y[0] for one in each),
        worst_tile=tuple(one.fidelity.worst_tile[0] for one in each),
    )
    return replace(worst, fidelity=fidelity)


def _single(metric: str, region: str, plane: str, value: float, detail: str = "") -> Score:
    return Score(
        metric=metric, region=region, plane=plane, mean=value, p1=value, minimum=value, minimum_at_s=0.0, detail=detail
    )

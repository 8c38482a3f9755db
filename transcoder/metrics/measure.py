"""Measuring an output against its source: one decode of each, every frame, all metrics.

Frames are paired by timestamp, and a pair that does not match is an error, not a lower score: equal
frame counts prove nothing. Comparison is in the source's own sample layout and size, so that a loss of
chroma resolution or bit depth in the output shows in its score.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

from PIL import Image

from transcoder.errors import OutputMismatch
from transcoder.media import frames, stills
from transcoder.media.containers import library_errors
from transcoder.media.probe import probe
from transcoder.media.reader import TimedFrame, read_frames
from transcoder.metrics import ssim
from transcoder.metrics.series import Series
from transcoder.model import Fidelity, Score, VideoTrack

Tick = Callable[[str, int, int | None], None]
VERSION = "1"
_PLANES = ("y", "cb", "cr")


@dataclass(frozen=True, slots=True)
class Measurement:
    """The scores, and the picture pair of the worst moment for people to look at."""

    fidelity: Fidelity
    before: Image.Image
    after: Image.Image


def measure_video(source: Path, track: VideoTrack, output: Path, offset_s: Fraction, tick: Tick) -> Measurement:
    """Compare two videos frame by frame.

    :param source: the original file.
    :param track: its video track as probed.
    :param output: the file to judge.
    :param offset_s: seconds that were subtracted from every source timestamp.
    :raises OutputMismatch: where a frame is missing, added, or more than one output tick off its time.
    """
    output_track = probe(output, sha256="").video
    if output_track is None:
        raise OutputMismatch("the output holds no video", where=output.name)
    grown = output_track.width - track.width, output_track.height - track.height
    if not all(0 <= pixels <= 1 for pixels in grown):
        raise OutputMismatch(
            f"the size changed from {track.width}x{track.height} to {output_track.width}x{output_track.height}",
            where=output.name,
        )
    collector = _Collector(track)
    worst_error = Fraction(0)
    with library_errors("measuring", output):
        pairs = zip_longest(read_frames(source, track), read_frames(output, output_track))
        for number, (original, copy) in enumerate(pairs):
            if original is None or copy is None:
                missing = "output" if copy is None else "source"
                raise OutputMismatch(f"frame {number} is missing from the {missing}", where=output.name)
            error = _time_error(original, track.time_base, offset_s, copy, output_track.time_base)
            worst_error = max(worst_error, error)
            collector.add(original, copy)
            tick("measure", number + 1, track.frames)
    return collector.result(worst_error)


def _time_error(
    original: TimedFrame, source_base: Fraction, offset_s: Fraction, copy: TimedFrame, output_base: Fraction
) -> Fraction:
    expected = original.pts * source_base - offset_s
    error = abs(copy.pts * output_base - expected)
    if error > output_base:
        raise OutputMismatch(
            f"a frame of {float(expected):.6f} s is shown at {float(copy.pts * output_base):.6f} s",
            code="timestamps-differ",
        )
    return error


class _Collector:
    """Gathers the scores of frame pairs and remembers the worst pair."""

    def __init__(self, track: VideoTrack) -> None:
        self._format = frames.comparison_format(track.pixel_format)
        layout = frames.layout_of(self._format)
        assert layout is not None
        self._layout = layout
        self._full_range = track.color_range == frames.FULL_RANGE
        self._matrix = frames.matrix_for(track.color_space, track.pixel_format, track.height)
        self._time_base = track.time_base
        self._grid = ssim.TileGrid(track.width, track.height)
        self._times = array("d")
        self._ssim = [Series() for _ in range(layout.planes)]
        self._psnr, self._tiles = Series(), Series()
        self._worst_tile = 2.0
        self._worst_box = (0, 0, track.width, track.height)
        self._worst_at = 0.0
        self._worst_pair: tuple[TimedFrame, TimedFrame] | None = None

    def add(self, original: TimedFrame, copy: TimedFrame) -> None:
        time_s = float(original.pts * self._time_base)
        self._times.append(time_s)
        pair = [
            frames.planes_of(
                frames.convert(item.frame, self._format, full_range=self._full_range, colorspace=self._matrix)
            )
            for item in (original, copy)
        ]
        for number, (a, b) in enumerate(zip(*pair, strict=True)):
            # An odd side may have been made even: what was added is not evidence and is not judged.
            values, mse = ssim.ssim_map(a, b[: a.shape[0], : a.shape[1]], bit_depth=self._layout.bit_depth)
            self._ssim[number].add(ssim.mean(values))
            if number == 0:
                self._psnr.add(ssim.psnr_db(mse, bit_depth=self._layout.bit_depth))
                tiles = self._grid.means(values)
                position = int(tiles.argmin())
                lowest = float(tiles.flat[position])
                self._tiles.add(lowest)
                if lowest < self._worst_tile:
                    self._worst_tile, self._worst_at = lowest, time_s
                    self._worst_box = self._grid.box(*divmod(position, self._grid.columns))
                    self._worst_pair = (original, copy)

    def result(self, worst_error: Fraction) -> Measurement:
        times = self._times
        scores = [
            series.score(times, metric="ssim", region="frame", plane=plane)
            for plane, series in zip(_PLANES, self._ssim, strict=False)
        ]
        scores.append(self._tiles.score(times, metric="ssim", region="tile", plane="y", detail="worst tile of a frame"))
        scores.append(self._psnr.score(times, metric="psnr", region="frame", plane="y", detail="dB"))
        assert self._worst_pair is not None
        fidelity = Fidelity(
            frames=len(times),
            scores=tuple(scores),
            times_s=times,
            ssim_y=self._ssim[0].values,
            worst_tile=self._tiles.values,
            tile_grid=(self._grid.columns, self._grid.rows),
            worst_tile_box=self._worst_box,
            worst_at_s=self._worst_at,
            max_time_error_s=worst_error,
            parameters=_parameters(self._format, self._layout.bit_depth),
        )
        before, after = (self._picture(item) for item in self._worst_pair)
        return Measurement(fidelity, before, after)

    def _picture(self, item: TimedFrame) -> Image.Image:
        image: Image.Image = item.frame.to_image()  # type: ignore[no-untyped-call]
        return image


def _parameters(pixel_format: str, bit_depth: int) -> dict[str, str | int | float | bool | None]:
    return {
        "kernel": "8x8 windows on a 4x4 grid, as FFmpeg's ssim filter",
        "kernel_version": VERSION,
        "pixel_format": pixel_format,
        "bit_depth": bit_depth,
        "tile_px": ssim.TileGrid.TILE_PX,
        "percentile": 1,
    }


def measure_still(source: Path, output: Path) -> Measurement:
    """Compare two pictures, in luma and chroma at full size, as a viewer shows them.

    :raises OutputMismatch: where their sizes differ.
    """
    before, _ = stills.as_rgb(stills.load(source))
    after, _ = stills.as_rgb(stills.load(output))
    if before.size != after.size:
        raise OutputMismatch(f"the size changed from {before.size} to {after.size}", where=output.name)
    if before.mode != after.mode:
        before, after = before.convert("RGB"), after.convert("RGB")
    grid = ssim.TileGrid(*before.size)
    scores: list[Score] = []
    tile_value, box, luma = 1.0, (0, 0, *before.size), 1.0
    pairs = zip(_PLANES, stills.ycbcr_planes(before), stills.ycbcr_planes(after), strict=False)
    for plane, a, b in pairs:
        values, mse = ssim.ssim_map(a, b)
        scores.append(_single("ssim", "frame", plane, ssim.mean(values)))
        if plane == "y":
            luma = ssim.mean(values)
            tiles = grid.means(values)
            position = int(tiles.argmin())
            tile_value, box = float(tiles.flat[position]), grid.box(*divmod(position, grid.columns))
            psnr = ssim.psnr_db(mse)
            # One picture has no "99 % of the frames": the worst 1 % is taken over its tiles instead.
            p1 = float(sorted(tiles.ravel())[int(0.01 * tiles.size)])
            tile = Score(
                metric="ssim", region="tile", plane="y", mean=float(tiles.mean()), p1=p1,
                minimum=tile_value, minimum_at_s=0.0, detail="tiles of the picture",
            )  # fmt: skip
    scores += [tile, _single("psnr", "frame", "y", psnr, "dB")]
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
    )
    return Measurement(fidelity, before, after)


def _single(metric: str, region: str, plane: str, value: float, detail: str = "") -> Score:
    return Score(
        metric=metric, region=region, plane=plane, mean=value, p1=value, minimum=value, minimum_at_s=0.0, detail=detail
    )

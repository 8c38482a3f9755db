"""Small video files made on the spot with FFmpeg's libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.audio.stream
import av.codec.context
import av.video.stream
import numpy as np

from tests.helpers import pictures

MATRIX_90 = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
"""A display matrix, 16.16 fixed point: what a phone held upright writes."""


def write_clip(
    path: Path,
    *,
    frames: int = 12,
    size: tuple[int, int] = (160, 120),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: Fraction | int = 25,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: Mapping[str, str] | None = None,
    sample_aspect: Fraction | None = None,
    rotation: int | None = None,
    matrix: Sequence[int] | None = None,
    color_range: int | None = None,
    interlaced: bool = False,
    audio: str | None = None,
    metadata: Mapping[str, str] | None = None,
    container: str | None = None,
    bit_rate: int = 400_000,
    shows: Sequence[int] | None = None,
    restless: bool = False,
    audio_from_s: Fraction | int = 0,
) -> Path:
    """Write a clip of a moving object.

    :param shows: which step of the movement each frame shows; every one the next where None.
    :param pts: timestamps of the frames in ``time_base``; consecutive where None.
    :param audio: encoder of a tone beside the picture.
    :param restless: every frame has its own noise, which no encoder gets for little.
    :param audio_from_s: when the tone begins.
    """
    base = time_base or 1 / Fraction(rate)
    stamps = list(pts) if pts is not None else list(range(frames))
    with av.open(str(path), "w", format=container) as output:
        output.metadata.update(metadata or {})
        stream = output.add_stream(codec, rate=Fraction(rate), options=dict(options or {}))
        assert isinstance(stream, av.video.stream.VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = *size, pixel_format
        context.time_base = stream.time_base = base
        context.bit_rate = bit_rate
        context.thread_count = 1
        if sample_aspect is not None:
            context.sample_aspect_ratio = sample_aspect
        if color_range is not None:
            context.color_range = color_range
        if interlaced:
            context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
        if matrix is not None:
            stream.set_display_matrix(tuple(matrix))
        elif rotation is not None:
            stream.set_display_rotation(rotation)
        sound = _add_sound(output, audio) if audio else None
        for number, stamp in enumerate(stamps):
            step = number if shows is None else shows[number]
            frame = _frame(size, pixel_format, step, seed=3 + step if restless else 3)
            frame.pts, frame.time_base = stamp, base
            if color_range is not None:
                frame.color_range = color_range
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            seconds = float((stamps[-1] - stamps[0]) * base + 1 / Fraction(rate))
            _write_tone(output, sound, seconds, first=int(audio_from_s * 16000))
    return path


def _frame(size: tuple[int, int], pixel_format: str, number: int, seed: int) -> av.VideoFrame:
    grey = pictures.luma(*size, seed=seed, shift=4 * number)
    frame = av.VideoFrame.from_ndarray(grey, format="gray")
    return frame.reformat(format=pixel_format, threads=1)


def _add_sound(output: av.container.OutputContainer, codec: str) -> av.audio.stream.AudioStream:
    stream = output.add_stream(codec, rate=16000)
    assert isinstance(stream, av.audio.stream.AudioStream)
    stream.codec_context.layout = "mono"
    return stream


def _write_tone(
    output: av.container.OutputContainer, stream: av.audio.stream.AudioStream, seconds: float, first: int
) -> None:
    context = stream.codec_context
    samples = (np.sin(np.arange(int(16000 * seconds)) * 2 * np.pi * 440 / 16000) * 8000).astype(np.int16)
    step = 1024
    resampler = av.AudioResampler(format=context.format.name, layout="mono", rate=16000, frame_size=step)
    for at in range(0, len(samples), step):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + step], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, first + at, Fraction(1, 16000)
        for piece in resampler.resample(frame):
            output.mux(stream.encode(piece))
    for piece in resampler.resample(None):
        output.mux(stream.encode(piece))
    output.mux(stream.encode(None))

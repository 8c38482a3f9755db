"""One short clip for each kind of video that cameras and recorders write, made with a stock ffmpeg.

The encoders, muxers and tags here are FFmpeg's own, through a binary that a package carries: nothing of the tool
under test has a hand in them. DHAV has no muxer, so its few bytes of framing are written here.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.ffmpeg import binary

FRAMES = 20
_HDR10 = (
    "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1:repeat-headers=1:log-level=none:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one clip is made: FFmpeg's output options, and what feeds it."""

    about: str
    name: str
    options: Mapping[str, Any]
    size: str = "160x120"
    rate: str = "25"
    filters: str = ""
    tone: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)
    """Files to write beside it first, each an input of its own: name to text."""
    maps: tuple[str, ...] = ()
    after: Callable[[Path, Path], None] | None = None
    """Turns what ffmpeg wrote into the clip."""


_X264 = {"c:v": "libx264", "preset": "veryfast", "x264-params": "threads=1"}
_FIELDS = {**_X264, "flags": "+ilme+ildct"}
_SUBTITLES = {"subs.srt": "1\n00:00:00,100 --> 00:00:00,500\nCAMERA 4\n\n"}
_CHAPTERS = {
    "chapters.txt": ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=Before\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=800\ntitle=After\n"
}


def _dhav(stream: Path, target: Path) -> None:
    """Frame raw H.264 as Dahua recorders do: a header and a tail around each access unit."""
    import av

    with av.open(str(stream)) as source, target.open("wb") as file:
        for number, packet in enumerate(source.demux(video=0)):
            if not packet.size:
                continue
            # Codec 2 is H.264; the picture's size is in units of 8 pixels.
            details = bytes((0x80, 0, 20, 15)) + bytes((0x81, 0, 2, 25))
            size = 24 + len(details) + packet.size + 8
            date = ((2024 - 2000) << 26) | (3 << 22) | (7 << 17) | (13 << 12) | (5 << 6) | (9 + number // 25)
            kind = 0xFD if packet.is_keyframe else 0xFC
            file.write(b"DHAV" + bytes((kind, 0, 0, 0)) + struct.pack("<III", number, size, date))
            file.write(struct.pack("<HBB", number * 40, len(details), 0) + details + bytes(packet))
            file.write(b"dhav" + struct.pack("<I", size))


KINDS: Mapping[str, Kind] = {
    "plain": Kind("H.264 in MP4", "a.mp4", {**_X264, "bf": 2}),
    "dhav": Kind("Dahua recorder export", "a.dav", {**_X264, "bf": 0, "f": "h264"}, after=_dhav),
    "ps-as-mp4": Kind("MPEG program stream named .mp4", "a.mp4", {"c:v": "mpeg2video", "f": "vob"}, size="352x288"),
    "raw-h264": Kind("raw H.264", "a.h264", {**_X264, "bf": 2}),
    "raw-h265": Kind("raw H.265", "a.h265", {"c:v": "libx265", "x265-params": "log-level=none", "f": "hevc"}),
    "mjpeg-avi": Kind("Motion JPEG in AVI", "a.avi", {"c:v": "mjpeg", "pix_fmt": "yuvj422p", "q:v": 3}),
    "avi-b-frames": Kind("AVI with B-frames", "a.avi", {"c:v": "mpeg4", "bf": 2}),
    "transport": Kind("MPEG-TS, clock far from zero", "a.ts", {**_X264, "bf": 2, "output_ts_offset": 90000}),
    "asf": Kind("ASF with WMV", "a.asf", {"c:v": "wmv2", "c:a": "wmav2"}, tone=True),
    "flv": Kind("FLV", "a.flv", {**_X264, "bf": 2}),
    "3gp": Kind(
        "3GP, H.263 and AMR at 8 kHz", "a.3gp",
        {"c:v": "h263", "c:a": "libopencore_amrnb", "ar": 8000, "ac": 1, "b:a": "12.2k"}, size="176x144", tone=True,
    ),
    "fragmented": Kind("fragmented MP4", "a.mp4", {**_X264, "movflags": "frag_keyframe+empty_moov", "g": 8}),
    "missing-times": Kind(
        "timestamps missing at the start", "a.mkv",
        {**_X264, "bf": 0, "avoid_negative_ts": "disabled", "output_ts_offset": -0.2},
    ),
    "hidden-start": Kind(
        "edit list that hides the first pictures", "a.mp4",
        {**_X264, "bf": 0, "avoid_negative_ts": "disabled", "output_ts_offset": -0.2},
    ),
    "negative": Kind("decoding times below zero", "a.mp4", {**_X264, "bf": 2, "movflags": "negative_cts_offsets"}),
    "edit-list": Kind("edit list", "a.mp4", {**_X264, "bf": 2, "output_ts_offset": 1.2}),
    "vfr": Kind(
        "variable frame rate", "a.mkv", {**_X264, "fps_mode": "passthrough"}, filters="select='not(eq(mod(n,7),3))'",
    ),
    "top-first": Kind("interlaced, top field first", "a.mkv", _FIELDS, filters="setfield=tff", size="160x112"),
    "bottom-first": Kind("interlaced, bottom field first", "a.mkv", _FIELDS, filters="setfield=bff", size="160x112"),
    "interlaced-height": Kind(
        "interlaced, height not a multiple of 4", "a.mkv", {"c:v": "ffv1", "flags": "+ilme+ildct"},
        filters="setfield=tff", size="160x118",
    ),
    "interlaced-422": Kind(
        "XDCAM-like: interlaced MPEG-2 4:2:2 in MXF", "a.mxf",
        {"c:v": "mpeg2video", "pix_fmt": "yuv422p", "flags": "+ilme+ildct", "b:v": "8M"},
        filters="setfield=tff", size="720x576",
    ),
    "dv": Kind(
        "DV, bottom field first, anamorphic", "a.dv", {"c:v": "dvvideo", "pix_fmt": "yuv411p"},
        filters="setfield=bff,setsar=32/27", size="720x480", rate="30000/1001",
    ),
    "anamorphic": Kind("anamorphic pixels", "a.mp4", {**_X264}, filters="setsar=16/11"),
    "odd-size": Kind(
        "odd size", "a.mkv", {"c:v": "ffv1", "pix_fmt": "yuv444p"}, filters="format=yuv444p,crop=151:111:0:0:exact=1",
    ),
    "rotated": Kind("rotated a quarter", "a.mp4", {**_X264}),
    "full-range": Kind("full range", "a.mp4", {**_X264, "pix_fmt": "yuvj420p", "color_range": "pc"}),
    "bt709": Kind(
        "limited range, BT.709 tags", "a.mp4",
        {**_X264, "color_range": "tv", "colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"},
        filters="setparams=range=limited:color_primaries=bt709:color_trc=bt709:colorspace=bt709",
    ),
    "ten-bit": Kind("10 bits", "a.mp4", {**_X264, "pix_fmt": "yuv420p10le"}),
    "hdr10": Kind(
        "HDR10", "a.mp4", {"c:v": "libx265", "pix_fmt": "yuv420p10le", "x265-params": _HDR10, "tag:v": "hvc1"},
        filters="setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=limited",
    ),
    "hlg": Kind(
        "HLG", "a.mp4",
        {"c:v": "libx265", "pix_fmt": "yuv420p10le", "tag:v": "hvc1",
         "x265-params": "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc:log-level=none"},
        filters="setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc:range=limited",
    ),
    "422": Kind("4:2:2", "a.mp4", {**_X264, "pix_fmt": "yuv422p"}),
    "444": Kind("4:4:4", "a.mp4", {**_X264, "pix_fmt": "yuv444p"}),
    "monochrome": Kind("monochrome, infra-red", "a.mkv", {"c:v": "ffv1", "pix_fmt": "gray"}),
    "two-cameras": Kind(
        "two video streams", "a.mkv", {**_X264, "s:v:0": "96x80", "s:v:1": "160x120"}, maps=("0:v", "0:v"),
    ),
    "subtitles": Kind(
        "subtitles, chapters, tags", "a.mkv", {**_X264, "c:s": "srt", "metadata": "creation_time=2024-03-07T13:05:09Z"},
        extra={**_SUBTITLES, **_CHAPTERS},
    ),
    "timecode": Kind(
        "time code, place and camera tags in MOV", "a.mov",
        {**_X264, "timecode": "10:00:00:00", "movflags": "use_metadata_tags",
         "metadata:g:0": "creation_time=2024-03-07T13:05:09Z", "metadata:g:1": "location=+51.4169-000.0806/",
         "metadata:g:2": "make=CAM", "metadata:g:3": "model=X1"},
    ),
    "alaw": Kind("G.711 A-law at 8 kHz", "a.avi", {**_X264, "c:a": "pcm_alaw", "ar": 8000, "ac": 1}, tone=True),
    "mulaw": Kind("G.711 mu-law at 8 kHz", "a.mov", {**_X264, "c:a": "pcm_mulaw", "ar": 8000, "ac": 1}, tone=True),
    "adpcm-ima": Kind("ADPCM (IMA)", "a.avi", {**_X264, "c:a": "adpcm_ima_wav", "ar": 8000, "ac": 1}, tone=True),
    "adpcm-ms": Kind("ADPCM (Microsoft)", "a.avi", {**_X264, "c:a": "adpcm_ms", "ar": 8000, "ac": 1}, tone=True),
    "g726": Kind(
        "ADPCM (G.726)", "a.mkv", {**_X264, "c:a": "g726", "ar": 8000, "ac": 1, "code_size": 4}, tone=True,
    ),
    "ac3": Kind("AC-3", "a.ts", {**_X264, "c:a": "ac3", "ar": 48000, "ac": 2}, tone=True),
}  # fmt: skip


def make(kind: str, folder: Path) -> Path:
    """Make one clip; skips the test where there is no ffmpeg.

    :param folder: an empty folder.
    """
    ffmpeg = pytest.importorskip("ffmpeg", reason="ffmpeg-python is not installed")
    wanted = KINDS[kind]
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / wanted.name
    written = folder / "stream.h264" if wanted.after is not None else target
    picture = f"testsrc2=size={wanted.size}:rate={wanted.rate}{',' if wanted.filters else ''}{wanted.filters}"
    inputs = [ffmpeg.input(picture, f="lavfi")]
    if wanted.tone:
        inputs.append(ffmpeg.input("aevalsrc=0.5*sin(2*PI*(150+500*t)*t):s=48000", f="lavfi"))
    for name, text in wanted.extra.items():
        (folder / name).write_text(text)
        inputs.append(ffmpeg.input(str(folder / name)))
    options: dict[str, Any] = {"frames:v": FRAMES, "pix_fmt": "yuv420p", **wanted.options}
    if wanted.tone:
        options["t"] = 1
    if wanted.maps:
        inputs = [inputs[0][item.split(":")[1]] for item in wanted.maps]
    command = ffmpeg.output(*inputs, str(written), **options).compile(cmd=binary(), overwrite_output=True)
    if "chapters.txt" in wanted.extra:  # an input without a stream cannot be mapped
        last = str(len(inputs) - 1)
        at = next(i for i, word in enumerate(command) if word == "-map" and command[i + 1] == last)
        command[at : at + 2] = ["-map_chapters", last]
    done = subprocess.run([*command, "-nostdin"], capture_output=True, check=False)
    if done.returncode:
        pytest.fail(f"ffmpeg could not make {kind}: {done.stderr.decode(errors='replace')[-600:]}")
    if kind == "rotated":
        _rotate(written, ffmpeg)
    if wanted.after is not None:
        wanted.after(written, target)
    return target


def _rotate(path: Path, ffmpeg: Any) -> None:
    plain = path.with_name("plain.mp4")
    path.rename(plain)
    graph = ffmpeg.input(str(plain), display_rotation=90).output(str(path), c="copy").global_args("-nostdin")
    graph.run(cmd=binary(), quiet=True)

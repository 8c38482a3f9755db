"""The rungs of a video, least harm first, and why others do not apply."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from transcoder.encode import audio, fates, h264, hdr, hevc, levels, reducing, roi
from transcoder.encode.base import Planned
from transcoder.media import frames
from transcoder.model import Knob, RegionKind, Rung, RungName, SourceInfo, Value, VideoTrack
from transcoder.profile import Profile

OFFSETS: Mapping[str, roi.Offsets] = {"h264": h264.OFFSETS, "hevc": hevc.OFFSETS}
"""Codecs whose encoder spends bits by region; the others ignore regions, and none is claimed for them."""

_NO_FIELDS = {
    "av1": "not av1: it has no coding of fields, and the source is interlaced",
    "hevc": "not hevc: x265 makes each field a picture of its own, which players show at half the height",
}
_CONTAINER_OF = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "mkv"}
_MUX_BYTES_PER_FRAME = 12
"""What MP4 needs at the least for one frame's size, time and chunk, before any picture."""
_HOPELESS_BITS_PER_PIXEL = 0.001
"""A fortieth of what a street at rest takes to meet the floors; trying it all the same would cost a whole encode."""
FIRST_AIM = 0.996
"""First attempt at a byte target; two passes land within 4 %, and a second attempt at its own aim within 0.5 %."""


def video_rungs(
    source: SourceInfo, profile: Profile, cap: int, kinds: Collection[RegionKind] | None
) -> Iterator[Planned]:
    """Every rung of a video; see ``ladder.plan_ladder``."""
    video = source.video
    assert video is not None
    if not profile.video.containers:
        for name in (RungName.UNCHANGED, RungName.REWRAP, RungName.LOSSLESS, RungName.RE_ENCODE, RungName.SPLIT):
            yield name, "the profile takes no video"
        return
    container = _own_container(source)
    stream_fault = _not_playable(source, profile)
    if source.clip is not None:
        yield RungName.UNCHANGED, "a part of the video was asked for"
    elif source.stream is not None and any(track.footage for track in source.others):
        yield RungName.UNCHANGED, f"one video stream of several was asked for (stream {source.stream})"
    elif source.bytes > cap:
        yield RungName.UNCHANGED, f"{source.bytes} bytes are over the cap of {cap}"
    elif container not in profile.video.containers:
        yield RungName.UNCHANGED, f"the container {source.container.split(',')[0]} is not allowed"
    elif stream_fault:
        yield RungName.UNCHANGED, stream_fault
    else:
        extension = source.path.suffix.lstrip(".").lower() or container
        yield Rung(name=RungName.UNCHANGED, encoder="copy", extension=extension, fates=fates.unchanged(source))

    payload = video.payload_bytes + sum(track.payload_bytes for track in source.audio)
    holders = [name for name in profile.video.containers if _fits(source, name)]
    if stream_fault:
        yield RungName.REWRAP, stream_fault
    elif video.timing != "container":
        yield RungName.REWRAP, "the source stores no presentation timestamps to copy"
    elif video.hidden:
        yield RungName.REWRAP, f"an edit list hides {video.hidden} pictures, and a copy of the packets would show them"
    elif payload > cap:
        yield RungName.REWRAP, f"the compressed streams alone are {payload} bytes, over the cap of {cap}"
    elif not holders:
        yield RungName.REWRAP, "no allowed container takes its audio"
    else:
        yield Rung(
            name=RungName.REWRAP,
            encoder="remux",
            extension=holders[0],
            settings={"container": holders[0]},
            fates=fates.rewrap(source),
        )
    yield RungName.LOSSLESS, "there is no lossless way to make a video smaller that players open"

    several = RungName.SPLIT in profile.fallback and profile.max_parts > 1
    bits_per_pixel = cap * 8 / (video.frames * video.width * video.height)
    hopeless = ""
    if video.frames * _MUX_BYTES_PER_FRAME > cap:
        hopeless = f"the index of {video.frames} frames alone is over the cap of {cap} bytes"
    elif several and bits_per_pixel < _HOPELESS_BITS_PER_PIXEL:
        hopeless = f"not tried: the cap leaves {bits_per_pixel:.5f} bits for a pixel, and no codec lives on that"
    if hopeless:
        yield RungName.RE_ENCODE, hopeless
    pixel_format = fates.pixel_format_for(video, profile)
    layout = frames.layout_of(pixel_format)
    deep = layout is not None and layout.bit_depth > 8
    # In the profile's order, but hardly any player takes H.264 with more than 8 bits: then it comes last.
    codecs = sorted(profile.video.codecs, key=lambda name: deep and name == "h264")
    if video.interlaced:
        yield from ((RungName.RE_ENCODE, _NO_FIELDS[name]) for name in codecs if name in _NO_FIELDS)
        codecs = [name for name in codecs if name not in _NO_FIELDS]
    for codec in codecs:
        settings: dict[str, Value] = {
            "container": profile.video.containers[0],
            "preset": profile.video.preset,
            "pixel_format": pixel_format,
            **({"level": _level(video, pixel_format, profile)} if codec == "h264" else {}),
            **({"fields": video.field_order} if video.field_order is not None else {}),
            **hdr.settings_of(video),
            **roi.as_settings(OFFSETS.get(codec, {}), kinds or ()),
        }
        rung = Rung(
            name=RungName.RE_ENCODE,
            encoder=codec,
            extension=profile.video.containers[0],
            settings=settings,
            knob=Knob(
                name="target_bytes", low=cap * 0.05, high=cap * 1.1, start=cap * FIRST_AIM,
                integer=False, proportional=True,
            ),
            fates=fates.re_encode_video(source, codec, pixel_format),
        )  # fmt: skip
        whole = replace(rung, fates=(*rung.fates, *fates.WHOLE))
        if not hopeless:
            yield whole
        if codec == codecs[0]:
            if several:
                yield replace(whole, name=RungName.SPLIT)
            yield from reducing.rungs(source, profile, [] if hopeless else [rung])
    if not several:
        yield RungName.SPLIT, "the profile allows one part only"


def _level(video: VideoTrack, pixel_format: str, profile: Profile) -> str:
    size = frames.even_size(video.width, video.height, pixel_format, interlaced=video.interlaced)
    return levels.level_of(*size, video.average_rate or Fraction(25), profile.video.preset)


def _own_container(source: SourceInfo) -> str:
    name = _CONTAINER_OF.get(source.container, source.container)
    if name == "mp4" and source.metadata.get("major_brand", "").strip() == "qt":
        return "mov"
    return name


def _not_playable(source: SourceInfo, profile: Profile) -> str:
    """Why the streams, as they are, are not what the receiver plays; empty where they are."""
    video = source.video
    assert video is not None
    if video.codec not in profile.video.codecs:
        return f"the video codec {video.codec} is not allowed"
    if frames.without_range(video.pixel_format) not in profile.video.pixel_formats:
        return f"the pixel format {video.pixel_format} is not allowed"
    for track in source.audio:
        if track.codec not in profile.audio.codecs:
            return f"the audio codec {track.codec} is not allowed"
    return ""


def _fits(source: SourceInfo, container: str) -> bool:
    return all(track.codec in audio.IN_CONTAINER[container] for track in source.audio)

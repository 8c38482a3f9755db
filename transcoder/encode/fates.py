"""What becomes of each part of a source under each rung. Nothing is dropped in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction

from transcoder.media import frames
from transcoder.model import Fate, ItemFate, SourceInfo, StillInfo, VideoTrack
from transcoder.profile import Profile

_TIMING_NOTES = {
    "decode-order": "the container stores decoding times only; presentation times were rebuilt from them",
    "assumed": "timing: assumed; the stream stores none and a nominal frame rate was used",
}


def unchanged(source: SourceInfo) -> tuple[ItemFate, ...]:
    """The same bytes keep everything."""
    whole = ItemFate(item="the whole file", fate=Fate.KEPT, note="byte for byte")
    if source.still is None:
        return (whole,)
    items = Counter(ItemFate(item=item.label, fate=Fate.KEPT) for item in source.still.items)
    return (whole, *damage(source.still), *grouped(items))


def grouped(counted: Counter[ItemFate]) -> tuple[ItemFate, ...]:
    """What is the same several times, in one line."""
    return tuple(replace(fate, item=f"{count} x {fate.item}") if count > 1 else fate for fate, count in counted.items())


def damage(picture: StillInfo) -> tuple[ItemFate, ...]:
    """What of a picture was missing before anything was done to it."""
    return (ItemFate(item="picture", fate=Fate.DAMAGED, note=picture.damage),) if picture.damage else ()


def rewrap(source: SourceInfo) -> tuple[ItemFate, ...]:
    """Stream copy keeps pictures and sound, and loses what the new container cannot carry."""
    video = _video(source)
    kept = [ItemFate(item=f"video stream {video.index} ({video.codec})", fate=Fate.KEPT, note="packets copied")]
    kept += [
        ItemFate(item=f"audio track {track.index} ({track.codec})", fate=Fate.KEPT, note="packets copied")
        for track in source.audio
    ]
    return (*kept, *_container_items(source))


def re_encode_video(source: SourceInfo, codec: str, pixel_format: str) -> tuple[ItemFate, ...]:
    """Pictures are converted; their number, timing, size and presentation are kept."""
    video = _video(source)
    items = [
        ItemFate(
            item=f"video stream {video.index} ({video.codec})",
            fate=Fate.CONVERTED,
            note=f"re-encoded as {codec}; all frames, full size",
        ),
        ItemFate(item="timestamps", fate=Fate.KEPT, note=_TIMING_NOTES.get(video.timing, "every frame's own")),
    ]
    if video.sample_aspect is not None and video.sample_aspect != 1:
        items.append(ItemFate(item=f"sample aspect {video.sample_aspect}", fate=Fate.KEPT))
    if video.rotation_deg or video.mirrored:
        turned = f"rotation {video.rotation_deg} degrees" + (", mirrored" if video.mirrored else "")
        lost_mirror = video.mirrored and video.display_matrix is None
        items.append(ItemFate(item=turned, fate=Fate.LOST if lost_mirror else Fate.KEPT, note="as a tag"))
    if video.interlaced:
        items.append(ItemFate(item="interlacing", fate=Fate.KEPT, note="encoded as interlaced, fields not mixed"))
    size = frames.even_size(video.width, video.height, pixel_format)
    if size != (video.width, video.height):
        note = f"enlarged to {size[0]}x{size[1]} by repeating the last column or row; {pixel_format} needs even sides"
        items.append(ItemFate(item=f"picture size {video.width}x{video.height}", fate=Fate.CONVERTED, note=note))
    if frames.without_range(video.pixel_format) != pixel_format:
        note = f"{video.pixel_format} to {pixel_format}"
        items.append(ItemFate(item="pixel format", fate=Fate.CONVERTED, note=note))
    return (*items, *_container_items(source))


def still(source: SourceInfo, *, lossless: bool) -> tuple[ItemFate, ...]:
    """What becomes of the picture itself; ``carrying`` accounts for everything beside its samples."""
    picture = source.still
    assert picture is not None
    fate = Fate.KEPT if lossless else Fate.CONVERTED
    items = [ItemFate(item=f"picture ({picture.format}, {picture.width}x{picture.height})", fate=fate)]
    items += damage(picture)
    if picture.orientation != 1:
        items.append(ItemFate(item=f"orientation tag {picture.orientation}", fate=Fate.KEPT, note="pixels not turned"))
    if picture.bit_depth > 8 and not lossless:
        items.append(ItemFate(item=f"{picture.bit_depth} bits a sample", fate=Fate.CONVERTED, note="8 bits"))
    return tuple(items)


def pixel_format_for(track: VideoTrack, profile: Profile) -> str:
    """The allowed pixel format nearest to the source's: the same one, else the first listed with its depth."""
    own = frames.without_range(track.pixel_format)
    allowed = profile.video.pixel_formats
    if own in allowed:
        return own
    layout = frames.layout_of(track.pixel_format)
    depth = layout.bit_depth if layout else 8
    deep = [name for name in allowed if (frames.layout_of(name) or layout) and ("10" in name) == (depth > 8)]
    return deep[0] if deep else allowed[0]


def offset_item(offset_s: Fraction) -> tuple[ItemFate, ...]:
    """The shift of a clock that does not start near zero."""
    if not offset_s:
        return ()
    note = f"{float(offset_s):.6f} s subtracted from every timestamp; intervals unchanged"
    return (ItemFate(item="start of the clock", fate=Fate.CONVERTED, note=note),)


def _container_items(source: SourceInfo) -> tuple[ItemFate, ...]:
    items = [
        ItemFate(item=f"stream {track.index} ({track.kind}, {track.codec or 'unknown'})", fate=Fate.LOST)
        for track in source.others
    ]
    if source.metadata:
        names = ", ".join(sorted(source.metadata)[:12])
        items.append(
            ItemFate(item=f"container tags ({names})", fate=Fate.CONVERTED, note="recorded in the certificate")
        )
    return tuple(items)


def _video(source: SourceInfo) -> VideoTrack:
    assert source.video is not None
    return source.video

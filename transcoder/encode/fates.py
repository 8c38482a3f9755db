"""What becomes of each part of a source under each rung. Nothing is dropped in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from transcoder.encode import hdr
from transcoder.media import frames
from transcoder.media.fields import TOP_FIRST
from transcoder.model import Damage, DamageKind, Fate, ItemFate, SourceInfo, StillInfo, VideoTrack
from transcoder.profile import Profile

_TIMING_NOTES = {
    "decode-order": "the container stores decoding times only; presentation times were rebuilt from them",
    "assumed": "timing: assumed; the stream stores none and a nominal frame rate was used",
}

FRAMES = ItemFate(item="frames", fate=Fate.KEPT, note="every one")
SIZE = ItemFate(item="picture size", fate=Fate.KEPT)
WHOLE = (FRAMES, SIZE)
"""What re-encoding keeps as long as nothing is reduced."""
_SPANS_SHOWN = 4
_DAMAGE = {
    DamageKind.UNDECODED: ("packets that do not decode", Fate.LOST, "the source is damaged here"),
    DamageKind.CONCEALED: (
        "damaged pictures", Fate.CONVERTED,
        "the source is damaged here; the decoder filled in what is missing, and that is what is delivered",
    ),
    DamageKind.NO_PICTURE: (
        "packets that give no picture", Fate.LOST, "mostly what they build upon is missing from the source",
    ),
    DamageKind.HIDDEN: (
        "pictures outside the edit list", Fate.LOST, "players do not show them; the master still holds them",
    ),
    DamageKind.UNDATED: (
        "missing timestamps", Fate.CONVERTED, "timing: assumed here, a nominal step from the neighbouring frame",
    ),
    DamageKind.MOVED: (
        "timestamps", Fate.CONVERTED, "not later than the one before; moved behind it by one tick",
    ),
}  # fmt: skip


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
    """Stream copy keeps pictures and sound; what lies beside them is looked up in the finished file."""
    video = _video(source)
    kept = [ItemFate(item=f"video stream {video.index} ({video.codec})", fate=Fate.KEPT, note="packets copied")]
    kept += [
        ItemFate(item=f"audio track {track.index} ({track.codec})", fate=Fate.KEPT, note="packets copied")
        for track in source.audio
    ]
    return tuple(kept)


def re_encode_video(source: SourceInfo, codec: str, pixel_format: str) -> tuple[ItemFate, ...]:
    """Pictures are converted; their number, timing, size and presentation are kept."""
    video = _video(source)
    items = [
        ItemFate(
            item=f"video stream {video.index} ({video.codec})",
            fate=Fate.CONVERTED,
            note=f"re-encoded as {codec}",
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
        note = f"{video.field_order or TOP_FIRST}; encoded as interlaced, fields not mixed"
        items.append(ItemFate(item="interlacing", fate=Fate.KEPT, note=note))
    size = frames.even_size(video.width, video.height, pixel_format, interlaced=video.interlaced)
    if size != (video.width, video.height):
        sides = "fields with even sides" if video.interlaced else "even sides"
        note = f"enlarged to {size[0]}x{size[1]} by repeating the last column or row; {pixel_format} needs {sides}"
        items.append(ItemFate(item=f"picture size {video.width}x{video.height}", fate=Fate.CONVERTED, note=note))
    items += _samples(video, pixel_format)
    return tuple(items)


def _samples(video: VideoTrack, pixel_format: str) -> Iterator[ItemFate]:
    """What becomes of depth, chroma and dynamic range, in words that say what it costs."""
    own = frames.without_range(video.pixel_format)
    before, after = frames.layout_of(own), frames.layout_of(pixel_format)
    depth = before.bit_depth if before else 8
    kept_depth = after.bit_depth if after else 8
    if kept_depth < depth:
        coarser = 1 << (depth - kept_depth)
        note = f"{kept_depth} bits: each step of brightness stands for {coarser} of the source's; nothing else changes"
        yield ItemFate(item=f"{depth} bits a sample", fate=Fate.CONVERTED, note=note)
    if video.color_trc in hdr.TRANSFERS:
        name = hdr.TRANSFERS[video.color_trc]
        if kept_depth >= depth:
            yield ItemFate(item=f"high dynamic range, {name}", fate=Fate.KEPT, note="samples and tags as they were")
        else:
            note = (
                f"still {name} and tagged so, with {kept_depth} bits; nothing is tone-mapped. A player without HDR "
                "shows it pale; banding may show in dark and bright places"
            )
            yield ItemFate(item=f"high dynamic range, {name}", fate=Fate.CONVERTED, note=note)
    if own != pixel_format:
        meaning = ""
        if before is None:
            meaning = ": colours stored as luma and chroma"
        elif after is not None and before.planes == 1 < after.planes:
            meaning = ": no colour is added"
        elif after is not None and _chroma(before) < _chroma(after):
            meaning = f": colour at 1/{1 << (_chroma(after) - _chroma(before))} of the source's samples"
        yield ItemFate(
            item="pixel format", fate=Fate.CONVERTED, note=f"{video.pixel_format} to {pixel_format}{meaning}"
        )


def _chroma(layout: frames.Layout) -> int:
    return layout.chroma_log2_width + layout.chroma_log2_height


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


def damage_items(damage: Damage | None) -> tuple[ItemFate, ...]:
    """What is broken in the source itself, in words; it is delivered as far as it decodes."""
    if damage is None:
        return ()
    items = []
    for kind, count in damage.counts.items():
        item, fate, meaning = _DAMAGE[kind]
        items.append(ItemFate(item=f"{item} ({count})", fate=fate, note=f"{meaning}; {_where(damage, kind)}"))
    if damage.ends_early:
        note = f"the recording is delivered up to where it breaks off ({damage.ends_early})"
        items.append(ItemFate(item="end of the recording", fate=Fate.LOST, note=note))
    return tuple(items)


def _where(damage: Damage, kind: DamageKind) -> str:
    spans = [span for span in damage.spans if span.kind is kind]
    shown = ", ".join(
        f"{float(span.from_s):.3f}{f' to {float(span.to_s):.3f}' if span.to_s > span.from_s else ''} s"
        for span in spans[:_SPANS_SHOWN]
    )
    more = " and elsewhere" if len(spans) > _SPANS_SHOWN or damage.omitted else ""
    return f"at {shown}{more} of its own time"


def offset_item(offset_s: Fraction) -> tuple[ItemFate, ...]:
    """The shift of a clock that does not start near zero."""
    if not offset_s:
        return ()
    note = f"{float(offset_s):.6f} s subtracted from every timestamp; intervals unchanged"
    return (ItemFate(item="start of the clock", fate=Fate.CONVERTED, note=note),)


def _video(source: SourceInfo) -> VideoTrack:
    assert source.video is not None
    return source.video

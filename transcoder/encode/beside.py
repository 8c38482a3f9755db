"""What lies beside picture and sound: other streams, tags, chapters, captions. What became of each is looked up in the
finished file, so that nothing is said to be kept that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

from transcoder.encode import hdr
from transcoder.media import sidedata
from transcoder.model import Fate, ItemFate, OtherTrack, SourceInfo, VideoTrack

_STREAMS = 64
_LISTED = 12
"""So many names in one line; a hostile file may carry thousands."""
_RECORDED = "recorded in the certificate"
OF_CONTAINER = "what the container said of itself"
_LONGEST = 120
_PLACES = ("location", "com.apple.quicktime.location.ISO6709", "LOCATION")
_FORMS = {
    "creation_time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"),
    "timecode": re.compile(r"\d\d:[0-5]\d:[0-5]\d[:;]\d\d"),
    "location": re.compile(r"[+-]\d+(\.\d+)?[+-]\d+(\.\d+)?([+-]\d+(\.\d+)?)?/?"),
}
"""A tag in another form than its muxer takes would cost the whole encoding."""
_DROPPED_RATES = (Fraction(30000, 1001), Fraction(60000, 1001))
_OWN = frozenset(
    ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id",
     "language", "software")
)  # fmt: skip
"""What a container says of itself, in small letters."""
_TELEMETRY = (
    ("gopro met", "telemetry (GPMF)"),
    ("camera", "camera motion (CAMM)"),
    ("core media metadata", "timed metadata (mebx)"),
    ("timecode", "time code (tmcd)"),
    ("time code", "time code (tmcd)"),
)
"""What makers call their data streams."""


def tags_to_keep(source: SourceInfo) -> dict[str, str]:
    """Tags that every container of ours can hold, in a form that none of them rejects.

    A time code belongs to the first frame, so it goes along with a whole recording only.
    """
    video, found = source.video, source.metadata
    assert video is not None
    wanted = {
        "creation_time": found.get("creation_time") or video.tags.get("creation_time", ""),
        "location": next((found[key] for key in _PLACES if found.get(key)), ""),
        "title": found.get("title", "")[:_LONGEST],
        "timecode": (found.get("timecode") or video.tags.get("timecode", "")) if video.span is None else "",
    }
    if ";" in wanted["timecode"] and video.average_rate not in _DROPPED_RATES:
        wanted["timecode"] = ""
    return {
        key: value for key, value in wanted.items() if value and (key not in _FORMS or _FORMS[key].fullmatch(value))
    }


def fates(source: SourceInfo, produced: SourceInfo) -> tuple[ItemFate, ...]:
    """What became of everything beside the picture and the sound.

    :param produced: the finished file, as probed.
    """
    video, copy = source.video, produced.video
    assert video is not None
    assert copy is not None
    items = [_of_stream(track, copy) for track in source.others[:_STREAMS]]
    if len(source.others) > _STREAMS:
        items.append(ItemFate(item=f"{len(source.others) - _STREAMS} further streams", fate=Fate.LOST))
    if source.chapters:
        kept = produced.chapters == source.chapters
        items.append(ItemFate(item=f"{source.chapters} chapter marks", fate=Fate.KEPT if kept else Fate.LOST))
    items += [_of_side_data(name, video, copy) for name in video.side_data]
    return (*items, *_of_tags(source, produced))


def _of_stream(track: OtherTrack, copy: VideoTrack) -> ItemFate:
    about = [track.kind if not track.picture else "cover picture", track.codec or "", track.name]
    for mark, meaning in _TELEMETRY:
        if mark in track.name.lower() and track.kind == "data":
            about.insert(1, meaning)
            break
    if track.size is not None and all(track.size):
        about.append(f"{track.size[0]}x{track.size[1]}")
    if track.packets:
        about.append(f"{track.packets} packets, {track.bytes} bytes")
    fate, note = Fate.LOST, ""
    if track.timecode and copy.tags.get("timecode") == track.timecode:
        fate, note = Fate.KEPT, f"written anew; the first frame is {track.timecode}"
    elif track.footage:
        note = f"another picture of the same recording: --stream {track.index} delivers it, --stream all every one"
    elif not track.packets and track.kind in ("video", "audio", "subtitle"):
        note = "it held nothing"
    item = f"stream {track.index} ({', '.join(part for part in about if part)})"
    return ItemFate(item=item, fate=fate, note=note)


def _of_side_data(name: str, video: VideoTrack, copy: VideoTrack) -> ItemFate:
    if name in (sidedata.MASTERING, sidedata.LIGHT):
        # Compared in the steps of the standard, in which every encoder writes them.
        key = "mastering_display" if name == sidedata.MASTERING else "content_light"
        before, after = hdr.settings_of(video).get(key), hdr.settings_of(copy).get(key)
        if before is not None and before == after:
            return ItemFate(item=name, fate=Fate.KEPT, note=str(before))
        return ItemFate(item=name, fate=Fate.LOST, note=f"it was {before}" if before else "")
    return ItemFate(item=name, fate=Fate.KEPT if name in copy.side_data else Fate.LOST)


def _of_tags(source: SourceInfo, produced: SourceInfo) -> Iterable[ItemFate]:
    video, copy = source.video, produced.video
    assert video is not None
    assert copy is not None
    arrived = {**copy.tags, **produced.metadata}
    written = {value for key, value in tags_to_keep(source).items() if _same(arrived, key, value)}
    kept, own, others = list[str](), list[str](), list[str]()
    of_stream = {f"{key} of the stream": value for key, value in video.tags.items()}
    for key, value in (of_stream | dict(source.metadata)).items():
        plain = key.removesuffix(" of the stream").lower()
        if value in written:
            kept.append(key)
        elif plain in _OWN or plain.startswith(("_statistics", "bps", "number_of_", "wm/", "has")):
            own.append(key)
        else:
            others.append(key)
    for names, fate, note in (
        (kept, Fate.KEPT, "in the file itself"),
        (others, Fate.CONVERTED, _RECORDED),
        (own, Fate.CONVERTED, f"{OF_CONTAINER}; {_RECORDED}"),
    ):
        if names:
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            yield ItemFate(item=f"tags ({', '.join(sorted(names)[:_LISTED])}{more})", fate=fate, note=note)


def _same(arrived: Mapping[str, str], key: str, value: str) -> bool:
    """Containers write a time with or without its fraction, a place in fixed point, and names in capitals."""
    found = [text for name, text in arrived.items() if name.lower() == key]
    if key == "creation_time":
        return any(text.split(".")[0].rstrip("Z") == value.split(".", maxsplit=1)[0].rstrip("Z") for text in found)
    if key == "location":
        return any(_near(text, value) for text in found)
    return value in found


def _near(one: str, other: str) -> bool:
    """Within a ten-thousandth of a degree, some ten metres."""
    pairs = [[float(number) for number in re.findall(r"[+-]\d+(?:\.\d+)?", text)] for text in (one, other)]
    return len(pairs[0]) == len(pairs[1]) and all(abs(a - b) <= 1e-4 for a, b in zip(*pairs, strict=True))

"""The ladder: which rungs apply to a source under a profile, least harm first, and why others do not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, takewhile

from transcoder.encode import audio, fates, h264, hdr, hevc, levels, reducing, roi
from transcoder.encode.av1 import Av1
from transcoder.encode.base import EncodeJob, Encoder
from transcoder.encode.h264 import H264
from transcoder.encode.hevc import Hevc
from transcoder.encode.rewrap import Rewrap
from transcoder.encode.still import LossyStill
from transcoder.encode.still_lossless import LosslessStill
from transcoder.encode.unchanged import Unchanged
from transcoder.media import frames
from transcoder.model import Fate, ItemFate, Knob, RegionKind, Rung, RungName, SourceInfo, Value, VideoTrack
from transcoder.profile import Profile

ENCODERS: Mapping[str, Callable[[EncodeJob], Encoder]] = {
    "copy": Unchanged,
    "page": Unchanged,
    "remux": Rewrap,
    "jpeg-recode": LosslessStill,
    "png-recode": LosslessStill,
    "h264": H264,
    "hevc": Hevc,
    "av1": Av1,
    "jpeg": LossyStill,
    "webp": LossyStill,
    "avif": LossyStill,
}

OFFSETS: Mapping[str, roi.Offsets] = {"h264": h264.OFFSETS, "hevc": hevc.OFFSETS}
"""Codecs whose encoder spends bits by region; the others ignore regions, and none is claimed for them."""

_NO_FIELDS = {
    "av1": "not av1: it has no coding of fields, and the source is interlaced",
    "hevc": "not hevc: x265 makes each field a picture of its own, which players show at half the height",
}
PAGES = "pages"
"""The rung that makes a file of each picture of a file that holds several."""
_CONTAINER_OF = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "mkv"}
_EXTENSIONS = {"jpeg": "jpg"}
_MUX_BYTES_PER_FRAME = 12
"""What MP4 needs at the least for one frame's size, time and chunk, before any picture."""
_HOPELESS_BITS_PER_PIXEL = 0.001
"""A fortieth of what a street at rest takes to meet the floors; trying it all the same would cost a whole encode."""
FIRST_AIM = 0.996
"""First attempt at a byte target; two passes land within 4 %, and a second attempt at its own aim within 0.5 %."""


_LOSSY = frozenset((RungName.RE_ENCODE, RungName.SPLIT, RungName.REDUCE))


@dataclass(frozen=True, slots=True)
class Plan:
    """Rungs to try in order, and the ones that do not apply with the reason."""

    rungs: tuple[Rung, ...]
    skipped: tuple[tuple[RungName, str], ...]

    @property
    def gentle(self) -> tuple[Rung, ...]:
        """The leading rungs that change no sample: they need no regions."""
        return tuple(takewhile(lambda rung: rung.name not in _LOSSY, self.rungs))

    @property
    def whole(self) -> tuple[Rung, ...]:
        """The lossy rungs that put everything into one file and give nothing up beside detail."""
        return tuple(rung for rung in self.rungs if rung.name is RungName.RE_ENCODE)

    @property
    def lossy(self) -> tuple[tuple[RungName, tuple[Rung, ...]], ...]:
        """The lossy rungs by name, in the profile's order."""
        rest = groupby(self.rungs[len(self.gentle) :], key=lambda rung: rung.name)
        return tuple((name, tuple(rungs)) for name, rungs in rest)

    @property
    def parts(self) -> Rung | None:
        """The rung that makes several files, where it applies."""
        return next((rung for rung in self.rungs if rung.name is RungName.SPLIT), None)


def plan_ladder(
    source: SourceInfo, profile: Profile, cap_bytes: int, kinds: Collection[RegionKind] | None = None
) -> Plan:
    """The ladder for one source.

    :param cap_bytes: the largest file allowed on disk.
    :param kinds: what was found in it, by which the lossy rungs are weighed; None where nobody looked.
    """
    rungs: list[Rung] = []
    skipped: list[tuple[RungName, str]] = []
    planner = _still_rungs if source.still is not None else _video_rungs
    for item in planner(source, profile, cap_bytes, kinds):
        if isinstance(item, Rung):
            rungs.append(item)
        else:
            skipped.append(item)
    allowed = profile.fallback
    skipped += [(rung.name, "the profile does not list this rung") for rung in rungs if rung.name not in allowed]
    # Least harm first, in the profile's own order; rungs of one name keep their order of preference.
    rungs = sorted((rung for rung in rungs if rung.name in allowed), key=lambda rung: allowed.index(rung.name))
    return Plan(tuple(rungs), tuple(skipped))


Item = Rung | tuple[RungName, str]


def _video_rungs(
    source: SourceInfo, profile: Profile, cap: int, kinds: Collection[RegionKind] | None
) -> Iterator[Item]:
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
                name="target_bytes", low=cap * 0.05, high=cap * 1.05, start=cap * FIRST_AIM,
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


def _still_rungs(
    source: SourceInfo, profile: Profile, cap: int, kinds: Collection[RegionKind] | None
) -> Iterator[Item]:
    still = source.still
    assert still is not None
    formats = profile.still.formats
    if profile.as_documents:
        yield RungName.UNCHANGED, "the profile takes pictures in documents only"
        if source.bytes <= cap and still.format in formats:
            note = "its bytes are on the page" if still.format == "jpeg" else "its samples are on the page"
            kept = ItemFate(item="the picture", fate=Fate.KEPT, note=f"{note}, untouched")
            yield Rung(name=RungName.REWRAP, encoder="page", extension=_EXTENSIONS.get(still.format, still.format),
                       fates=(kept, *fates.still(source, lossless=True)))  # fmt: skip
    elif source.bytes > cap:
        yield RungName.UNCHANGED, f"{source.bytes} bytes are over the cap of {cap}"
    elif still.format not in formats:
        yield RungName.UNCHANGED, f"the format {still.format} is not allowed"
    else:
        extension = source.path.suffix.lstrip(".").lower() or still.format
        yield Rung(name=RungName.UNCHANGED, encoder="copy", extension=extension, fates=fates.unchanged(source))

    pages = f"the file holds {still.pages} pages or pictures, and an allowed format holds one"
    several = still.pages > 1 and still.format != "jpeg"  # a JPEG's further pictures are views of the same scene
    recode = _lossless_encoder(source, formats)
    if several:
        yield RungName.LOSSLESS, pages
        yield RungName.RE_ENCODE, pages
        if RungName.SPLIT in profile.fallback and profile.max_parts > 1:
            yield Rung(name=RungName.SPLIT, encoder=PAGES, extension=_EXTENSIONS.get(formats[0], formats[0]))
        else:
            yield RungName.SPLIT, f"the profile allows one part only, and {pages}"
        return
    if recode is None:
        yield RungName.LOSSLESS, f"no lossless way from {still.format} ({still.mode}) to an allowed format"
    else:
        encoder, extension = recode
        yield Rung(
            name=RungName.LOSSLESS, encoder=encoder, extension=extension, fates=fates.still(source, lossless=True)
        )
    lossy = [rung for name in formats for rung in _lossy_rungs(source, name, kinds)]
    yield from lossy
    # Of the preferred format the last, which has the fewest samples.
    yield from reducing.rungs(source, profile, [rung for rung in lossy if rung.encoder == lossy[0].encoder][-1:])
    if RungName.SPLIT in profile.fallback and profile.max_parts > 1 and "png" in formats:
        yield Rung(name=RungName.SPLIT, encoder="png-tiles", extension="png")
    else:
        yield RungName.SPLIT, "the profile allows one part only, or no PNG"


def _lossless_encoder(source: SourceInfo, formats: tuple[str, ...]) -> tuple[str, str] | None:
    still = source.still
    assert still is not None
    if still.format == "jpeg":
        return ("jpeg-recode", "jpg") if "jpeg" in formats else None
    if "png" not in formats or still.mode in ("CMYK", "LAB", "YCbCr", "F", "I"):
        return None
    if still.format in ("png", "bmp", "tiff", "gif", "ppm", "tga", "pcx", "ico"):
        deep_colour = still.bit_depth > 8 and still.mode not in ("I;16", "I;16B", "I;16L")
        return None if deep_colour and still.format != "png" else ("png-recode", "png")
    return None


CHROMA_KINDS = frozenset((RegionKind.FACE, RegionKind.PLATE, RegionKind.TEXT, RegionKind.PERSON))
"""Regions whose colour is evidence: full chroma is worth a little luma there."""
_FULL_CHROMA_FROM = {True: 60, False: 90}
"""The lowest JPEG quality of the 4:4:4 rung, with and without such a region (results/study_stills.md, "all, by the
quality that 4:4:4 reaches"). From 90 on it costs no luma. Below, it costs 0.004 to 0.006 of the regions' SSIM; down to
60 their colour gains some four times that, further down hardly more than is lost."""


def _lossy_rungs(source: SourceInfo, name: str, kinds: Collection[RegionKind] | None = None) -> Iterator[Rung]:
    """Full chroma first, where the source has it and the cap has room for it: else the rung is over the cap.

    :param kinds: what was found in the picture; None where nobody looked, which counts as if all were there.
    """
    still = source.still
    assert still is not None
    samplings: tuple[str | None, ...] = (None,)
    if name in ("jpeg", "avif") and still.mode not in ("L", "1", "I;16", "I;16B", "I", "F"):
        # A source that has no finer chroma gains nothing from 4:4:4 and pays for it.
        samplings = ("4:2:0",) if still.subsampling == "4:2:0" else ("4:4:4", "4:2:0")
    if name == "png":
        return
    colour_is_evidence = kinds is None or not CHROMA_KINDS.isdisjoint(kinds)
    for sampling in samplings:
        settings: dict[str, Value] = {"format": name}
        if sampling:
            settings["subsampling"] = sampling
        if name == "avif" and sampling is None:
            settings["subsampling"] = "4:0:0" if still.mode == "L" else "4:2:0"
        low = _FULL_CHROMA_FROM[colour_is_evidence] if (name, sampling) == ("jpeg", "4:4:4") else 5
        yield Rung(
            name=RungName.RE_ENCODE,
            encoder=name,
            extension=_EXTENSIONS.get(name, name),
            settings=settings,
            variant=sampling or "",
            knob=Knob(name="quality", low=low, high=100, start=max(75, low), integer=True, proportional=False),
            fates=fates.still(source, lossless=False),
        )

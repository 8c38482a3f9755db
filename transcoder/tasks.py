"""What the child does beside ``making``: every other command that opens media, one function each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from transcoder.certificate.arrival import Played
from transcoder.certificate.verify import Step
from transcoder.model import RegionSet, SourceInfo
from transcoder.outlook import Forecast
from transcoder.profile import Profile
from transcoder.report.html import Illustrations
from transcoder.sandbox.child import Context
from transcoder.sandbox.parent import Task
from transcoder.snapshot import Snapshot

DOCUMENT, SHEET = "document", "sheet"
"""What ``scout`` writes."""
PICTURE = "picture"
"""What ``show`` writes."""
PAPER = "paper"
"""What ``lay_out`` writes."""


def inspect(context: Context, path: Path, sha256: str, stream: int | None) -> SourceInfo:
    """What is in a source."""
    from transcoder.media.probe import probe

    return probe(path, sha256=sha256, stream=stream)


def scout(context: Context, path: Path, sha256: str, regions: Path | None, stream: int | None) -> RegionSet:
    """Find regions; the JSON and the contact sheet are left in the work folder."""
    from transcoder import scouting
    from transcoder.media.probe import probe
    from transcoder.regions import drawn

    source = probe(path, sha256=sha256, stream=stream)
    result = scouting.scout(source, drawn.load(regions, source) if regions is not None else (), context.tick)
    text = json.dumps(result.document, indent=1, ensure_ascii=False)
    (context.work / DOCUMENT).write_text(text, encoding="utf-8")
    (context.work / SHEET).write_bytes(result.sheet)
    return result.found


def show(context: Context, path: Path, at_s: float, stream: int | None) -> Snapshot:
    """One picture of a source, left in the work folder as JPEG."""
    from transcoder import snapshot

    made, jpeg = snapshot.take(path, at_s, stream)
    (context.work / PICTURE).write_bytes(jpeg)
    return made


def plan(context: Context, path: Path, profile: Profile, stream: int | None) -> Forecast:
    """Predict a delivery."""
    from transcoder.forecast import forecast
    from transcoder.media.probe import probe

    # The whole is not hashed: a forecast must not take longer than reading what it needs.
    return forecast(probe(path, sha256="", stream=stream), profile, context.work, context.tick)


def remeasure(context: Context, parsed: dict[str, Any], source: Path, folder: Path) -> Sequence[Step]:
    """Steps 8 and 9 of a verification."""
    from transcoder.certificate import remeasure as measuring

    return measuring.remeasure(parsed, source, folder, context.tick)


def illustrate(context: Context, parsed: dict[str, Any], source: Path, folder: Path) -> Illustrations:
    """The pictures of a report, made again."""
    from transcoder.certificate.remeasure import measured_again
    from transcoder.report import html

    measured = measured_again(parsed, source, folder, context.tick)
    if measured is None:
        return Illustrations()
    return html.illustrate(
        parsed["predicate"],
        before=measured.before,
        after=measured.after,
        views=measured.views,
        max_bytes=parsed["predicate"]["profile"]["payload_cap_bytes"],
    )


def lay_out(context: Context, page: str, max_bytes: int) -> int:
    """A report as PDF, left in the work folder; its bytes. The pictures in it came from media: no parent opens them."""
    from transcoder.report import pdf

    made = pdf.make(page, max_bytes=max_bytes)
    (context.work / PAPER).write_bytes(made)
    return len(made)


def join_video(
    context: Context, parts: Sequence[tuple[Path, Fraction]], target: str, time_base: Fraction, frames_sha256: str
) -> int:
    """Join parts into a file of this name in the work folder; how many frames it has."""
    from transcoder.parts import video

    files = [video.PartFile(path=path, offset_s=offset_s) for path, offset_s in parts]
    return video.join_video(files, context.work / target, time_base=time_base, frames_sha256=frames_sha256)


def join_tiles(context: Context, pieces: Mapping[str, Any], folder: Path, target: str) -> tuple[int, int]:
    """Join tiles into a PNG of this name in the work folder; its width and height."""
    from transcoder.certificate.remeasure import rebuilt
    from transcoder.media import documents

    whole = rebuilt(dict(pieces), folder)
    first = documents.load(folder / pieces["items"][0]["name"])
    whole.save(context.work / target, icc_profile=first.info.get("icc_profile"))
    return whole.width, whole.height


def play(context: Context, files: Sequence[Path]) -> Sequence[Played]:
    """Decode delivered files from beginning to end."""
    from transcoder.media import playing

    results = []
    for number, path in enumerate(files):
        context.tick("play", number, len(files))
        frames, fault = playing.play(path)
        results.append(Played(name=path.name, frames=frames, fault=fault))
    return results


def digest(context: Context, files: Sequence[Path]) -> Sequence[str]:
    """The hash of what is coded in each delivered file."""
    from transcoder.media import coded

    digests = []
    for number, path in enumerate(files):
        context.tick("confirm", number, len(files))
        digests.append(coded.digest(path))
    return digests


_PROBE = ("transcoder.tasks", "transcoder.media.probe")
_MEASURE = (*_PROBE, "transcoder.studio", "transcoder.certificate.statement", "transcoder.certificate.regions")
INSPECT: Task[SourceInfo] = Task("transcoder.tasks:inspect", SourceInfo, _PROBE)
SCOUT: Task[RegionSet] = Task("transcoder.tasks:scout", RegionSet, (*_PROBE, "transcoder.scouting"))
SHOW: Task[Snapshot] = Task("transcoder.tasks:show", Snapshot, (*_PROBE, "transcoder.snapshot"))
PLAN: Task[Forecast] = Task("transcoder.tasks:plan", Forecast, (*_PROBE, "transcoder.forecast"), measures=True)
REMEASURE: Task[Sequence[Step]] = Task("transcoder.tasks:remeasure", Sequence[Step], _MEASURE, measures=True)
ILLUSTRATE: Task[Illustrations] = Task("transcoder.tasks:illustrate", Illustrations, _MEASURE, measures=True)
LAY_OUT: Task[int] = Task("transcoder.tasks:lay_out", int, ("transcoder.tasks", "transcoder.report.pdf"))
JOIN_VIDEO: Task[int] = Task("transcoder.tasks:join_video", int, ("transcoder.tasks", "transcoder.parts.video"))
JOIN_TILES: Task[tuple[int, int]] = Task("transcoder.tasks:join_tiles", tuple[int, int], _MEASURE)
_CODED = ("transcoder.tasks", "transcoder.media.coded")
DIGEST: Task[Sequence[str]] = Task("transcoder.tasks:digest", Sequence[str], _CODED)
PLAY: Task[Sequence[Played]] = Task("transcoder.tasks:play", Sequence[Played], (*_PROBE, "transcoder.media.playing"))

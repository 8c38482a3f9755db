"""Looking at a source without delivering anything: what is in it, where the evidence is, what would come of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from transcoder import profile as profiles
from transcoder.model import (
    Progress,
    ProgressCallback,
    RegionSet,
    SourceInfo,
    ignore_progress,
)
from transcoder.naming import safe_stem
from transcoder.profile import Profile
from transcoder.sandbox import parent
from transcoder.sandbox.parent import Task
from transcoder.settings import Settings
from transcoder.snapshot import Snapshot
from transcoder.storage import local

if TYPE_CHECKING:
    from transcoder.outlook import Forecast

_LOOK_WALL_S = 120.0
"""Somebody waits at a page for one picture."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What ``inspect_regions`` wrote."""

    found: RegionSet
    document: Path
    sheet: Path


def inspect(path: Path | str, *, stream: int | None = None, settings: Settings | None = None) -> SourceInfo:
    """Describe a source: hash, container, streams, timing, or the picture's properties.

    :param stream: number of the video stream that is meant, of several; None means the best one.
    :raises InputError: where it is not media.
    :raises UsageError: where it has no such video stream.
    """
    from transcoder import tasks

    admitted = local.admit(Path(path))
    arguments = {"path": Path(path), "sha256": admitted.sha256, "stream": stream}
    found = in_child(tasks.INSPECT, arguments, settings or Settings.from_environment(), Path(path), (), no_tick)
    return replace(found, path=Path(path), bytes=admitted.bytes, sha256=admitted.sha256)


def video_streams(path: Path | str, *, settings: Settings | None = None) -> list[int]:
    """Numbers of the video streams that can be asked for, in the file's order.

    :raises InputError: where it is not media.
    """
    source = inspect(path, settings=settings)
    others = [track.index for track in source.others if track.footage]
    return sorted([*others, source.video.index]) if source.video is not None else []


def inspect_regions(
    path: Path | str,
    *,
    out: Path | str,
    regions: Path | str | None = None,
    stream: int | None = None,
    progress: ProgressCallback = ignore_progress,
    settings: Settings | None = None,
) -> Inspection:
    """Find the regions of a source and write them as JSON and as a contact sheet.

    :param out: the folder for both files; it is made when needed, and nothing in it is overwritten.
    :param regions: a JSON file of regions that a person marked, shown with the others.
    :param stream: number of the video stream to look at, of several.
    :raises InputError: where the source is not usable.
    :raises StorageError: where a file of that name exists or cannot be written.
    """
    from transcoder import tasks

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(path), phase=phase, done=done, total=total))

    source, settings = Path(path), settings or Settings.from_environment()
    admitted = local.admit(source)
    stem = safe_stem(SourceInfo(path=source, bytes=admitted.bytes, sha256=admitted.sha256, container="", stream=stream))
    names = {"document": f"{stem}.regions.json", "sheet": f"{stem}.regions.jpg"}
    store = local.LocalStore(Path(out))
    store.reserve(list(names.values()))
    marked = Path(regions) if regions is not None else None
    with store.workspace() as work:
        made = work / "made"
        made.mkdir()
        answer = parent.run(
            tasks.SCOUT, {"path": source, "sha256": admitted.sha256, "regions": marked, "stream": stream},
            policy=settings.sandbox,
            name=source.name, read=[source, *([marked] if marked else [])], work=made, tick=tick,
            source_bytes=admitted.bytes,
        )  # fmt: skip
        sheet, document = (local.confirm_own(made / name, made) for name in (tasks.SHEET, tasks.DOCUMENT))
        # The JSON is the commit mark: where it is, the sheet is too.
        written = store.publish({names["sheet"]: sheet, names["document"]: document})
    return Inspection(answer.value, written[names["document"]], written[names["sheet"]])


def picture_at(
    path: Path, at_s: float = 0.0, *, stream: int | None = None, settings: Settings | None = None
) -> tuple[Snapshot, bytes]:
    """One picture of a source, upright, as JPEG; it is decoded in a confined process.

    :param at_s: seconds after the first picture.
    :raises InputError: where no picture decodes.
    """
    from transcoder import tasks

    settings = settings or Settings.from_environment()
    policy = replace(settings.sandbox, changed={"wall_s": _LOOK_WALL_S, **dict(settings.sandbox.changed or {})})
    with tempfile.TemporaryDirectory(prefix="transcoder-") as folder:
        work = Path(folder)
        answer = parent.run(
            tasks.SHOW, {"path": path, "at_s": at_s, "stream": stream}, policy=policy, name=path.name, read=[path],
            work=work, tick=no_tick, source_bytes=path.stat().st_size,
        )  # fmt: skip
        return answer.value, local.confirm_own(work / tasks.PICTURE, work).read_bytes()


def plan(
    source: Path | str,
    *,
    profile: Profile | str = "cps-twif-1mb",
    cap_bytes: int | None = None,
    max_parts: int | None = None,
    stream: int | None = None,
    progress: ProgressCallback = ignore_progress,
    settings: Settings | None = None,
) -> Forecast:
    """Predict what ``transcode`` would deliver, from short samples of the source; nothing is written.

    :param stream: number of the video stream that is meant, of several.
    :raises InputError: where the source is not usable.
    """
    from transcoder import tasks

    loaded = profile if isinstance(profile, Profile) else profiles.load(profile)
    loaded = loaded.with_cap(cap_bytes) if cap_bytes is not None else loaded
    loaded = loaded.with_max_parts(max_parts) if max_parts is not None else loaded

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(source), phase=phase, done=done, total=total, unit="samples"))

    local.confirm_readable(Path(source))
    arguments = {"path": Path(source), "profile": loaded, "stream": stream}
    return in_child(tasks.PLAN, arguments, settings or Settings.from_environment(), Path(source), (), tick)


R = TypeVar("R")


def in_child(
    task: Task[R], arguments: Mapping[str, Any], settings: Settings, source: Path, files: Sequence[Path],
    tick: Callable[[str, int, int | None], None],
) -> R:  # fmt: skip
    """Do a task that leaves no files behind.

    :param files: what it may read beside the source.
    """
    with tempfile.TemporaryDirectory(prefix="transcoder-") as folder:
        answer = parent.run(
            task, arguments, policy=settings.sandbox, name=source.name, read=[source, *files], work=Path(folder),
            tick=tick, source_bytes=source.stat().st_size,
        )  # fmt: skip
    return answer.value


def no_tick(_phase: str, _done: int, _total: int | None) -> None:
    """For work that nobody watches."""

"""What lies in the watched folder, in order of arrival, and whether it is complete.

The folder is listed again and again. The kernel's notices (inotify) are not used: they say nothing of what another
machine writes to a network share, which is where such folders mostly are.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

OWN = ".watch"
"""Not with the prefix of work folders: those of dead processes are swept away."""
DONE = ".done"
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".download", ".swp", "~")
_SIDECAR = ".json"
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Look:
    """A file as one look saw it. Where a later look sees the same, nobody wrote to it between the two."""

    bytes: int
    mtime_ns: int
    regular: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One source, with what lies beside it for it."""

    name: str
    """Relative to the watched folder, with ``/`` between its parts."""
    path: Path
    look: Look
    case: Path | None
    regions: Path | None


@dataclass(slots=True)
class _Seen:
    look: tuple[Look, ...]
    since: float
    order: tuple[int, int, str]
    renamed: bool


class Arrivals:
    """Looks at a folder.

    :param settle_s: how long a file must stay as it is before it counts as complete.
    :param recursive: also look into folders.
    :param clock: seconds that never go back: a share's own clock may be wrong.
    """

    def __init__(
        self, folder: Path, *, settle_s: float, recursive: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self._settle_s, self._recursive, self._clock = folder, settle_s, recursive, clock
        self._seen: dict[str, _Seen] = {}
        self._unfinished: dict[tuple[int, int], None] = {}
        self._looks = 0

    def look(self, done: Callable[[str, Look], bool]) -> tuple[Sequence[Arrival], int]:
        """Look once.

        :param done: whether a file is dealt with already, so that only its name and look count.
        :returns: what is complete, in order of arrival, and how many files are not complete yet.
        :raises OSError: where the folder is not there.
        """
        self._looks += 1
        found, unfinished = self._list()
        before, self._seen = self._seen, {}
        complete: list[tuple[tuple[int, int, str], Arrival, _Seen]] = []
        waiting = 0
        for name, (path, status) in found.items():
            mine = Look(status.st_size, status.st_mtime_ns, stat.S_ISREG(status.st_mode))
            if is_sidecar(name) or done(name, mine):
                continue
            case, regions = _beside(name, found)
            looks = (mine, *(_look(found, side) for side in (case, regions) if side is not None))
            seen = before.get(name)
            if seen is None:
                renamed = (status.st_dev, status.st_ino) in self._unfinished
                seen = _Seen(looks, self._clock(), (self._looks, status.st_ctime_ns, name), renamed)
            elif seen.look != looks:
                seen.look, seen.since = looks, self._clock()
            self._seen[name] = seen
            if self._clock() - seen.since < self._settle_s:
                waiting += 1
                continue
            sides = [found[side][0] if side is not None else None for side in (case, regions)]
            arrival = Arrival(name=name, path=path, look=mine, case=sides[0], regions=sides[1])
            complete.append((seen.order, arrival, seen))
        self._unfinished = unfinished
        busy = written_to(item.path for _, item, seen in complete if not seen.renamed) if complete else frozenset()
        complete.sort(key=lambda found: found[0])
        ready = [item for _, item, _ in complete if item.path not in busy]
        return ready, waiting + len(complete) - len(ready)

    def changed(self, name: str) -> None:
        """A file turned out to be still changing: it must settle anew."""
        self._seen.pop(name, None)

    def _list(self) -> tuple[Mapping[str, tuple[Path, os.stat_result]], dict[tuple[int, int], None]]:
        found: dict[str, tuple[Path, os.stat_result]] = {}
        unfinished: dict[tuple[int, int], None] = {}
        folders = [("", self.folder)]
        while folders:
            prefix, folder = folders.pop()
            try:
                entries = list(os.scandir(folder))
            except OSError:
                if folder == self.folder:
                    raise
                continue  # a folder below it was taken away between two looks
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        if self._recursive and not entry.name.startswith("."):
                            folders.append((f"{prefix}{entry.name}/", Path(entry.path)))
                    elif entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED):
                        unfinished[status.st_dev, status.st_ino] = None
                    else:
                        found[prefix + entry.name] = Path(entry.path), status
        return found, unfinished


def same_look(path: Path, look: Look) -> bool:
    """Whether a file is still what was seen."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return Look(status.st_size, status.st_mtime_ns, stat.S_ISREG(status.st_mode)) == look


def _beside(name: str, found: Mapping[str, tuple[Path, os.stat_result]]) -> tuple[str | None, str | None]:
    """The case file and the regions file of a source: ``CCTV.avi.json``, or ``CCTV.json``."""
    stem = str(PurePosixPath(name).with_suffix(""))

    def first(ending: str) -> str | None:
        return next((side for side in (name + ending, stem + ending) if side in found and side != name), None)

    return first(_SIDECAR), first(f".regions{_SIDECAR}")


def _look(found: Mapping[str, tuple[Path, os.stat_result]], name: str) -> Look:
    status = found[name][1]
    return Look(status.st_size, status.st_mtime_ns, stat.S_ISREG(status.st_mode))


def is_sidecar(name: str) -> bool:
    """Whether a name is never a source's."""
    return name.lower().endswith(_SIDECAR)


def written_to(paths: Iterable[Path]) -> frozenset[Path]:
    """Those of these files that a process of this machine has open for writing, as far as we may see.

    What another machine writes over a network share, or another user's process here, is not seen: for these the
    time that a file stays unchanged must do.
    """
    wanted: dict[tuple[int, int], Path] = {}
    for path in paths:
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            wanted[status.st_dev, status.st_ino] = path
    names = {path.name for path in wanted.values()}
    found: set[Path] = set()
    for process in _numbered(_PROC):
        for descriptor in _numbered(process / "fd"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                # The name first: to ask after a file on somebody's dead share could take for ever.
                link = process / "fd" / descriptor.name
                if link.readlink().name not in names:
                    continue
                status = link.stat()
                file = wanted.get((status.st_dev, status.st_ino))
                if file is not None and _writes(process / "fdinfo" / descriptor.name):
                    found.add(file)
    return frozenset(found)


def _numbered(folder: Path) -> Sequence[Path]:
    try:
        return [path for path in folder.iterdir() if path.name.isdecimal()]
    except OSError:
        return ()


def _writes(information: Path) -> bool:
    line = next(line for line in information.read_text(encoding="ascii").splitlines() if line.startswith("flags:"))
    return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY

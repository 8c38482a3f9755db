"""Chunks: what is kept of a video that goes in parts while it is being made, so that a crash costs one part at most
and other hosts can make some of them.

Two kinds of files are kept. The *kit* is everything that was found before the first part was begun (regions, the index
of frames, what each frame costs, the audio): a worker that takes the job up again goes on from there, and one that
helps needs nothing else but the source. A *chunk* is one finished part with its measurement, or the record that a run
of frames does not fit into one.

The child asks, the parent answers (``sharing``): only the parent knows where these files are. Both kinds are pickles
that children write and children read, inside the sandbox and of the same source; no parent ever opens one.
"""

from __future__ import annotations

import json
import pickle
import re
import zlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from transcoder.version import __version__

KIT = "kit"
_NAME = re.compile(r"(\d{9})-(\d{9})")
_HEADER = f"transcoder chunk 1 {__version__}\n".encode()
"""Of another version nothing is taken up: what it kept may mean something else."""


class State(StrEnum):
    """What is known of a chunk."""

    OPEN = "open"
    BUSY = "busy"
    DONE = "done"


class ChunkStore(Protocol):
    """Where the chunks of one job are kept, for its parent. Names are ``KIT`` and those of ``name_of``."""

    def begin(self) -> int:
        """Take the job up, or begin it; how many other workers could help."""
        ...

    def done(self) -> Sequence[str]:
        """Names of what is finished."""
        ...

    def offer(self, name: str) -> State:
        """Let others know of a chunk, and say how it stands."""
        ...

    def claim(self, name: str) -> bool:
        """Make it this process's own; False where another one has it."""
        ...

    def keep(self, name: str, file: Path) -> None:
        """Keep a finished one. :raises StorageError: where that fails."""
        ...

    def fetch(self, name: str, target: Path) -> None:
        """Write a finished one to a file. :raises StorageError: where that fails."""
        ...


def name_of(frames: range) -> str:
    """The name of a run of frames."""
    return f"{frames.start:09d}-{frames.stop:09d}"


def frames_of(name: str) -> range:
    """The run of frames of a name.

    :raises ValueError: where it is none.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(name)
    return range(int(found[1]), int(found[2]))


class Shares:
    """The child's side: what it keeps and finds of the job it works on.

    :param ask: see ``sandbox.child.Context``; where nobody keeps chunks, the answer is empty.
    :param work: the child's own folder.
    """

    def __init__(self, ask: Callable[[bytes], bytes] | None, work: Path) -> None:
        self._ask, self._work = ask, work
        begun = self._say("begin")
        self.kept = bool(begun)
        """Whether anything is kept at all."""
        self.helpers: int = begun.get("helpers", 0)
        """How many other workers may make parts."""
        self._done: Sequence[str] = begun.get("done", ())

    def _say(self, do: str, name: str = KIT) -> dict[str, Any]:
        answer = self._ask(json.dumps({"do": do, "name": name}).encode()) if self._ask is not None else b""
        return dict(json.loads(answer)) if answer else {}

    def known(self) -> dict[int, int]:
        """First frame -> frame behind the last one, of chunks that were finished before this process began.

        Of several that begin alike it is the shortest: the longer ones missed, and were cut.
        """
        found: dict[int, int] = {}
        for frames in (frames_of(name) for name in self._done if name != KIT):
            found[frames.start] = min(frames.stop, found.get(frames.start, frames.stop))
        return found

    def kit(self) -> Any | None:
        """What was found before the first part, if an earlier process kept it."""
        return self.load(KIT) if KIT in self._done else None

    def offer(self, name: str) -> State:
        """How a chunk stands; others may take it from now on."""
        return State(self._say("offer", name)["state"]) if self.kept else State.OPEN

    def claim(self, name: str) -> bool:
        """Make it this process's own."""
        return bool(self._say("claim", name)["yours"]) if self.kept else True

    def keep(self, name: str, value: object) -> None:
        """Keep something finished."""
        if self.kept:
            write(self._work / f"chunk-{name}", value)
            self._say("keep", name)

    def load(self, name: str) -> Any | None:
        """Something finished; None where another version of the program made it."""
        self._say("fetch", name)
        file = self._work / f"chunk-{name}"
        try:
            return read(file)
        finally:
            file.unlink(missing_ok=True)


ALONE = Shares(None, Path())
"""For work of which nothing is kept."""


def write(file: Path, value: object) -> None:
    """Write a value so that ``read`` of the same version reads it."""
    file.write_bytes(_HEADER + zlib.compress(pickle.dumps(value), 1))


def read(file: Path) -> Any | None:
    """What ``write`` wrote; None for a file of another version. To be called inside the sandbox only."""
    data = file.read_bytes()
    if not data.startswith(_HEADER):
        return None
    return pickle.loads(zlib.decompress(data[len(_HEADER) :]))  # noqa: S301 - a child's own, and only children read it


__all__ = ["ALONE", "KIT", "ChunkStore", "Shares", "State", "frames_of", "name_of", "read", "write"]

"""The parent's side of chunks: answers what its child asks about them, and has single ones made for others."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from transcoder import spare
from transcoder.made import CHUNK
from transcoder.parts.chunks import KIT, ChunkStore, frames_of
from transcoder.sandbox import parent, wire
from transcoder.sandbox.limits import Policy
from transcoder.sandbox.parent import Task
from transcoder.sandbox.started import Started
from transcoder.storage import local

Tick = Callable[[str, int, int | None], None]


def answering(store: ChunkStore, work: Path) -> Callable[[bytes], bytes]:
    """The parent's ear: answers what the child asks about chunks.

    :param work: the child's folder: finished files come from there and are put there.
    """

    def answer(question: bytes) -> bytes:
        try:
            asked = json.loads(question)
            do, name = asked["do"], asked.get("name", KIT)
            if name != KIT:
                frames_of(name)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise wire.WireError("a question about chunks that makes no sense") from None
        return json.dumps(_do(store, do, name, work / f"chunk-{name}")).encode()

    return answer


def _do(store: ChunkStore, do: str, name: str, file: Path) -> Mapping[str, object]:
    match do:
        case "begin":
            helpers = store.begin()
            return {"helpers": helpers, "done": list(store.done())}
        case "offer":
            return {"state": str(store.offer(name))}
        case "claim":
            return {"yours": store.claim(name)}
        case "keep":
            store.keep(name, local.confirm_own(file, file.parent))
            file.unlink()
        case "fetch":
            file.unlink(missing_ok=True)
            store.fetch(name, file)
        case _:
            raise wire.WireError("a question about chunks that makes no sense")
    return {}


def no_chunks(_: bytes) -> bytes:
    """The ear of who keeps none: whatever is asked, nothing is there."""
    return b""


HELP: Task[int] = Task("transcoder.making:help_out", int, spare.MODULES, measures=True)


def make_chunk(
    source: Path, kit: Path, name: str, target: Path, *, policy: Policy, tick: Tick,
    child: Started | None = None,
) -> None:  # fmt: skip
    """Make one part of a job that another host does, in a child of its own.

    :param source: the same file as there; whoever calls this has compared its hash.
    :param kit: as the job's own process kept it.
    :param name: of the chunk.
    :param target: written for ``ChunkStore.keep``.
    :param child: one that was started already.
    :raises TranscodeError: where it cannot be made; the job's own process makes it then.
    """
    frames = frames_of(name)
    with tempfile.TemporaryDirectory(prefix="transcoder-", dir=target.parent) as folder:
        work = Path(folder)
        parent.run(
            HELP, {"source": source, "kit": kit, "first": frames.start, "stop": frames.stop}, policy=policy,
            name=source.name, read=[source, kit], work=work, tick=tick, source_bytes=source.stat().st_size,
            child=child,
        )  # fmt: skip
        local.confirm_own(work / CHUNK, work).replace(target)


__all__ = ["answering", "make_chunk", "no_chunks"]

"""What was delivered before, and what becomes of a source after it was delivered."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transcoder.errors import StorageError
from transcoder.watching.arrivals import DONE, same_look
from transcoder.watching.journal import Record

_MARKS = (".certificate.json", ".refusal.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A delivery that lies there."""

    files: Sequence[str]
    verdict: str
    refused: bool


def delivered(mark: object, sha256: str) -> Found | None:
    """The delivery behind a certificate that has its name, where it is of this very source.

    A certificate gets its name last, so what it stands for is complete.
    """
    ending = next((ending for ending in _MARKS if str(mark).endswith(ending)), None)
    if ending is None:
        return None
    path = Path(str(mark))
    try:
        predicate = json.loads(path.read_bytes())["predicate"]
        if predicate["source"]["sha256"] != sha256:
            return None
        verdict = str(predicate["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    stem = path.name.removesuffix(ending)
    files = sorted(str(item) for item in path.parent.iterdir() if item.name.startswith(stem))
    return Found(files=files, verdict=verdict, refused=ending == _MARKS[1])


def take_away(folder: Path, record: Record) -> None:
    """Move or delete a source with what belongs to it alone, unless it is another file by now.

    :raises StorageError: where that fails.
    """
    path = folder / record.name
    if not same_look(path, record.look):
        return
    beside = [path.with_name(path.name + ending) for ending in (".json", ".regions.json")]
    try:
        for item in [*(side for side in beside if side.is_file()), path]:  # the source last: it is what is looked for
            if record.pending == "delete":
                item.unlink()
            else:
                _move(item, folder / DONE / item.relative_to(folder))
    except OSError as error:
        raise StorageError(
            f"delivered, but cannot be taken away: {error.strerror or error}", where=str(error.filename or path),
            hint="may this user write there? --after keep leaves it",
        ) from None  # fmt: skip


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    wanted, number = target, 2
    while True:
        try:
            os.link(path, wanted, follow_symlinks=False)
            path.unlink()
            return
        except FileExistsError:
            if wanted.samefile(path):  # moved halfway by a run that was killed
                path.unlink()
                return
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            if not os.path.lexists(wanted):  # a file system without links
                path.rename(wanted)
                return
        wanted, number = target.with_name(f"{target.stem}.{number}{target.suffix}"), number + 1


__all__ = ["Found", "delivered", "take_away"]

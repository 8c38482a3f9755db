"""What was done with which file: one line of JSON each, appended and synced, so that a restart does nothing twice.

Lines instead of a database, because SQLite is not safe on network shares, where output folders mostly are. A line
that a power cut tore is overlooked, and the file it was about is looked at again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from transcoder.errors import StorageError
from transcoder.watching.arrivals import Look

_NAME = "journal.jsonl"
_SLACK = 1000


class Came(StrEnum):
    """What came of a file."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One file that is dealt with."""

    name: str
    """Relative to the watched folder."""
    bytes: int
    mtime_ns: int
    sha256: str | None
    """None where it could not be read."""
    came: Came
    at: str
    files: Sequence[str] = ()
    """What was written, relative to the output folder."""
    verdict: str | None = None
    error: Mapping[str, Any] | None = None
    regular: bool = True
    """Whether it was a regular file."""
    pending: str | None = None
    """What is still to be done with the source: ``move`` or ``delete``."""

    @property
    def look(self) -> Look:
        """What the file looked like."""
        return Look(self.bytes, self.mtime_ns, self.regular)


class Journal:
    """The records of one watched folder; the last one of a name counts.

    :param folder: the output folder's own one; made where it lacks.
    :raises StorageError: where it cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._records: dict[str, Record] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._length, lines = self._read()
            if lines > 2 * len(self._records) + _SLACK:
                self._shorten()
        except OSError as error:
            raise _unwritable(self._path, error) from None

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def of(self, name: str) -> Record | None:
        """What was done with a file of this name at last."""
        return self._records.get(name)

    def add(self, record: Record) -> None:
        """Write one down, for good.

        :raises StorageError: where that fails; then nothing of it is kept.
        """
        line = _line(record)
        try:
            with self._path.open("ab") as file:
                file.truncate(self._length)  # what an interrupted writer left of its last line
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(self._path, error) from None
        self._length += len(line)
        self._records[record.name] = record

    def settled(self, record: Record) -> None:
        """Nothing is left to be done with a record's source."""
        self.add(replace(record, pending=None))

    def count(self, came: Came) -> int:
        """How many files this became of."""
        return sum(record.came is came for record in self._records.values())

    def _read(self) -> tuple[int, int]:
        length = lines = 0
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return 0, 0
        for line in data.splitlines(keepends=True):
            record = _record(line)
            if line.endswith(b"\n") and record is not None:
                self._records[record.name] = record
            elif not line.endswith(b"\n"):
                break
            length, lines = length + len(line), lines + 1
        return length, lines

    def _shorten(self) -> None:
        rough = self._path.with_suffix(".part")
        with rough.open("wb") as file:
            file.writelines(_line(record) for record in self._records.values())
            file.flush()
            os.fsync(file.fileno())
        rough.replace(self._path)
        self._length = self._path.stat().st_size


def _line(record: Record) -> bytes:
    return json.dumps(asdict(record)).encode("ascii") + b"\n"


def _record(line: bytes) -> Record | None:
    try:
        given = json.loads(line)
        known = {item.name for item in fields(Record)}
        return Record(**{key: value for key, value in given.items() if key in known} | {"came": Came(given["came"])})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # the file is looked at again, and what was delivered is found in the output folder


@contextmanager
def only_one(*places: Path) -> Iterator[None]:
    """Hold the locks of a watched folder and its output.

    :raises StorageError: where another watcher holds one (``watcher-running``).
    """
    held = []
    try:
        for place in places:
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                file = place.open("ab")
            except OSError as error:
                raise _unwritable(place, error) from None
            held.append(file)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StorageError(
                    "another watcher uses this folder", where=str(place),
                    hint="one watcher for each folder that is watched, and one for each output folder",
                    code="watcher-running",
                ) from None  # fmt: skip
        yield
    finally:
        for file in held:
            file.close()


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write: {error.strerror or error}", where=str(path), hint="is there room, and may this user write?"
    )


__all__ = ["Came", "Journal", "Record", "only_one"]

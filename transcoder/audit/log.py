"""Writing the log: append-only, chained, safe for several processes at once, and after one was killed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder.audit import checkpoints, entries, files, reading
from transcoder.audit.base import Facts, Sent
from transcoder.audit.entries import Head
from transcoder.errors import StorageError

if TYPE_CHECKING:
    from transcoder.certificate.base import Signer

CHECKPOINT_EVERY = 20
MAX_FILE_BYTES = 8 << 20


class AuditLog:
    """One log in one folder, made when needed.

    :param folder: of the log alone.
    :param signer: gives the key for checkpoints; asked only where one is due.
    :param now: the clock.
    :param every: a checkpoint at least after so many entries.
    :param max_bytes: a file this long is closed and the chain goes on in the next one.
    """

    def __init__(
        self,
        folder: Path,
        signer: Callable[[], Signer],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        every: int = CHECKPOINT_EVERY,
        max_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        self.folder = folder
        self._signer, self._now = signer, now
        self._every, self._max_bytes = every, max_bytes

    def record(self, event: str, facts: Facts) -> None:
        """Write one entry, and the checkpoint it is due.

        :raises StorageError: where it cannot be kept; nothing half-written is left then.
        :raises CertificateError: where a checkpoint is due and the key cannot be used.
        """
        with files.storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with files.locked(self.folder):
                torn = files.set_aside(self.folder)
                tail = self._ready()
                for pending in torn:
                    tail = self._note(pending, tail)
                self._put(tail, event, facts)

    def checkpoint(self) -> Path:
        """Sign the log as it is now; the file, beside which the signature lies.

        :raises StorageError: where that cannot be kept.
        """
        self.record(entries.CHECKPOINT, {})
        with files.storage_errors(self.folder), files.locked(self.folder):
            return max(path for path in (self.folder / files.CHECKPOINTS).glob("*.json"))

    def sent(self, wanted: Facts) -> Sent | None:
        """The last delivery whose entry holds these facts."""
        with files.storage_errors(self.folder):
            return reading.sent(self.folder, wanted)

    def holds(self, event: str, wanted: Facts) -> bool:
        """Whether an entry of this event holds these facts."""
        with files.storage_errors(self.folder):
            return any(entry["event"] == event for entry in reading.matching(self.folder, wanted))

    def _ready(self) -> files.Tail:
        """The end of the log, in a file that has room; with what a killed process still owed it."""
        tail = files.tail(self.folder)
        if tail is None or tail.head.seq == 0:
            if (self.folder / files.CHECKPOINTS).is_dir():
                raise StorageError(
                    "the audit log is gone, and its signed checkpoints are still there",
                    where=str(self.folder),
                    hint="keep the folder as evidence and set TRANSCODER_HOME to begin a new log",
                    code="audit-damaged",
                )
            path = self.folder / files.segment_name(1)
            files.create(path)
            tail = files.Tail(path, 1, 0, entries.START)
            return self._put(tail, entries.OPENED, {"log": secrets.token_hex(16), "checkpoint_every": self._every})
        if entries.owes_checkpoint(tail.head.entry, self._every):
            self._sign(tail.head)
        if tail.bytes >= self._max_bytes:
            path = self.folder / files.segment_name(tail.number + 1)
            files.create(path)
            tail = files.Tail(path, tail.number + 1, 0, tail.head)
        if tail.bytes == 0:
            facts = {"log": self._log(), "after": files.segment_name(tail.number - 1)}
            tail = self._put(tail, entries.CONTINUED, {**facts, "checkpoint_every": self._every})
        return tail

    def _note(self, pending: Path, tail: files.Tail) -> files.Tail:
        """Tell of what was set aside; the last entry may do so already."""
        content = pending.read_bytes()
        facts = {"bytes": len(content), "sha256": entries.digest(content)}
        last = tail.head.entry
        if last["event"] != entries.TORN or {key: last.get(key) for key in facts} != facts:
            tail = self._put(tail, entries.TORN, {**facts, "file": files.aside_name(pending).name})
        files.noted(pending)
        return tail

    def _put(self, tail: files.Tail, event: str, facts: Mapping[str, object]) -> files.Tail:
        data = entries.line(tail.head, event, facts, self._now())
        files.append(tail.path, data)
        entry = entries.parse(data)
        head = Head(entry["seq"], entries.digest(data), entry)
        if entries.owes_checkpoint(entry, self._every):
            self._sign(head)
        return files.Tail(tail.path, tail.number, tail.bytes + len(data) + 1, head)

    def _sign(self, head: Head) -> None:
        if not checkpoints.path_of(self.folder, head.seq).exists():
            checkpoints.make(self.folder, self._log(), head, self._signer(), self._now())

    def _log(self) -> str:
        """The log's own number, which every file of it begins with."""
        first = next(reading.entries_of(files.segments(self.folder)[0][1]))
        return str(first.get("log", ""))

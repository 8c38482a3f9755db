"""Checking the log: every line against the one before it, and all of it against the signed checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcoder.audit import checkpoints, entries, files
from transcoder.audit.checkpoints import Checkpoint
from transcoder.audit.reading import confirm_log
from transcoder.certificate.trusted import Trust, as_trust
from transcoder.errors import CertificateError, InputError

if TYPE_CHECKING:
    from cryptography import x509

_MOST = 200
"""More findings than these are not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that does not hold."""

    file: str
    line: int | None
    """From 1; None where it is not about a line."""
    message: str

    def __str__(self) -> str:
        return f"{self.file}{f' line {self.line}' if self.line is not None else ''}: {self.message}"

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {"file": self.file, "line": self.line, "message": self.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check of the whole log found."""

    folder: Path
    entries: int
    checkpoints: int
    signed_entries: int
    """As far as a checkpoint reaches; what comes after is chained and not signed yet."""
    signed_at: str | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    """What is worth knowing and breaks nothing."""

    @property
    def ok(self) -> bool:
        """True where nothing was removed, changed, moved or added, as far as the checkpoints reach."""
        return not self.findings

    def to_dict(self) -> dict[str, object]:
        """The object that ``transcoder audit verify --json`` prints."""
        return {
            "folder": str(self.folder),
            "ok": self.ok,
            "entries": self.entries,
            "checkpoints": self.checkpoints,
            "signed_entries": self.signed_entries,
            "signed_at": self.signed_at,
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class _Walk:
    """Where the walk along the lines is."""

    file: str = ""
    number: int = 0
    previous_file: str = ""
    previous_number: int = 0
    seq: int = 0
    head: str = entries.FIRST
    at: str = ""
    log: str = ""
    every: int = 1
    entries: int = 0
    owed: tuple[int, str, int] | None = None
    """The last entry that a checkpoint must follow and does not, with its place."""
    torn: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    matched: set[Path] = field(default_factory=set)
    """Checkpoints that signed what is there."""
    seen: set[Path] = field(default_factory=set)
    """Checkpoints over an entry that is there, or something in its place."""

    def complain(self, message: str, *, before: bool = False) -> None:
        file, number = (self.previous_file, self.previous_number) if before else (self.file, self.number)
        self.report(file, number or None, message)

    def report(self, file: str, number: int | None, message: str) -> None:
        if len(self.findings) < _MOST:
            self.findings.append(Finding(file=file, line=number, message=message))


def check(folder: Path, anchors: Sequence[x509.Certificate] | Trust, kept: Sequence[Path] = ()) -> Checked:
    """Read the whole log and hold it against its checkpoints.

    :param anchors: authorities whose signatures under checkpoints are trusted.
    :param kept: checkpoints that were kept elsewhere, with their signatures beside them.
    :raises InputError: ``no-audit-log`` where there is none; ``input-unreadable`` where it cannot be read.
    """
    confirm_log(folder)
    walk = _Walk()
    try:
        segments, own = files.snapshot(folder)
        signed = _checkpoints(folder, as_trust(anchors), own, kept, walk)
        _walk(segments, signed, walk)
        _set_aside(folder, walk)
    except OSError as error:
        raise InputError(
            f"the audit log cannot be read: {error.strerror}", where=str(error.filename), code="input-unreadable"
        ) from None
    newest = max((c for c in signed if c.path in walk.matched), key=lambda c: c.count, default=None)
    reach = newest.count if newest is not None else 0
    if walk.seq > reach:
        walk.notes.append(f"{walk.seq - reach} of {walk.entries} entries came after the last signed checkpoint")
    return Checked(
        folder=folder,
        entries=walk.entries,
        checkpoints=len(walk.matched),
        signed_entries=reach,
        signed_at=newest.at if newest is not None else None,
        findings=tuple(walk.findings),
        notes=tuple(walk.notes),
    )


def _checkpoints(
    folder: Path, trust: Trust, own: Sequence[Path], kept: Sequence[Path], walk: _Walk
) -> list[Checkpoint]:
    """Those whose signature holds; the others are findings."""
    found = []
    for path in (*own, *kept):
        try:
            read = checkpoints.read(path, trust)
        except CertificateError as error:
            walk.report(path.name, None, f"the checkpoint {'is not valid: ' if error.where is None else ''}{error}")
            continue
        if path in own and path != checkpoints.path_of(folder, read.count):
            walk.report(path.name, None, f"the checkpoint is one of {read.count} entries and was renamed")
        found.append(read)
    return found


def _walk(segments: Sequence[tuple[int, Path, int]], signed: Sequence[Checkpoint], walk: _Walk) -> None:
    by_count: dict[int, list[Checkpoint]] = {}
    for checkpoint in signed:
        by_count.setdefault(checkpoint.count, []).append(checkpoint)
    for place, (number, _, _) in enumerate(segments, start=1):
        if number != place:
            walk.report(files.segment_name(place), None, f"files {place} to {number - 1} of the log are missing")
            break
    for _, path, size in segments:
        walk.file, walk.number, read = path.name, 0, 0
        with path.open("rb") as file:
            for data in file:
                read += len(data)
                if read > size:
                    break  # written since
                walk.number += 1
                if data.endswith(b"\n"):
                    _line(data[:-1], by_count, walk)
                elif path == segments[-1][1]:
                    walk.notes.append(
                        f"{path.name} line {walk.number}: a line that was not finished; the next entry sets it aside"
                    )
                else:
                    walk.complain("has no end, and the log goes on in another file")
    if walk.owed is not None:
        seq, name, line = walk.owed
        if seq == walk.seq:
            walk.notes.append(f"{name} line {line}: its checkpoint is due; the next entry makes it")
        else:
            walk.report(name, line, "the signed checkpoint that follows this entry is missing")
    for checkpoint in signed:
        if checkpoint.count > walk.seq:
            walk.report(
                walk.file or files.segment_name(1), max(1, walk.number),
                f"the log was cut off here: a checkpoint signed {checkpoint.at} covers {checkpoint.count} "
                f"entries, {walk.seq} are left",
            )  # fmt: skip
        elif checkpoint.path not in walk.seen:
            walk.report(
                checkpoint.path.name, None, f"the log has no such entry {checkpoint.count} as this checkpoint signed"
            )


def _line(data: bytes, by_count: dict[int, list[Checkpoint]], walk: _Walk) -> None:
    sha256 = entries.digest(data)
    walk.entries += 1
    try:
        entry = entries.parse(data)
    except ValueError as error:
        walk.complain(str(error))
        # The next line cannot fit this one: it is held against what stands here, so that only one is blamed.
        walk.seq, walk.head = walk.seq + 1, sha256
        walk.previous_file, walk.previous_number = walk.file, walk.number
        return
    _linked(entry, walk)
    _owing(entry, by_count, walk)
    _opened(entry, walk)
    for checkpoint in by_count.get(entry["seq"], ()):
        walk.seen.add(checkpoint.path)
        if checkpoint.head == sha256 and checkpoint.log == walk.log:
            walk.matched.add(checkpoint.path)
        else:
            walk.complain(f"is not the entry that the checkpoint of {checkpoint.at} signed")
    if entry["event"] == entries.TORN:
        walk.torn[str(entry.get("file"))] = str(entry.get("sha256"))
    walk.seq, walk.head, walk.at = entry["seq"], sha256, entry["at"]
    walk.previous_file, walk.previous_number = walk.file, walk.number


def _linked(entry: dict[str, Any], walk: _Walk) -> None:
    """The entry against the one before it."""
    seq, fits = entry["seq"], entry["prev"] == walk.head
    if fits and seq == walk.seq + 1:
        return
    if seq == walk.seq + 1 and walk.previous_number:
        walk.complain("was changed after the next entry was written", before=True)
    elif seq > walk.seq + 1:
        walk.complain(f"entries {walk.seq + 1} to {seq - 1} are missing before this line")
    elif seq == walk.seq + 1:
        walk.complain("does not begin a log")
    else:
        walk.complain(f"entry {seq} does not follow entry {walk.seq}: lines were added or moved")


def _owing(entry: dict[str, Any], by_count: dict[int, list[Checkpoint]], walk: _Walk) -> None:
    """Without this, whoever deletes checkpoints could write the chain anew."""
    if walk.owed is not None:
        _, file, number = walk.owed
        walk.report(file, number, "the signed checkpoint that follows this entry is missing")
        walk.owed = None
    if entry["event"] in (entries.OPENED, entries.CONTINUED) and type(entry.get("checkpoint_every")) is int:
        walk.every = max(1, entry["checkpoint_every"])
    if entries.owes_checkpoint(entry, walk.every) and entry["seq"] not in by_count:
        walk.owed = (entry["seq"], walk.file, walk.number)


def _opened(entry: dict[str, Any], walk: _Walk) -> None:
    """A log begins once, and each of its files begins with its number."""
    begins = entry["event"] in (entries.OPENED, entries.CONTINUED)
    if begins != (walk.number == 1) or (entry["event"] == entries.OPENED) != (entry["seq"] == 1):
        walk.complain("is not where a file of the log begins" if begins else "does not begin a file of the log")
    if begins and not walk.log:
        walk.log = str(entry.get("log"))
    elif begins and entry.get("log") != walk.log:
        walk.complain("belongs to another log")


def _set_aside(folder: Path, walk: _Walk) -> None:
    """Torn lines that were set aside are there as they were noted."""
    for name, sha256 in walk.torn.items():
        path = folder / name
        try:
            same = path.name == name and entries.digest(path.read_bytes()) == sha256
        except OSError:
            same = False
        # Between the note and its last name a file is called as it was before.
        if not same and not any(entries.digest(p.read_bytes()) == sha256 for p in folder.glob("torn-*.pending")):
            walk.report(name, None, "this torn line was set aside, and the file is missing or changed")
    for path in sorted(folder.glob("torn-*.bin")):
        if path.name not in walk.torn:
            walk.report(path.name, None, "no entry tells of this file")

"""The survey of a delivery that arrived: which files are intact, missing, damaged, swapped or foreign."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transcoder.errors import InputError
from transcoder.parts.files import blocks, names, size_of

_FAMILY = re.compile(r"(.+?)(?:\.vol-\d+-of-\d+|_part-\d+-of-\d+\.\w+|_tile-[\w-]+\.\w+)", re.DOTALL)
_Owners = dict[int, dict[str, str]]  # size -> SHA-256 -> name of the file with this content


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One file as the sender's list names it."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What of the expected is there. ``damaged`` and ``hints`` hold pairs of a name and plain words."""

    intact: tuple[str, ...]
    missing: tuple[str, ...]
    damaged: tuple[tuple[str, str], ...]
    foreign: tuple[str, ...]
    """Files that are not expected but look as if they belonged here: by their name, or by their content."""
    hints: tuple[tuple[str, str], ...]
    """Which of the foreign files hold what a missing or damaged one should hold."""

    @property
    def complete(self) -> bool:
        """True where nothing is lacking; foreign files do not stand in the way."""
        return bool(self.intact) and not self.missing and not self.damaged

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "complete": self.complete,
            "intact": list(self.intact),
            "missing": list(self.missing),
            "damaged": [{"name": name, "reason": reason} for name, reason in self.damaged],
            "foreign": list(self.foreign),
            "hints": [{"name": name, "hint": hint} for name, hint in self.hints],
        }


def survey(folder: Path, expected: Sequence[Expected]) -> Survey:
    """Compare a folder with the sender's list: names, sizes and hashes. Nothing outside the folder is looked at.

    :raises InputError: where the folder cannot be listed.
    """
    there = frozenset(names(folder))
    owners = _owners(expected)
    damaged = {
        item.name: fault
        for item in expected
        if item.name in there and (fault := _fault(folder / item.name, item, owners))
    }
    intact = {item.name: None for item in expected if item.name in there and item.name not in damaged}
    lacking = _owners([item for item in expected if item.name not in intact])
    families = {family(item.name) for item in expected} - {None}
    foreign: list[str] = []
    hints: list[tuple[str, str]] = []
    for name in sorted(there.difference(item.name for item in expected)):
        owner = None
        with contextlib.suppress(InputError):  # what cannot be read says nothing about its content
            _, _, owner = _identified(folder / name, lacking)
        if owner is not None:
            hints.append((name, f"holds the content of {owner}"))
        if owner is not None or family(name) in families:
            foreign.append(name)
    return Survey(
        intact=tuple(intact),
        missing=tuple(item.name for item in expected if item.name not in there),
        damaged=tuple(damaged.items()),
        foreign=tuple(foreign),
        hints=tuple(hints),
    )


def family(name: str) -> str | None:
    """What the files of one set have in common in their names; None for any other file."""
    match = _FAMILY.fullmatch(name)
    return match[1] if match else None


def _owners(expected: Sequence[Expected]) -> _Owners:
    owners: _Owners = {}
    for item in expected:
        owners.setdefault(item.bytes, {})[item.sha256] = item.name
    return owners


def _fault(path: Path, wanted: Expected, owners: _Owners) -> str | None:
    """What is wrong with a file that is there, in plain words."""
    try:
        size, sha256, owner = _identified(path, owners)
    except InputError as error:
        return error.message
    if (size, sha256) == (wanted.bytes, wanted.sha256):
        return None
    if owner is not None:
        return f"holds the content of {owner}"
    if size < wanted.bytes:
        return f"truncated: {size} of {wanted.bytes} bytes"
    if size > wanted.bytes:
        return f"longer: {size} instead of {wanted.bytes} bytes"
    return "its SHA-256 differs"


def _identified(path: Path, owners: _Owners) -> tuple[int, str, str | None]:
    """Size, hash, and whose content that is; a file of nobody's size is not read, and its hash stays empty."""
    size = size_of(path)
    if size not in owners:
        return size, "", None
    digest = hashlib.sha256()
    for block in blocks(path):
        digest.update(block)
    return size, digest.hexdigest(), owners[size].get(digest.hexdigest())

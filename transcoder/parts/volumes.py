"""Originals in volumes: the untouched source in numbered files, each at or under the cap.

A volume holds nothing but the source's own bytes, so ``cat NAME.vol-*`` restores it without this program.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transcoder.errors import InputError, UsageError
from transcoder.parts.files import blocks, names, size_of

MAX_COUNT = 999_999
"""Most volumes of one original: a name that claims more is nobody's volume, and costs the reader nothing."""

_MIN_DIGITS = 3
_NAME = re.compile(r"(.+)\.vol-([0-9]{3,6})-of-([0-9]{3,6})", re.DOTALL)
Tick = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One volume on disk; ``number`` counts from 1."""

    path: Path
    number: int
    count: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the names in a folder say on their own, without a list from the sender."""

    stem: str
    count: int
    paths: tuple[Path, ...]
    """The volumes that are there, in their order."""
    missing: tuple[int, ...]
    """The numbers that are not."""


def volume_count(total_bytes: int, max_bytes: int) -> int:
    """The smallest count that keeps every volume at or under ``max_bytes``; an empty file is one empty volume.

    :raises UsageError: where a volume may hold nothing, or the count is over ``MAX_COUNT``.
    """
    if max_bytes < 1:
        raise UsageError(f"a volume of {max_bytes} bytes holds nothing", hint="allow 1 byte or more", code="no-room")
    count = max(1, -(-total_bytes // max_bytes))
    if count > MAX_COUNT:
        raise UsageError(
            f"{total_bytes} bytes make {count} volumes of {max_bytes} bytes, over the limit of {MAX_COUNT}",
            hint="choose a larger cap",
            code="too-many-volumes",
        )
    return count


def volume_name(name: str, number: int, count: int) -> str:
    """``NAME.vol-001-of-012``: as many digits in both numbers, so that the order of names is that of volumes.

    :raises UsageError: where ``name`` is not a plain file name, or the numbers do not fit each other.
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise UsageError("not a plain file name", where=name, code="volume-name")
    if not 1 <= number <= count <= MAX_COUNT:
        raise UsageError(f"there is no volume {number} of {count}", where=name, code="volume-name")
    digits = max(_MIN_DIGITS, len(str(count)))
    return f"{name}.vol-{number:0{digits}}-of-{count:0{digits}}"


def parse_name(file_name: str) -> tuple[str, int, int] | None:
    """Name, number and count where this is exactly what ``volume_name`` gives for them, else None."""
    match = _NAME.fullmatch(file_name)
    if match is None:
        return None
    name, number, count = match[1], int(match[2]), int(match[3])
    with contextlib.suppress(UsageError):
        if volume_name(name, number, count) == file_name:
            return name, number, count
    return None


def cut(source: Path, folder: Path, *, name: str, max_bytes: int, tick: Tick) -> tuple[Volume, ...]:
    """Cut a file into volumes of ``max_bytes`` bytes, the last one as long as what is left.

    Where it fails, the volumes written so far are removed. What goes wrong in writing stays an OSError.

    :param name: what the volumes are named after.
    :raises InputError: where the source cannot be read, or shrinks or grows meanwhile.
    :raises UsageError: where ``name`` or ``max_bytes`` cannot be used.
    """
    total, done = size_of(source), 0
    count = volume_count(total, max_bytes)
    volumes: list[Volume] = []
    written: list[Path] = []
    try:
        with contextlib.closing(blocks(source, max_bytes)) as content:
            for number in range(1, count + 1):
                path, size = folder / volume_name(name, number, count), min(max_bytes, total - done)
                end, digest = done + size, hashlib.sha256()
                with path.open("xb") as target:
                    written.append(path)
                    while done < end:
                        block = next(content, b"")
                        done += len(block)
                        if not block or done > end:
                            raise _resized(source, total)
                        digest.update(block)
                        target.write(block)
                        tick("volumes", done, total)
                volumes.append(Volume(path=path, number=number, count=count, bytes=size, sha256=digest.hexdigest()))
            if next(content, b""):
                raise _resized(source, total)
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    return tuple(volumes)


def expected_from_names(folder: Path, stem: str | None = None) -> Found:
    """Without a list: what the names of the volumes in a folder say.

    :param stem: the original that is wanted, where the folder holds several.
    :raises InputError: ``no-volumes`` where there is none, ``volumes-ambiguous`` where several originals or
        counts are mixed, ``input-unreadable`` where the folder cannot be listed.
    """
    found: dict[tuple[str, int], dict[int, Path]] = {}
    for name in names(folder):
        parsed = parse_name(name)
        if parsed and stem in (None, parsed[0]):
            found.setdefault((parsed[0], parsed[2]), {})[parsed[1]] = folder / name
    if not found:
        raise InputError(
            "holds no volumes" if stem is None else f"holds no volumes of {stem}",
            where=str(folder),
            hint="name the folder that the files named .vol-001-of-... are in",
            code="no-volumes",
        )
    if len(found) > 1:
        kinds = [f"{name} in {count}" for name, count in sorted(found)]
        raise InputError(
            f"volumes of several deliveries are mixed: {', '.join(kinds[:3])}{', ...' if kinds[3:] else ''}",
            where=str(folder),
            hint="put each delivery's volumes into a folder of their own",
            code="volumes-ambiguous",
        )
    (((name, count), there),) = found.items()
    return Found(
        stem=name,
        count=count,
        paths=tuple(there[number] for number in sorted(there)),
        missing=tuple(number for number in range(1, count + 1) if number not in there),
    )


def _resized(source: Path, total: int) -> InputError:
    return InputError(
        f"had {total} bytes and was cut short or grew while it was read",
        where=str(source),
        hint="work from a copy that no other program writes to",
        code="source-resized",
    )

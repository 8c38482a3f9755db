"""Typed access to a profile's TOML that turns every fault into one line with key and line number.

``tomllib`` gives no positions, so the line of a key is found by reading the text the way a person
would: the last table header above, then the key at the start of a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NoReturn

from transcoder.errors import ProfileError
from transcoder.model import RungName

LIMITS: Mapping[str, tuple[str, ...]] = {
    "containers": ("mp4", "mov", "mkv"),
    "codecs": ("h264", "hevc", "av1"),
    "pixel_formats": ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "gray"),
    "presets": ("veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"),
    "audio_codecs": ("aac", "mp3", "opus", "ac3", "pcm_s16le", "flac"),
    "still_formats": ("jpeg", "png", "webp", "avif"),
    "wraps": ("none", "pdf"),
    "reductions": ("audio", "repeats", "scale"),
    "rungs": tuple(str(rung) for rung in RungName),
}

_KEYS: Mapping[str, frozenset[str]] = {
    "": frozenset(
        (
            "name",
            "title",
            "version",
            "cap_bytes",
            "transfer_encoding",
            "max_parts",
            "originals",
            "stills",
            "wrap",
            "video",
            "audio",
            "still",
            "floors",
            "fallback",
            "reduce",
        )
    ),
    "video": frozenset(("containers", "codecs", "pixel_formats", "preset")),
    "audio": frozenset(("codecs", "max_share", "min_bitrate_bps", "max_bitrate_bps")),
    "still": frozenset(("formats",)),
    "floors": frozenset(("frame", "tile", "face", "plate", "text", "person", "vehicle", "motion")),
    "fallback": frozenset(("order",)),
    "reduce": frozenset(("steps", "audio_bitrate_bps", "repeat_difference", "scales")),
}


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the document, with the document's text for line numbers."""

    origin: str
    text: str
    path: str = ""
    values: Mapping[str, object] | None = None

    def place(self, key: str) -> str:
        """``file:line: dotted.key`` of a key, or of its table where the key is missing."""
        dotted = f"{self.path}.{key}" if self.path else key
        return f"{self.origin}:{line_of(self.text, self.path, key)}: {dotted[:80]}"

    def fail(self, key: str, message: str, hint: str | None = None) -> NoReturn:
        """:raises ProfileError: always."""
        raise ProfileError(message, where=self.place(key), hint=hint)

    def _get(self, key: str) -> object:
        value = (self.values or {}).get(key)
        if value is None:
            self.fail(key, "this key is missing")
        return value

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in (self.values or {})

    def table(self, key: str) -> Table:
        """A sub-table."""
        value = self._get(key)
        if not isinstance(value, dict):
            self.fail(key, "must be a table", f"write a [{key}] section")
        return Table(self.origin, self.text, key, value)

    def string(self, key: str) -> str:
        """A non-empty string."""
        value = self._get(key)
        if not isinstance(value, str) or not value.strip():
            self.fail(key, f"must be a non-empty string, not {_shown(value)}")
        return value

    def name(self, key: str) -> str:
        """A string that is safe in a file name."""
        value = self.string(key)
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,47}", value):
            self.fail(key, f"{_shown(value)} must be 1 to 48 of a-z, 0-9, dot, dash, underscore")
        return value

    def integer(self, key: str) -> int:
        """A positive integer."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.fail(key, f"must be a whole number of at least 1, not {_shown(value)}")
        return value

    def count(self, key: str, *, default: int, most: int = 1000) -> int:
        """A whole number of at least 0, or the default where the key is absent."""
        value = (self.values or {}).get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            self.fail(key, f"must be a whole number from 0 to {most}, not {_shown(value)}")
        return value

    def shrinking(self, key: str) -> tuple[Fraction, ...]:
        """Shares below 1, each smaller than the one before."""
        value = self._get(key)
        numbers = value if isinstance(value, list) else []
        plain = all(isinstance(item, int | float) and not isinstance(item, bool) for item in numbers)
        if not numbers or not plain or not all(0.1 <= item < 1 for item in numbers):
            self.fail(key, f"must be a non-empty list of numbers from 0.1 to below 1, not {_shown(value)}")
        shares = tuple(Fraction(str(item)) for item in numbers)
        if any(later >= sooner for sooner, later in pairwise(shares)):
            self.fail(key, "each must be smaller than the one before")
        return shares

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false, or the default where the key is absent."""
        value = (self.values or {}).get(key, default)
        if not isinstance(value, bool):
            self.fail(key, f"must be true or false, not {_shown(value)}")
        return value

    def ratio(self, key: str, *, default_key: str | None = None) -> float:
        """A number from 0 to 1; where the key is absent, that of ``default_key`` if one is named."""
        if default_key is not None and key not in (self.values or {}):
            return self.ratio(default_key)
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self.fail(key, f"must be a number from 0 to 1, not {_shown(value)}")
        return float(value)

    def choice(self, key: str, allowed: tuple[str, ...], *, default: str) -> str:
        """One of a fixed set, or the default where the key is absent."""
        value = (self.values or {}).get(key, default)
        if not isinstance(value, str) or value not in allowed:
            self.fail(key, f"{_shown(value)} is not known", f"one of: {', '.join(allowed)}")
        return value

    def choices(self, key: str, allowed: tuple[str, ...], *, may_be_empty: bool = False) -> tuple[str, ...]:
        """A list without repeats, each of a fixed set."""
        value = self._get(key)
        if not isinstance(value, list) or not (value or may_be_empty):
            self.fail(key, f"must be a {'' if may_be_empty else 'non-empty '}list of strings")
        for item in value:
            if not isinstance(item, str) or item not in allowed:
                self.fail(key, f"{_shown(item)} is not known", f"any of: {', '.join(allowed)}")
        if len(set(value)) != len(value):
            self.fail(key, "lists an item twice")
        return tuple(value)


def _shown(value: object) -> str:
    """A value as the user wrote it, cut short; numbers too long to print are only named."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def check(document: Mapping[str, object], root: Table) -> Table:
    """The root table, after unknown keys (usually typing errors) were refused.

    :raises ProfileError: naming the first unknown key and its line.
    """
    for path, allowed in _KEYS.items():
        values = document.get(path) if path else document
        if not isinstance(values, dict):
            continue
        table = Table(root.origin, root.text, path, values)
        for key in values:
            if key not in allowed:
                table.fail(key, "this key is not known", f"known here: {', '.join(sorted(allowed))}")
    return Table(root.origin, root.text, "", document)


def line_of(text: str, path: str, key: str) -> int:
    """The 1-based line of ``key`` in table ``path``.

    Understands ``[table]`` headers, dotted keys and inline tables on one line; where the key itself is
    absent, the line of its table, else 1.
    """
    wanted = f"{path}.{key}" if path else key
    current, best = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line)
        assignment = re.match(r"""\s*([\w."'\s-]+?)\s*=""", line)
        if header:
            current = _plain(header.group(1))
            name = current
        elif assignment:
            left = _plain(assignment.group(1))
            name = f"{current}.{left}" if current else left
        else:
            continue
        if name == wanted:
            return number
        if name == path and path:
            best = number
    return best


def _plain(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))

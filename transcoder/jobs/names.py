"""Names of files as senders have them: in whatever script, without what misleads, breaks a line or leads elsewhere."""

from __future__ import annotations

import re
import unicodedata

_NAME_BYTES = 200
_SUFFIX_CHARS = 12
_MARKS = 6
"""Marks upon one letter; beyond any script's need they only paint over what stands above and below."""
_JOINERS = "\u200c\u200d"
"""The two invisible characters that words of some scripts need."""
_NOT_EVERYWHERE = '<>:"|?*'
"""A system on which staff downloads it has no such names."""


def clean_name(name: str) -> str:
    """A file's name without folders; control characters and marks of direction go; never empty.

    At most 200 bytes of UTF-8; what goes then is the end of the stem.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept, marks = [], 0
    for char in last:
        kind = unicodedata.category(char)[0]
        marks = marks + 1 if kind == "M" else 0
        if marks > _MARKS:
            continue
        blank = kind in "CZ" and char not in _JOINERS
        kept.append(" " if blank else "_" if char in _NOT_EVERYWHERE else char)
    plain = " ".join("".join(kept).split()).lstrip(f". -{_JOINERS}")
    stem, dot, suffix = plain.rpartition(".")
    suffix = f".{suffix[:_SUFFIX_CHARS]}" if dot and stem else ""
    room = _NAME_BYTES - len(suffix.encode())
    return (plain.removesuffix(suffix) if suffix else plain).encode()[:room].decode(
        "utf-8", "ignore"
    ) + suffix or "unnamed"


__all__ = ["clean_name"]

"""First-pass statistics of x264 and x265: how many bits each frame asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(rb"in:(\d+) .*?type:(\w).*? q:([\d.]+) .*?tex:(\d+) mv:(\d+) misc:(\d+)")
_REFERENCE_QP = 26.0


@dataclass(frozen=True, slots=True)
class FrameCost:
    """One frame, in the order of presentation."""

    bits: float
    """At one quantiser for all frames."""
    key: bool
    """Coded by itself, which the encoder does at a change of scene."""


def read(path: Path) -> tuple[FrameCost, ...]:
    """All frames of a statistics file.

    Bits of the picture fall with the quantiser's step size to the power 1.1, those of motion with its root, the
    rest not at all: x264's own model (``qscale2bits`` in its rate control).

    :returns: empty where the file is of a form that is not known.
    """
    found: dict[int, FrameCost] = {}
    for line in path.read_bytes().splitlines():
        match = _LINE.search(line)
        if match:
            texture, motion, rest = (int(match[group]) for group in (4, 5, 6))
            coarser = 2 ** ((float(match[3]) - _REFERENCE_QP) / 6)
            bits = texture * coarser**1.1 + motion * coarser**0.5 + rest
            found[int(match[1])] = FrameCost(bits, match[2] in (b"I", b"i"))
    if sorted(found) != list(range(len(found))):
        return ()
    return tuple(found[number] for number in range(len(found)))

"""A picture's first lossy file, made on one processor while the other looks for regions.

Which rung is tried does not hang on what is found where a source has its chroma halved anyway, and hardly elsewhere.
What is made here is only remembered: the search asks for its files as ever, and finds some of them ready, so that the
delivery is the same with and without.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transcoder.encode.still import LossyStill
from transcoder.errors import TranscodeError
from transcoder.model import Encoded, EncodeSpec, Fidelity, Rung
from transcoder.search import fill
from transcoder.search.filling import OverCap


@dataclass(frozen=True, slots=True)
class _Quiet:
    """The search's probe, without a word to whoever watches the progress: callbacks belong to one thread."""

    encoder: LossyStill

    def encode(self, spec: EncodeSpec) -> Encoded:
        return self.encoder.prepare(spec)

    def forecast(self, spec: EncodeSpec) -> float | None:
        return self.encoder.forecast(spec)

    def measure(self, encoded: Encoded) -> Fidelity:
        raise NotImplementedError


def make(
    encoder: LossyStill, rungs: Sequence[tuple[Rung, Rung]], cap_bytes: int, made: Callable[[Encoded], None]
) -> None:
    """Make the file that will most likely be asked for.

    :param encoder: which remembers what it made.
    :param rungs: each as it applies whatever is found, and where nothing is found; all of the same encoder.
    :param made: is told of the file.
    """
    with contextlib.suppress(TranscodeError, OSError, MemoryError):  # met again by whoever asks for the file
        for rung, strict in rungs:
            try:
                filled = fill(strict, cap_bytes, _Quiet(encoder))
            except OverCap:
                if strict != rung:
                    return  # what is found decides whether a lower quality is tried
                continue
            if filled.fits:
                made(filled.encoded)
                return

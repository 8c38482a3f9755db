"""Stand-ins for encoders and metrics: sizes and scores from functions, so that the search needs no media."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.helpers import factories
from transcoder.errors import EncodeError
from transcoder.model import Encoded, EncodeSpec, Fidelity

SizeOf = Callable[[float], int]


class FakeProbe:
    """Answers from functions, and remembers what it was asked.

    :param size_of: file size for a knob value, for each encoder (a fixed rung asks with 0).
    :param foretold: size that a sample foretells for a knob value; None means that nobody can tell.
    :param fidelity_of: fidelity of a file, from encoder and size.
    """

    def __init__(
        self,
        size_of: SizeOf | Mapping[str, SizeOf],
        fidelity_of: Callable[[str, int], Fidelity] | None = None,
        *,
        lossless: frozenset[str] = frozenset(),
        broken: frozenset[str] = frozenset(),
        saturates_at: float | None = None,
        foretold: Callable[[float], float] | None = None,
    ) -> None:
        self._size_of = size_of
        self._fidelity_of = fidelity_of or (lambda _name, _size: factories.fidelity())
        self._lossless, self._broken, self._saturates_at = lossless, broken, saturates_at
        self._foretold = foretold
        self.encoded: list[tuple[str, float | None, int]] = []
        self.measured: list[str] = []

    def encode(self, spec: EncodeSpec) -> Encoded:
        name = spec.rung.encoder
        if name in self._broken:
            raise EncodeError(f"{name} is broken")
        size_of = self._size_of if callable(self._size_of) else self._size_of[name]
        value = spec.knob_value or 0.0
        full = self._saturates_at is not None and value >= self._saturates_at
        size = size_of(min(value, self._saturates_at) if self._saturates_at is not None else value)
        self.encoded.append((name, spec.knob_value, size))
        return replace(
            factories.encoded(Path(f"{name}-{len(self.encoded)}"), size, saturated=full),
            lossless_proof="proof" if name in self._lossless else None,
        )

    def forecast(self, spec: EncodeSpec) -> float | None:
        return self._foretold(spec.knob_value or 0.0) if self._foretold else None

    def measure(self, encoded: Encoded) -> Fidelity:
        name = encoded.path.name.rsplit("-", 1)[0]
        self.measured.append(name)
        return self._fidelity_of(name, encoded.bytes)

"""Moving bits between classes of regions: what missed its floor gets finer quantisers, what has margin pays.

The step follows from the error: 1 - SSIM about halves with every six quantiser steps (the quantiser's step
size doubles), so a class whose error is ``r`` times too large needs about ``6 * log2(r)`` steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from transcoder.encode import roi
from transcoder.model import RegionKind, Rung

_QUANTISER_RANGE = 51
_FINEST = {"h264": -0.4, "hevc": -0.2}
"""x265 saturates at -0.2 and gets worse beyond."""
_MARGIN = 0.85
"""A class whose error is below this share of what its floor allows can give."""
_SPARE_STEPS = 1.0


def rebalance(rung: Rung, errors: Mapping[str, float]) -> Rung | None:
    """The same rung with other weights, or None where there is nothing to move.

    :param errors: class -> its error, 1 - (worst 1 %), as a multiple of what its floor allows; above 1 is a miss.
    """
    limit = _FINEST.get(rung.encoder)
    before = roi.offsets_of(rung.settings)
    missed = [name for name, error in errors.items() if error > 1]
    if limit is None or not missed or not any(error < _MARGIN for error in errors.values()):
        return None
    after = dict(before)
    starved = [kind for kind in RegionKind if str(kind) in missed]
    for kind in starved:
        steps = 6 * math.log2(errors[str(kind)]) + _SPARE_STEPS
        after[kind] = max(limit, before.get(kind, 0.0) - steps / _QUANTISER_RANGE)
    rest_starves = any(name in errors and errors[name] > 1 for name in ("frame", "tile"))
    for kind, offset in before.items():
        error = errors.get(str(kind), 1.0)
        if error < _MARGIN and offset < 0:
            # Half of what it could give: its own worst moment must not become the next miss.
            steps = 3 * math.log2(1 / max(error, 1e-3)) * (2 if rest_starves else 1)
            after[kind] = min(0.0, offset + steps / _QUANTISER_RANGE)
    after = {kind: round(offset, 4) for kind, offset in after.items()}
    if after == before:
        return None
    settings = {name: value for name, value in rung.settings.items() if not name.startswith(roi.SETTING)}
    settings |= {f"{roi.SETTING}{kind}": after[kind] for kind in RegionKind if kind in after}
    return replace(
        rung,
        settings=settings,
        variant=f"{rung.variant}{', ' if rung.variant else ''}more bits for {', '.join(missed)}",
    )

"""Hypothesis strategies that several modules share."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

caps = st.integers(32_768, 10_000_000)
ssim_values = st.floats(-1, 1, allow_nan=False, width=64)
series = st.lists(ssim_values, min_size=1, max_size=400)
stamps = st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), max_size=60)
hostile_text = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "a\nb\r\nc", "' or 1"]),
)


@st.composite
def increasing_sizes(draw: st.DrawFn) -> Callable[[float], int]:
    """Any monotone size for an integer quality of 5 to 96: plateaus and jumps included."""
    steps = draw(st.lists(st.integers(0, 400_000), min_size=92, max_size=92))
    first = draw(st.integers(1, 2_000_000))
    sizes = np.cumsum([first, *steps[1:]])
    return lambda quality: int(sizes[int(quality) - 5])


@st.composite
def exponential_sizes(draw: st.DrawFn) -> Callable[[float], int]:
    """JPEG-like growth: a fixed header and ln(size) nearly linear in quality, steeper at the top, with noise."""
    slope = draw(st.floats(0.018, 0.045))
    bend = draw(st.floats(0.0, 0.06))
    base = draw(st.floats(9.0, 15.0))
    header = draw(st.integers(0, 40_000))
    noise = draw(hnp.arrays(np.float64, 92, elements=st.floats(-0.004, 0.004)))
    logs = [base + slope * (q - 50) + bend * max(0.0, q - 88) + noise[q - 5] for q in range(5, 97)]
    sizes = np.maximum.accumulate([header + int(math.exp(value)) for value in logs])
    return lambda quality: int(sizes[int(quality) - 5])


def planes(dtype: type[np.unsignedinteger] = np.uint8, bits: int = 8) -> st.SearchStrategy[np.ndarray]:
    """Small planes of any size from 1x1."""
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)
    return hnp.arrays(dtype, shapes, elements=st.integers(0, (1 << bits) - 1))


@st.composite
def plane_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Two 8-bit planes of the same shape."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))
    elements = st.integers(0, 255)
    return draw(hnp.arrays(np.uint8, shape, elements=elements)), draw(hnp.arrays(np.uint8, shape, elements=elements))

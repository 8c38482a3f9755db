"""Packed series: refusing what is not one."""

from __future__ import annotations

import base64
import zlib

import pytest

from transcoder.metrics.packing import pack, unpack


def test_static_footage_packs_small() -> None:
    packed = pack([0.97] * 100_000, max_bytes=1_000_000)
    assert packed.group == 1
    assert packed.count == 100_000
    assert len(packed.data) < 600


@pytest.mark.parametrize("text", ["", "not base64!", "AAAA", base64.b64encode(zlib.compress(b"abc")).decode()])
def test_text_that_is_no_series_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(text)

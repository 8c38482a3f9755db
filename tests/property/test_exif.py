"""EXIF blocks come from strangers: whatever they hold, the orientation is one of eight and nothing breaks."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tests.helpers.exif import block
from transcoder.media.stills import exif_orientation


@given(st.binary(max_size=300))
@example(b"Exif\0\0II*\0\xff\xff\xff\xff")
@example(b"MM\0*\0\0\0\x08\xff\xff")
@example(b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\0\0\0\0\xff\xff\0\0" * 3)
def test_any_bytes(data: bytes) -> None:
    assert exif_orientation(data) in range(1, 9)


@given(st.sampled_from("<>"), st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_any_directory_behind_a_good_header(order: str, directory: bytes, offset: int) -> None:
    header = (b"II*\0" if order == "<" else b"MM\0*") + offset.to_bytes(4, "little" if order == "<" else "big")
    assert exif_orientation(b"Exif\0\0" + header + directory) in range(1, 9)


@given(st.sampled_from("<>"), st.integers(1, 8), st.booleans(), st.integers(0, 40))
def test_a_good_block_gives_its_value(order: str, orientation: int, prefix: bool, others: int) -> None:
    assert exif_orientation(block(orientation, order=order, prefix=prefix, others=others)) == orientation


@given(st.sampled_from("<>"), st.integers(9, 65535) | st.just(0))
def test_a_value_that_means_nothing_is_1(order: str, value: int) -> None:
    assert exif_orientation(block(value, order=order)) == 1

"""Reading packets where the library's own reading ends badly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from transcoder.media.containers import open_input, packets


class MoreStreamsThanAnnounced:
    """As PyAV ends with a damaged FLV: all packets come, then flushing an unannounced stream fails."""

    def demux(self, _wanted: object) -> Iterator[Any]:
        yield "first"
        yield "flush"
        raise IndexError("list index out of range")


def test_streams_that_appear_late_do_not_end_in_an_exception() -> None:
    container: Any = MoreStreamsThanAnnounced()
    arrived: list[Any] = list(packets(container, container))
    assert arrived == ["first", "flush"]


def test_every_packet_of_a_sound_file_comes_with_its_flush(samples: Path) -> None:
    with open_input(samples / "cctv_day.avi") as container:
        streams = len(container.streams)
        sizes = [packet.size for packet in packets(container, list(container.streams))]
    assert (len(sizes), sizes.count(0)) == (100 + streams, streams)


def test_a_fault_of_the_one_who_reads_is_not_swallowed(samples: Path) -> None:
    with open_input(samples / "cctv_day.avi") as container, pytest.raises(IndexError):
        for _ in packets(container, container.streams[0]):
            raise IndexError("of the one who reads")

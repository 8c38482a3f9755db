"""FFmpeg's filters for what a frame object has no setter for: side data, field order.

Building a graph costs half a millisecond and using it 0.04 ms, so the last one is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av.filter
import av.video.frame

from transcoder.media.frames import tagged_as

Steps = Sequence[tuple[str, str | None]]
"""Names of filters with their options, one after the other."""


class Chain:
    """Sends frames through filters that change neither their number nor their time."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] | None = None
        self._graph: av.filter.Graph | None = None

    def apply(self, frame: av.video.frame.VideoFrame, steps: Steps) -> av.video.frame.VideoFrame:
        """What comes out for this frame. The graph knows neither timing nor colour tags, so these are put back."""
        key = (frame.width, frame.height, frame.format.name, tuple(steps))
        if key != self._key or self._graph is None:
            self._graph, self._key = _graph(frame, steps), key
        self._graph.push(frame)
        made = self._graph.pull()
        assert isinstance(made, av.video.frame.VideoFrame)
        return tagged_as(made, frame)


def _graph(frame: av.video.frame.VideoFrame, steps: Steps) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1  # else each graph starts threads of its own, and joins them: most of what building it took
    last = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    for name, options in (*steps, ("buffersink", None)):
        node = graph.add(name, options)
        last.link_to(node)
        last = node
    graph.configure()
    return graph

"""Whether the same source, profile and build give the same coded media again: what the certificate says about it.

Measured, not believed (tests/integration/test_repeatable.py): with one processor and several, on a busy machine, and
with memory that was used before filled with noise.
"""

from __future__ import annotations

from collections.abc import Mapping

from transcoder.model import Value

_VIDEO: Mapping[str, str] = {
    "libx264": "x264 gives the same for the same number of threads ({threads}), however many processors there are",
    "libx265": "x265 gives the same for the same number of threads ({threads}), however many processors there are",
    "libsvtav1": "SVT-AV1 gives the same where it works on one picture at a time, as it does here",
}
_OTHERS = "nothing in it depends on time, on chance or on how many processors there are"
_BY_THE_CLOCK = "the encoder's effort was chosen by the clock, for the delivery to be ready in time"
_SIDE_BY_SIDE = "SVT-AV1 side by side takes what happens to be ready first"


def repeats(settings: Mapping[str, Value], *, hurried: bool) -> tuple[bool, str]:
    """Whether it gives the same again, and why.

    :param settings: of the encoding that was delivered; empty where nothing was encoded.
    :param hurried: whether a deadline chose the encoder's effort.
    """
    encoder = str(settings.get("encoder", ""))
    if hurried:
        return False, _BY_THE_CLOCK
    if encoder == "libsvtav1":
        from transcoder.encode import av1  # all that encodes video, which whoever signs a picture does without

        if settings.get("threads") != av1.THREADS:
            return False, _SIDE_BY_SIDE
    return True, _VIDEO.get(encoder, _OTHERS).format(threads=settings.get("threads"))

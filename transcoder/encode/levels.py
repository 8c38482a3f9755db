"""H.264 levels: what a decoder must be able to do, declared from what the video is.

Left to itself, x264 also counts the bit rate in, so two parts of one video would be declared differently and not
join by copying.
"""

from __future__ import annotations

from fractions import Fraction

_LEVELS = (
    # level, macroblocks a second, macroblocks a frame, macroblocks of all reference frames: ITU-T H.264, table A-1
    ("3.1", 108_000, 3_600, 18_000),
    ("3.2", 216_000, 5_120, 20_480),
    ("4.0", 245_760, 8_192, 32_768),
    ("4.2", 522_240, 8_704, 34_816),
    ("5.0", 589_824, 22_080, 110_400),
    ("5.1", 983_040, 36_864, 184_320),
    ("5.2", 2_073_600, 36_864, 184_320),
    ("6.0", 4_177_920, 139_264, 696_320),
    ("6.2", 16_711_680, 139_264, 696_320),
)
"""From 3.1 on: it allows 17 Mbit/s in High profile, more than a part under a small cap has, and everything plays it."""
REFERENCES = {"veryfast": 1, "faster": 2, "fast": 2, "medium": 3, "slow": 5, "slower": 8, "veryslow": 16}
"""Reference frames of x264's presets."""


def level_of(width: int, height: int, rate: Fraction, preset: str) -> str:
    """The lowest level that holds a video of this size, rate and number of reference frames."""
    blocks = -(-width // 16) * -(-height // 16)
    kept = min(16, REFERENCES.get(preset, 16))
    for name, per_second, per_frame, references in _LEVELS:
        if blocks <= per_frame and blocks * rate <= per_second and blocks * kept <= references:
            return name
    return _LEVELS[-1][0]

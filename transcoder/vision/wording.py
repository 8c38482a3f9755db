"""What a reading means: whether two say the same, and whether one may be a number plate."""

from __future__ import annotations

import re
import unicodedata

from transcoder.model import Box

# A camera's name, a date with the month in letters, an amount with its unit: letters and digits like a plate's, but
# burnt into every frame or painted on a wall. Matched against the whole normalised text.
_MONTHS = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_NOT_A_PLATE = re.compile(
    r"(CAMERA|CAM|CHANNEL|CHAN|CH|IPCAM|IPC|IPCAMERA|NVR|DVR|DOOR|GATE|ZONE|LANE|ROOM|LEVEL|EXIT)\d{1,3}"
    rf"|\d{{1,2}}({_MONTHS})(\d{{2}}|\d{{4}})"
    rf"|({_MONTHS})\d{{1,2}}\d{{4}}"
    r"|\d+(FPS|MPH|KMH|KPH|KM|CM|MM|KB|MB|GB|KG|HZ|KHZ|MHZ|HRS|MIN|SEC|AM|PM|P|K|TH|ST|ND|RD)"
    r"|[DTZ]\d{6,8}|\d{4,8}[TZ]\d*"  # a date or time as ISO 8601 packs it
)
_ALIKE_WHEN_SMALL = frozenset("ciklopsuvwxyz")  # a reader confuses these with their capitals, and l with 1
_WIDEST, _NARROWEST = 9.0, 1.0


def normalise(text: str) -> str:
    """Letters and digits alone, in capitals: what counts when two readings are compared.

    Width, ligatures, accents, case, spaces and separators differ between two readings of one line without
    anything having been lost. What looks alike (O and 0) stays different: on a plate it is.
    """
    plain = unicodedata.normalize("NFKD", text.upper())
    return "".join(sign for sign in unicodedata.normalize("NFKD", plain.upper()) if sign.isalnum())


def edit_distance_ratio(a: str, b: str) -> float:
    """Levenshtein distance by the longer length: 0 for equal texts, 1 where nothing is shared."""
    if a == b:
        return 0.0
    row = list(range(len(b) + 1))
    for i, sign in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (sign != other))
    return row[-1] / max(len(a), len(b))


def looks_like_plate(text: str, box: Box) -> bool:
    """Whether a line of text may be a number plate. A guess, on the generous side.

    Why on the generous side: a plate taken for text loses protection and a strict check; text taken for a plate
    only costs bits.

    - 4 to 9 letters and digits: the shortest plates in use that also have both ("A 123") to the longest
      ("B-AB 1234 E"); separators do not count.
    - At least one letter and one digit. Digits alone are clocks, dates, house and phone numbers, letters
      alone are words; the few plates that have only one sort are kept as text.
    - Only signs that plates have between their groups, and at most three: a colon or slash makes a clock, a
      date or an address, a comma or percent sign prose.
    - Small letters only where they look like capitals: plates have none.
    - Not the name of a camera, a date with its month in letters, an amount with its unit.
    - From square to nine times as wide as high: one row of a two-row plate is at least as wide as high, the
      longest format (520 x 110 mm) is 4.7 times, its line of signs alone up to 7 times.

    :param text: what was read.
    :param box: around the line, in pixels.
    """
    signs = unicodedata.normalize("NFKC", text).strip()
    between = [sign for sign in signs if not sign.isalnum() and not unicodedata.combining(sign)]
    if len(between) > 3 or any(sign not in " -–—·.•=_|~'" for sign in between):
        return False
    if any(sign.islower() and sign not in _ALIKE_WHEN_SMALL for sign in signs):
        return False
    plain = normalise(text)
    if not 4 <= len(plain) <= 9 or _NOT_A_PLATE.fullmatch(plain):
        return False
    digits = sum(sign.isdigit() for sign in plain)
    return 0 < digits < len(plain) and _NARROWEST <= box.width / max(1, box.height) <= _WIDEST

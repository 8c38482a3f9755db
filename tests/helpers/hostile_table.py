"""Writes docs/hostile.md: what the hostile files of the corpus are, and what becomes of each.

``python -m tests.helpers.hostile_table`` delivers all of them and writes down how they ended.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tests.helpers import hostile
from tests.helpers.hostile import Ended

DOCUMENT = Path(__file__).parents[2] / "docs" / "hostile.md"
_NAMED = 3
"""So many files of one row are named; of fuzzers' items nobody needs all."""
_KINDS = {
    "handmade": "Playlists, scripts and names made to trick the tool",
    "fuzzed": "What fuzzers found in other readers",
    "pillow": "Pictures that crashed, hung or filled the memory of an imaging library",
    "mp4parse": "MP4 and AVIF files that break their standard",
    "heif": "Damaged HEIF",
    "androidx": "Encrypted, cut and contradictory phone files",
    "fate": "Encryption boxes",
    "corkami": "The smallest files that are valid, and files that are two kinds at once",
    "sharp": "Cut and contradictory pictures",
    "hachoir": "Cut recordings",
    "exif": "Broken EXIF",
    "misc": "No media at all",
}
_HEAD = """# Hostile files: what was tried, and what became of it

Made by `python -m tests.helpers.hostile_table` from the hostile files of the corpus, under the profile `cps-twif-1mb`;
a test compares it with what the code gives. Each file took at most 60 seconds and 1.5 GB of memory, was the same
afterwards, left nothing behind but its delivery, and gave one line at most on standard error and an exit code of 0
(delivered), 3 (refused) or 4 (not usable). The outcome is the verdict and the rung of the delivery, or the code of the
refusal or error. That a file is delivered says that what it shows is kept, not that it is harmless: *unchanged* are the
same bytes.

What these files cannot reach is in [sandbox.md](sandbox.md); files that point at other files are also run under
`strace` (`tests/integration/test_foreign_access.py`); names, links, full disks and killed runs are in
`tests/integration/test_writing_safely.py`.
"""


def render(found: Sequence[Ended]) -> str:
    """The document."""
    parts = [_HEAD, _sums(found)]
    titles = list(_KINDS)
    ordered = sorted(found, key=lambda ended: (titles.index(_kind(ended)), ended.what, ended.outcome, ended.said))
    for kind, members in groupby(ordered, key=_kind):
        lines = [f"## {_KINDS[kind]}", "", "| What it is | Files | Outcome | What is said |", "|---|---|---|---|"]
        for (what, outcome, said), same in groupby(members, key=lambda ended: (ended.what, ended.outcome, ended.said)):
            names = sorted(Path(ended.name).name for ended in same)
            shown = ", ".join(_code(name) for name in names[:_NAMED])
            if len(names) > _NAMED:
                shown += f" and {len(names) - _NAMED} more"
            lines.append("| " + " | ".join((_cell(what), shown, _cell(outcome), _cell(said))) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _sums(found: Sequence[Ended]) -> str:
    counts = {code: sum(ended.exit_code == code for ended in found) for code in (0, 3, 4)}
    kinds = f"{counts[0]} delivered, {counts[3]} refused, {counts[4]} not usable"
    return f"{len(found)} files: {kinds}.\n"


def _kind(ended: Ended) -> str:
    return Path(ended.name).parts[1]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _code(name: str) -> str:
    fence = "``" if "`" in name else "`"
    return f"{fence}{_cell(name)}{fence}"


def main() -> None:
    """Write the document."""
    from tests.conftest import CORPUS

    DOCUMENT.write_text(render(hostile.run_all(CORPUS)), encoding="utf-8")
    print(DOCUMENT, file=sys.stderr)


if __name__ == "__main__":
    main()

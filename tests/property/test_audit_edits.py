"""Any one edit of a log is found; what is allowed to go unnoticed is said exactly."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.helpers.auditlogs import filled, lines, rewrite, verified
from transcoder.audit.log import AuditLog
from transcoder.certificate.keys import KeyPair

SIGNED, UNSIGNED = 12, 3
"""Lines up to the last checkpoint, and after it."""


def _fresh(folder: Path, pair: KeyPair) -> AuditLog:
    return filled(folder, pair, SIGNED + UNSIGNED - 1, every=4)


@st.composite
def edits(draw: st.DrawFn, last: int = SIGNED + UNSIGNED) -> tuple[str, int, int, int]:
    """What is done to which line (from 0), which other place or byte it concerns, and the new byte."""
    what = draw(st.sampled_from(("byte", "remove", "move", "copy", "insert", "cut", "shorten")))
    return what, draw(st.integers(0, last - 1)), draw(st.integers(0, 2000)), draw(st.integers(0, 255))


def edited(raw: list[bytes], edit: tuple[str, int, int, int]) -> list[bytes]:
    what, line, other, byte = edit
    before, data, after = raw[:line], raw[line], raw[line + 1 :]
    place = other % len(data)
    moved = [*before, *after]
    spot = other % (len(moved) + 1)
    return {
        "byte": lambda: [*before, data[:place] + bytes([byte]) + data[place + 1 :], *after],
        "remove": lambda: moved,
        "move": lambda: [*moved[:spot], data, *moved[spot:]],
        "copy": lambda: [*raw[:spot], data, *raw[spot:]],
        "insert": lambda: [*before, bytes([byte]) + b"\n", data, *after],
        "cut": lambda: before,
        "shorten": lambda: [*before, data[:place], *after],
    }[what]()


@given(edit=edits())
def test_one_edit_before_the_last_checkpoint_is_found(edit: tuple[str, int, int, int], pair: KeyPair) -> None:
    with tempfile.TemporaryDirectory() as name:
        log = _fresh(Path(name), pair)
        raw = lines(log)
        changed = edited(raw, edit)
        same = 0  # lines that are as they were, from the beginning
        while same < min(len(raw), len(changed)) and raw[same] == changed[same]:
            same += 1
        assume(b"".join(changed) != b"".join(raw))
        rewrite(log, changed)
        result = verified(log, pair)
        if same < SIGNED:
            assert not result.ok
            assert any(finding.line is not None for finding in result.findings)
        elif not result.ok:
            assert any(finding.line is not None and finding.line > SIGNED for finding in result.findings)
        else:  # only the unsigned end may be cut, or its last line be another
            assert same >= len(changed) - 1

"""The committed table of picture formats is what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import formats_table


@pytest.mark.corpus
def test_the_committed_table_is_what_the_code_does(corpus: Path) -> None:
    made = formats_table.render(list(formats_table.rows(corpus)))
    committed = formats_table.DOCUMENT.read_text(encoding="utf-8")
    differing = [pair for pair in zip(committed.splitlines(), made.splitlines(), strict=False) if pair[0] != pair[1]]
    assert made == committed, f"run python -m tests.helpers.formats_table; first difference: {differing[:1]}"

"""A service without a worker for each test: SQLite and a folder, ready in a few milliseconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.service import Bench, bench


@pytest.fixture
def served(tmp_path: Path) -> Bench:
    roots = tmp_path / "shared"
    roots.mkdir()
    return bench(tmp_path / "home", {"TRANSCODER_SOURCE_ROOTS": str(roots)})

"""Real files: the corpus where it is there, and deliveries that several tests look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("TRANSCODER_CORPUS", ROOT.parent / "shared" / "corpus"))
SAMPLES = ROOT / "samples"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The project's own samples."""
    return SAMPLES


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real footage."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real footage is not beside this checkout (set TRANSCODER_CORPUS)")
    return CORPUS

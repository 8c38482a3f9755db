"""Models are loaded once; pictures are rendered, or come with scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from transcoder.vision.faces import FaceFinder, FaceMatcher
from transcoder.vision.text import TextReader

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="session")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="session")
def matcher() -> FaceMatcher:
    return FaceMatcher()


@pytest.fixture(scope="session")
def reader() -> TextReader:
    return TextReader()


@pytest.fixture(scope="session")
def portrait() -> Pixels:
    """A photo with one face (NASA, public domain), 512 x 512."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])

"""People and vehicles, where the optional package is there."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers import scenes
from transcoder.vision import people, weights
from transcoder.vision.people import PeopleFinder
from transcoder.vision.weights import ModelUnavailable

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def people_finder() -> PeopleFinder:
    try:
        return PeopleFinder()
    except ModelUnavailable as missing:
        pytest.skip(str(missing))


def test_a_person(people_finder: PeopleFinder, portrait: Pixels) -> None:
    things = people_finder.find(portrait)
    assert [thing.kind for thing in things][:1] == ["person"]
    assert people_finder.find(portrait) == things


@pytest.mark.parametrize(("width", "height"), [(1, 1), (15, 400), (16, 16), (333, 1001), (2000, 40)])
def test_every_size_of_picture_is_taken(people_finder: PeopleFinder, width: int, height: int) -> None:
    for thing in people_finder.find(scenes.noise(width, height)):
        assert thing.box.inside(width, height) == thing.box


def test_nothing_is_found_where_nothing_is(people_finder: PeopleFinder) -> None:
    assert people_finder.find(np.full((480, 640, 3), 90, np.uint8)) == []


def test_nothing_reaches_the_terminal(
    people_finder: PeopleFinder, portrait: Pixels, capfd: pytest.CaptureFixture[str]
) -> None:
    PeopleFinder().find(portrait)
    assert capfd.readouterr() == ("", "")


def test_the_use_names_the_weights(people_finder: PeopleFinder) -> None:
    assert set(people_finder.use.weights_sha256) == {people.GRAPH_FILE, people.LAYOUT_FILE}


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PACKAGE", "no-such-package")
    with pytest.raises(ModelUnavailable, match="is not installed"):
        PeopleFinder()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ModelUnavailable, match="OpenCV"):
        PeopleFinder()


def test_damaged_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "damaged.pb"
    path.write_bytes(b"not a network")
    monkeypatch.setattr(weights, "find", lambda package, name: path)
    with pytest.raises(ModelUnavailable, match="does not load"):
        PeopleFinder()


@pytest.mark.corpus
def test_people_and_vehicles_of_the_corpus(people_finder: PeopleFinder, corpus: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    shop = people_finder.find(cv2.imread(str(corpus / "stills" / "exif-samples" / "sony-d700.jpg")))
    assert sum(thing.kind == "person" for thing in shop) >= 3
    street = people_finder.find(cv2.imread(str(corpus / "stills" / "plates" / "eu_eu10.jpg")))
    assert sum(thing.kind == "vehicle" for thing in street) >= 3

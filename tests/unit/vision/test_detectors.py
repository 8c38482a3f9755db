"""The adapters: what the models find, as regions know it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers import scenes
from transcoder.model import RegionKind
from transcoder.regions.detectors import DETECTORS, Faces, Texts
from transcoder.vision import faces
from transcoder.vision.weights import ModelUnavailable


def test_their_names() -> None:
    assert list(DETECTORS) == ["faces", "text", "people"]


def test_faces(portrait: NDArray[np.uint8]) -> None:
    detector = Faces()
    (found,) = detector.detect(portrait)
    assert found.kind is RegionKind.FACE
    assert found.text == ""
    assert detector.use.name == "YuNet"


def test_plates_and_other_text() -> None:
    picture = scenes.words("RK-755AJ", width=500, height=300)
    picture[160:300, :400] = scenes.words("KEEP OUT", height=140)
    found = {item.kind: item.text for item in Texts().detect(picture)}
    assert set(found) == {RegionKind.PLATE, RegionKind.TEXT}
    assert "755" in found[RegionKind.PLATE]
    assert "OUT" in found[RegionKind.TEXT]


def test_what_cannot_be_read_is_left_out() -> None:
    assert Texts().detect(scenes.blurred(scenes.words("KEEP OUT"), 14)) == []


def test_a_missing_model_is_for_the_caller_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "PACKAGE", "no-such-package")
    with pytest.raises(ModelUnavailable):
        DETECTORS["faces"]()

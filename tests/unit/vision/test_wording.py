"""What a reading means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.model import Box
from transcoder.vision.wording import edit_distance_ratio, looks_like_plate, normalise

PLATES = [
    "RK-755AJ", "RK 115AN", "NZF·7823", "PAG-5219", "WSQ 3021", "W=053011", "WA56660", "AB12 CDE", "B-AB 1234 E",
    "1ABC234", "A 123", "京A12345", "ＡＢ12ＣＤ", "oKS·0078", "AB-123-CD", "12-345-AB",
]  # fmt: skip
NOT_PLATES = [
    "12:04:13", "02-14-2024", "2024-02-14", "17/89/07 12:04:25", "02-14-2024 Mié 13:25:55", "14 FEB 2024", "14FEB24",
    "FEB 14 2024", "CAMERA 07", "CAM01", "Camera 87", "CH 1", "CH-02", "IPC 3", "NVR12", "25 FPS", "1080P", "120 KMH",
    "12 MPH", "08 PM", "20240214T12", "EXIT", "NO PARKING", "GALLERIES", "12345", "1/4 MILE", "54%", "78.8°", "79B",
    "A1", "", "   ", "---", "1.5", "£12 AB", "B123456789", "Berlingo 2", "the ship 4", "D4", "EXIT 12", "00.0",
]  # fmt: skip


@pytest.mark.parametrize("text", PLATES)
def test_a_plate(text: str) -> None:
    assert looks_like_plate(text, Box(0, 0, 120, 30))


@pytest.mark.parametrize("text", NOT_PLATES)
def test_not_a_plate(text: str) -> None:
    assert not looks_like_plate(text, Box(0, 0, 120, 30))


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(120, 28, True), (60, 60, True), (20, 60, False), (400, 20, False), (0, 0, False)],
)
def test_the_shape_of_a_plate(width: int, height: int, expected: bool) -> None:
    assert looks_like_plate("RK-755AJ", Box(5, 5, width, height)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RK-755 aj", "RK755AJ"),
        ("ＲＫ７５５", "RK755"),
        ("BRASÍLIA", "BRASILIA"),
        ("straße", "STRASSE"),
        (" · - . ", ""),
        ("O0I1", "O0I1"),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [("", "", 0), ("A", "", 1), ("", "AB", 1), ("KITTEN", "SITTING", 3 / 7), ("ABC", "ABC", 0), ("ABC", "XYZ", 1)],
)
def test_edit_distance(a: str, b: str, expected: float) -> None:
    assert edit_distance_ratio(a, b) == pytest.approx(expected)


@given(st.text(max_size=20), st.text(max_size=20))
def test_edit_distance_is_symmetric_and_bounded(a: str, b: str) -> None:
    ratio = edit_distance_ratio(a, b)
    assert 0 <= ratio <= 1
    assert ratio == edit_distance_ratio(b, a)
    assert (ratio == 0) == (a == b)


@given(st.text(max_size=30))
def test_any_text_can_be_judged(text: str) -> None:
    looks_like_plate(text, Box(0, 0, 100, 30))
    assert normalise(normalise(text)) == normalise(text)

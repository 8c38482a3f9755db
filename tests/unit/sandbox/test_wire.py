"""What crosses the border, and what does not."""

from __future__ import annotations

import json
import pickle
import struct
from array import array
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import factories
from transcoder import errors
from transcoder.errors import InputError, TranscodeError
from transcoder.model import Box, Fidelity, RegionKind, SourceInfo, Span, VideoTrack
from transcoder.sandbox import wire


def there_and_back(kind: Any, value: Any) -> Any:
    (message,) = wire.Unframer().feed(wire.frame({"value": wire.encode(value)}))
    return wire.decode(kind, message["value"])


@given(st.fractions(), st.floats(allow_nan=False), st.text(), st.integers())
def test_plain_values_come_back_equal(share: Fraction, score: float, text: str, number: int) -> None:
    kind = tuple[Fraction, float, str, int]
    assert there_and_back(kind, (share, score, text, number)) == (share, score, text, number)


def test_the_models_come_back_equal() -> None:
    source = factories.video_source(path=Path("/a/\udcff.avi"), bytes=3, sha256="0" * 64)
    assert there_and_back(SourceInfo, source) == source


def test_spans_and_arrays_come_back() -> None:
    span = Span(3, array("q", [1, 2**40]), array("I", [5, 6]))
    found = there_and_back(Span, span)
    assert (found.first, tuple(found.moments), tuple(found.sums)) == (3, (1, 2**40), (5, 6))
    assert there_and_back(VideoTrack | None, None) is None


def test_numbers_of_numpy_are_numbers() -> None:
    assert there_and_back(tuple[int, float], (np.int64(3), np.float32(0.5))) == (3, 0.5)
    assert there_and_back(tuple[float, ...], np.array([0.25, 0.5])) == (0.25, 0.5)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (int, True), (int, 1.0), (int, "1"), (str, 1), (float, "1"), (bool, 1), (Fraction, "1/0"), (Fraction, "x"),
        (Fraction, "1" * 5000), (Fraction, 1), (Path, "a\0b"), (Path, 3), (RegionKind, "hat"),
        (Box, {"x": 1, "y": 1, "width": 1}), (Box, {"x": 1, "y": 1, "width": 1, "height": 1, "extra": 1}),
        (Box, [1, 1, 1, 1]), (tuple[int, int], [1]), (tuple[int, ...], 3), (dict[str, int], [1]), (int | None, "x"),
        (Fidelity, {}), (type(None), 0),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(kind: Any, data: Any) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(kind, data)


class Hostile:
    """Runs code where a pickle is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("code of the child ran in the parent",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_only_bytes(protocol: int) -> None:
    with pytest.raises(wire.WireError):
        list(wire.Unframer().feed(wire.framed(pickle.dumps(Hostile(), protocol))))


@pytest.mark.parametrize("name", ["SystemExit", "SandboxErrors", "Exception", "", "errors.InputError", None, 3])
def test_only_errors_of_ours_are_rebuilt(name: Any) -> None:
    data = {"class": name, "message": "m", "where": None, "hint": None, "code": "c", "details": {}}
    with pytest.raises((wire.WireError, TypeError)):
        wire.rebuild_error(data)


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TranscodeError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_comes_back_as_it_was(kind: type[TranscodeError]) -> None:
    error = kind("what", where="w", hint="h", code="own", details={"a": [1]})
    found = wire.rebuild_error(json.loads(json.dumps(wire.describe_error(error))))
    assert type(found) is kind
    assert found.diagnostics() == error.diagnostics()


@pytest.mark.parametrize("change", [{"message": 1}, {"where": []}, {"code": {}}, {"details": []}, {"message": None}])
def test_an_error_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(wire.WireError):
        wire.rebuild_error(wire.describe_error(InputError("x")) | change)


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text()), max_size=5), st.integers(1, 9))
def test_messages_arrive_however_they_are_cut(messages: list[dict[str, Any]], size: int) -> None:
    data = b"".join(map(wire.frame, messages))
    unframer, found = wire.Unframer(), []
    for at in range(0, len(data), size):
        found += list(unframer.feed(data[at : at + size]))
    assert found == messages


def test_a_forged_length_is_refused_before_anything_is_read() -> None:
    with pytest.raises(wire.WireError):
        list(wire.Unframer().feed(struct.pack(">I", wire.MAX_MESSAGE_BYTES + 1)))


def test_objects_do_not_leave_the_child() -> None:
    with pytest.raises(TypeError):
        wire.encode(object())
    with pytest.raises(TypeError):
        wire.encode(b"bytes")

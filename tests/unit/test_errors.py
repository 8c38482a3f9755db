"""Errors as others see them: programs by code, people by one line, other processes by pickle."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from transcoder import errors
from transcoder.cli import exits
from transcoder.errors import TranscodeError

CLASSES = [
    item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, TranscodeError)
]  # fmt: skip

CODES_AND_EXITS = {
    "TranscodeError": ("internal", 1),
    "UsageError": ("usage", 2),
    "ProfileError": ("profile-invalid", 2),
    "InputError": ("input-unusable", 4),
    "SandboxError": ("sandbox-crashed", 4),
    "NoAcceptableEncoding": ("no-acceptable-encoding", 3),
    "CapUnreachable": ("cap-unreachable", 3),
    "FloorUnreachable": ("floor-unreachable", 3),
    "EncodeError": ("encode-failed", 1),
    "OutputMismatch": ("output-mismatch", 1),
    "CertificateError": ("certificate-invalid", 5),
    "StorageError": ("storage-failed", 6),
    "Cancelled": ("cancelled", 130),
}
"""The promise to scripts. Changing a line here breaks somebody's program."""


def test_codes_and_exit_codes_are_the_published_ones() -> None:
    found = {kind.__name__: (kind("x").code, exits.code_for(kind("x"))) for kind in CLASSES}
    assert found == CODES_AND_EXITS


@pytest.mark.parametrize("kind", CLASSES)
def test_codes_are_kebab_case(kind: type[TranscodeError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.default_code)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    doc = errors.__doc__ or ""
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in doc.splitlines():
        match = re.match(r"^( {4}[│├└─ ]*)([A-Z]\w+)\b", line)
        if match is None:
            continue
        depth, name = len(match.group(1)), match.group(2)
        while above and above[-1][0] >= depth:
            above.pop()
        drawn[name] = above[-1][1] if above else "Exception"
        above.append((depth, name))
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_one_line_of_text_whatever_is_in_it(kind: type[TranscodeError]) -> None:
    nasty = "a\nb\r\nc\vd\fe\x1cf\x85g\u2028h\u2029i\tj"
    text = str(kind(nasty, where=nasty, hint=nasty))
    assert len(text.splitlines()) == 1
    assert text.startswith("a b c d e f g h i j: a b")
    assert "; a b" in text


def test_where_and_hint_are_left_out_when_absent() -> None:
    assert str(TranscodeError("it broke")) == "it broke"
    assert str(TranscodeError("it broke", where="a.avi")) == "a.avi: it broke"
    assert str(TranscodeError("it broke", hint="mend it")) == "it broke; mend it"


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("through", ["pickle", "copy"])
def test_nothing_is_lost_between_processes(kind: type[TranscodeError], through: str) -> None:
    error = kind("broke\nhere", where="a.avi", hint="mend", code="special-case", details={"frame": 7, "of": [1, 2]})
    again = pickle.loads(pickle.dumps(error)) if through == "pickle" else copy.copy(error)
    assert type(again) is kind
    assert str(again) == str(error)
    assert again.diagnostics() == error.diagnostics()
    assert again.args == error.args


def test_a_refusals_delivery_survives_pickling() -> None:
    error = errors.FloorUnreachable("no", where="a.avi")
    error.delivery = {"files": ["a.refusal.json"]}
    again = pickle.loads(pickle.dumps(error))
    assert again.delivery == {"files": ["a.refusal.json"]}
    assert pickle.loads(pickle.dumps(errors.CapUnreachable("no"))).delivery is None


def test_diagnostics_have_a_fixed_shape_and_own_their_details() -> None:
    details = {"a": 1}
    error = errors.InputError("x", details=details)
    details["a"] = 2
    assert error.diagnostics() == {
        "code": "input-unusable", "message": "x", "where": None, "hint": None, "details": {"a": 1}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (ValueError("x"), 1), (MemoryError(), 1), (SystemExit(), 1)]
)
def test_exit_codes_of_other_errors(error: BaseException, code: int) -> None:
    assert exits.code_for(error) == code


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 3], 3),
        ([3, 4, 0], 4),
        ([4, 2], 2),
        ([2, 5], 5),
        ([5, 6], 6),
        ([6, 1], 1),
        ([1, 130, 0], 130),
        (iter([0, 3, 4, 2, 5, 6, 1]), 1),
    ],
)
def test_the_gravest_of_several_decides(codes: list[int], expected: int) -> None:
    assert exits.gravest(codes) == expected

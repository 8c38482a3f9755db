"""Whatever stands in a profile's file, the answer is a profile or a ProfileError, never another fault."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transcoder.errors import ProfileError
from transcoder.profile import Profile, read_text

SHIPPED = read_text("cps-twif-1mb")[0]
LINES = [line for line in SHIPPED.splitlines() if line and not line.startswith("#")]


def accepted(text: str) -> Profile | None:
    try:
        return Profile.from_toml(text, origin="x.toml")
    except ProfileError as error:
        assert len(str(error).splitlines()) == 1
        assert str(error).startswith("x.toml")
        return None


@given(st.text())
def test_any_text(text: str) -> None:
    accepted(text)


values = st.one_of(
    st.sampled_from(
        ["true", "-1", "0", "1e999", "nan", "''", '"x"', "[]", "[[]]", "{}", "{a=1}", "1979-05-27", "[1,'a']", "+5"]
    ),
    st.integers(-(10**30), 10**30).map(str),
    st.floats().map(str),
    st.text(st.characters(exclude_characters="'\n\r", exclude_categories=("Cc", "Cs"))).map("'{}'".format),
)


@given(st.integers(0, len(LINES) - 1), values)
def test_any_value_for_any_key(number: int, value: str) -> None:
    """A real profile with one value replaced: the most likely mistake."""
    lines = list(LINES)
    key, separator, _ = lines[number].partition("=")
    lines[number] = f"{key}={value}" if separator else f"[{value}]"
    accepted("\n".join(lines))


@given(st.lists(st.sampled_from([*LINES, "[video]", "[[video]]", "x = 1", "video = 3", "video.preset = 'fast'"])))
def test_any_order_of_known_lines(lines: list[str]) -> None:
    accepted("\n".join(lines))

"""Valid documents, made wrong: what an unlucky copy, a careless program or an attacker does to a file."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

MAX_BYTES = 400_000
"""No input is larger: what is measured is how a reader treats a small file that claims much."""

Step = tuple[str, int, int]
"""What is done to bytes, where (any number; it is taken modulo the length), and with which value."""

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)
_LENGTHS = (1, 2, 4, 16, 64, 512, 4096)
STEP_KINDS = ("flip", "byte", "big32", "little32", "big16", "cut", "drop", "repeat", "insert", "swap", "zero")


def mutated(data: bytes, steps: Sequence[Step]) -> bytes:
    """Bytes after some steps; at most ``MAX_BYTES`` of them where there were not more before."""
    limit = max(MAX_BYTES, len(data))
    for kind, where, value in steps:
        if not data:
            return data
        at, length = where % len(data), _LENGTHS[value % len(_LENGTHS)]
        number, left = _NUMBERS[value % len(_NUMBERS)], bytearray(data)
        match kind:
            case "flip":
                left[at] ^= 1 << value % 8
            case "byte":
                left[at] = value % 256
            case "big32" | "little32":
                left[at : at + 4] = number.to_bytes(4, "big" if kind == "big32" else "little")
            case "big16":
                left[at : at + 2] = (number & 0xFFFF).to_bytes(2, "big")
            case "cut":
                del left[at:]
            case "drop":
                del left[at : at + length]
            case "repeat":
                left[at:at] = left[at : at + length] * (1 + value % 50)
            case "insert":
                left[at:at] = bytes([value % 256]) * length
            case "swap":
                other = (at + length * 3) % len(data)
                left[at : at + length], left[other : other + length] = (
                    left[other : other + length],
                    left[at : at + length],
                )
            case "zero":
                left[at : at + length] = bytes(length)
        data = bytes(left[:limit])
    return data


def steps(most: int = 6) -> st.SearchStrategy[list[Step]]:
    """Some steps; an empty list leaves the bytes valid."""
    one = st.tuples(st.sampled_from(STEP_KINDS), st.integers(0, 1 << 30), st.integers(0, 1 << 16))
    return st.lists(one, max_size=most)


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Valid bytes with some steps done to them; now and then bytes that never were valid."""
    return st.one_of(st.builds(mutated, st.sampled_from(list(seeds)), steps()), st.binary(max_size=200))


# Documents of JSON types -----------------------------------------------------------------------------------------

_MARK = "\ue000"
_RAW = (
    "1e999", "-1e999", "-0", "1.0", "1e2", "NaN", "Infinity", "-Infinity", "1" + "0" * 5000, "1" + "0" * 400,
    "-1" + "0" * 30, "0." + "0" * 400 + "1", '"\\ud800"', '"\\u0000"', '"\\udc00\\ud800"', "[" * 3000, "[" * 100_000,
    "[" * 900 + "]" * 900, "[" * 200 + "]" * 200, "[" * 20_000 + "]" * 20_000, '{"a":' * 400 + "1" + "}" * 400,
    '{"a":' * 20_000 + "1" + "}" * 20_000, '{"a":1,"a":2}', "", "'x'", "tru", "[,]", '"' + "x" * 100_000 + '"',
)  # fmt: skip
"""Written into a document as they are: most of them cannot be had from a JSON writer."""

odd_texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "\0", "a\0b", "\n", "a\nb\r\nc", "\u2028", "\u202e", "\x1b[2J", "\ufeff", "\U0010ffff", "٣", "１２",
         "é" * 300, "../../etc/passwd", "/", ".", "..", "con", "x" * 5000, "1/0", "1/00", "-1/3", "0/1", "1e5", "nan",
         "inf", "<script>", "%s%n", "00", "2026-13-45T99:99:99Z", "=", "====", "AAAA", "eJwDAAAAAAE="]
    ),
)  # fmt: skip
odd_numbers = st.one_of(
    st.sampled_from([-1, 0, 1, 2, 3, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53, 2**63, 2**64, -(2**63), 10**30]),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
)
odd_values: st.SearchStrategy[Any] = st.one_of(
    odd_texts,
    odd_numbers,
    st.sampled_from([None, True, False]),
    st.just([]),
    st.just({}),
    st.builds(list, st.lists(odd_numbers, max_size=5)),
    st.builds(lambda key, value: {key: value}, odd_texts, odd_numbers),
    st.sampled_from([f"{_MARK}{number}{_MARK}" for number in range(len(_RAW))]),
)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document with each of its keys or indices."""
    items: Any = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)


def changed(document: Any, draw: st.DrawFn, *, most: int = 3) -> Any:
    """A copy of a document with some values replaced, removed, repeated, renamed or exchanged."""
    root = [copy.deepcopy(document)]
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(root))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(["replace", "replace", "remove", "repeat", "rename", "exchange", "wrap"])):
            case "remove" if holder is not root:
                del holder[key]
            case "repeat" if isinstance(holder, list) and holder is not root:
                holder[key:key] = [copy.deepcopy(holder[key]) for _ in range(draw(st.sampled_from([1, 3, 300])))]
            case "rename" if isinstance(holder, dict):
                holder[draw(odd_texts)] = holder.pop(key)
            case "exchange":
                other, name = places[draw(st.integers(0, len(places) - 1))]
                holder[key], other[name] = copy.deepcopy(other[name]), copy.deepcopy(holder[key])
            case "wrap":
                holder[key] = [holder[key]]
            case _:
                holder[key] = draw(odd_values)
    return root[0]


def written(document: Any) -> bytes:
    """A changed document as JSON text, in the form of RFC 8785 as far as the values have one."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    for number, raw in enumerate(_RAW):
        text = text.replace(f'"{_MARK}{number}{_MARK}"', raw)
    return text.encode("utf-8", "surrogatepass")[:MAX_BYTES]


@st.composite
def changed_json(
    draw: st.DrawFn, seeds: Sequence[Any], write: Callable[[Any], bytes] = written, most: int = 3
) -> bytes:
    """Text of a changed document: mostly still JSON, sometimes with a key twice, sometimes with bytes damaged."""
    data = write(changed(draw(st.sampled_from(list(seeds))), draw, most=most))
    match draw(st.integers(0, 9)):
        case 0:
            return mutated(data, draw(steps(2)))
        case 1:
            key = draw(st.sampled_from(sorted(_keys(seeds))))
            return data.replace(
                b"{", b"{" + json.dumps(key).encode() + b":" + draw(st.sampled_from([b"1", b"[]"])) + b",", 1
            )
        case _:
            return data


def _keys(document: Any) -> set[str]:
    found = {"x"}
    for holder, key in _places(document):
        if isinstance(holder, dict) and isinstance(key, str):
            found.add(key)
    return found


# Lines of text ---------------------------------------------------------------------------------------------------

_TOML_VALUES = (
    "true", "-1", "0", "1e999", "nan", "-inf", "''", '"x"', "[]", "[[]]", "{}", "{a=1}", "1979-05-27", "[1,'a']",
    "9" * 4000, "9" * 5000, "0x" + "f" * 5000, "1" * 400 + ".5", "[" * 3000, "[" * 200 + "]" * 200, '"\\ud800"',
    '"\\u0000"', '"a\\nb"', '"""x', "'\0'", "07:32:00", "0b2", "1__0", '"1/0"', '["1/0"]', '["1/3", "0/1"]', '["9/1"]',
    '["' + "9" * 400 + "/" + "9" * 401 + '"]', '["h264", "h264"]',
)  # fmt: skip


@st.composite
def changed_toml(draw: st.DrawFn, seeds: Sequence[str]) -> bytes:
    """A profile's text with values replaced, lines moved, repeated or lost, and now and then bytes damaged."""
    lines = draw(st.sampled_from(list(seeds))).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        key, separator, _ = lines[at].partition("=")
        match draw(st.sampled_from(["value", "value", "value", "repeat", "remove", "move", "key", "nest"])):
            case "value" if separator:
                lines[at] = f"{key}= {draw(st.sampled_from(_TOML_VALUES))}"
            case "repeat":
                lines.insert(other, lines[at])
            case "remove" if len(lines) > 1:
                del lines[at]
            case "move":
                lines[at], lines[other] = lines[other], lines[at]
            case "key" if separator:
                lines[at] = f"{json.dumps(draw(odd_texts))} ={lines[at].partition('=')[2]}"
            case "nest":
                lines[at] = ".".join(["a"] * draw(st.sampled_from([2, 500, 20_000]))) + " = 1"
            case _:
                lines[at] = draw(odd_texts)
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return mutated(data, draw(steps(2))) if draw(st.integers(0, 4)) == 0 else data[:MAX_BYTES]

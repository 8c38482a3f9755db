"""Properties of volumes: whatever is cut comes back bit for bit, and no name of a stranger breaks the reader."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from transcoder.parts import volumes
from transcoder.parts.restore import restore
from transcoder.parts.survey import Expected, survey

counts = st.integers(1, volumes.MAX_COUNT)
plain_names = st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(lambda name: name not in (".", ".."))
digits = st.text(st.sampled_from("0123456789٣²+- "), max_size=9)


def quiet(phase: str, done: int, total: int | None) -> None:
    pass


@given(st.binary(max_size=300), st.integers(1, 310))
@example(b"", 1)
@example(b"x", 1)
@example(b"abcdef", 3)
def test_cut_and_restored_is_the_same(data: bytes, max_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a").write_bytes(data)
        made = volumes.cut(folder / "a", folder, name="a", max_bytes=max_bytes, tick=quiet)
        sizes = [item.path.stat().st_size for item in made]
        assert max(sizes) <= max_bytes
        assert (len(made) - 1) * max_bytes < max(1, len(data))  # one volume fewer would not hold it
        assert len(set(sizes[:-1])) <= 1
        assert b"".join(path.read_bytes() for path in sorted(folder.glob("a.vol-*"))) == data
        expected = [Expected(name=item.path.name, bytes=item.bytes, sha256=item.sha256) for item in made]
        assert survey(folder, expected).complete
        whole = hashlib.sha256(data).hexdigest()
        for sha256 in (whole, None):
            out = folder / f"restored-{sha256}"
            assert restore([item.path for item in made], out, sha256=sha256, tick=quiet) == whole
            assert out.read_bytes() == data


@given(st.binary(min_size=1, max_size=100), st.integers(1, 40), st.data())
def test_any_one_changed_byte_is_found_in_its_volume(data: bytes, max_bytes: int, choice: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a").write_bytes(data)
        made = volumes.cut(folder / "a", folder, name="a", max_bytes=max_bytes, tick=quiet)
        expected = [Expected(name=item.path.name, bytes=item.bytes, sha256=item.sha256) for item in made]
        victim = made[choice.draw(st.integers(0, len(made) - 1))].path
        content = bytearray(victim.read_bytes())
        content[choice.draw(st.integers(0, len(content) - 1))] ^= choice.draw(st.integers(1, 255))
        victim.write_bytes(content)
        found = survey(folder, expected)
        assert [name for name, _ in found.damaged] == [victim.name]
        assert len(found.intact) == len(made) - 1


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_the_count_is_enough_and_one_fewer_is_not(total: int, max_bytes: int) -> None:
    if total > max_bytes * volumes.MAX_COUNT:
        return
    count = volumes.volume_count(total, max_bytes)
    assert total <= count * max_bytes
    assert count == 1 or total > (count - 1) * max_bytes


@given(plain_names, counts.flatmap(lambda count: st.tuples(st.integers(1, count), st.just(count))))
@example("a.vol-001-of-002", (1, 2))
@example("事件\u202e.avi", (1000, 1000))
def test_names_come_back(name: str, numbers: tuple[int, int]) -> None:
    assert volumes.parse_name(volumes.volume_name(name, *numbers)) == (name, *numbers)


@given(counts, st.data())
def test_names_sort_as_their_numbers(count: int, choice: st.DataObject) -> None:
    a, b = choice.draw(st.integers(1, count)), choice.draw(st.integers(1, count))
    assert (volumes.volume_name("a", a, count) < volumes.volume_name("a", b, count)) == (a < b)


@given(st.text() | st.builds("{}.vol-{}-of-{}".format, st.text(max_size=5), digits, digits))
def test_any_text_is_the_name_of_a_volume_or_not(text: str) -> None:
    parsed = volumes.parse_name(text)
    assert parsed is None or volumes.volume_name(*parsed) == text

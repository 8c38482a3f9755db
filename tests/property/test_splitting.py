"""Splitting a video under made-up costs: no frame lost or doubled, floors met, never more parts than allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count as counting
from threading import Event

from hypothesis import given, settings
from hypothesis import strategies as st

from transcoder.search.splitting import EXPONENT, Footage, needed_growth, split


@dataclass(frozen=True)
class Part:
    """A part whose error follows the law that the planning assumes, but for a factor that it does not know."""

    ratio: float
    key_share: float = 0.0

    @property
    def ok(self) -> bool:
        return self.ratio <= 1


COSTS = st.lists(st.floats(0.01, 10), min_size=1, max_size=300)


def maker(costs: list[float], holds: float, hardness: list[float]):  # type: ignore[no-untyped-def]
    made: list[range] = []

    def make(frames: range) -> Part:
        made.append(frames)
        cost = sum(costs[i] * hardness[i] for i in frames)
        return Part((cost / holds) ** EXPONENT)

    return make, made


@settings(deadline=None)
@given(costs=COSTS, holds=st.floats(10, 500), guess=st.floats(0.2, 5), data=st.data())
def test_parts_are_the_whole_in_order_and_all_meet_the_floors(
    costs: list[float], holds: float, guess: float, data: st.DataObject
) -> None:
    hardness = data.draw(st.lists(st.floats(0.3, 3), min_size=len(costs), max_size=len(costs)))
    unrest = data.draw(st.lists(st.floats(0, 1), min_size=len(costs), max_size=len(costs)))
    make, _ = maker(costs, holds, hardness)
    result = split(Footage(costs, unrest, 1), make, allowance=holds * guess, max_parts=10_000)
    if not result.ok:
        assert result.failed is not None
        frames, part = result.failed
        assert len(frames) == 1
        assert not part.ok
        return
    assert [frame for frames, _ in result.parts for frame in frames] == list(range(len(costs)))
    assert all(part.ok for _, part in result.parts)
    assert all(frames for frames, _ in result.parts)
    assert result.estimate == len(result.parts)


@settings(deadline=None)
@given(count=st.integers(50, 400), holds=st.floats(5, 60))
def test_where_the_law_is_known_about_one_encode_a_part_and_few_parts(count: int, holds: float) -> None:
    make, made = maker([1.0] * count, holds, [1.0] * count)
    result = split(Footage([1.0] * count, [0.5] * count, 1), make, allowance=holds / needed_growth(1.0), max_parts=1000)
    assert result.ok
    least = -(-count // holds)
    assert len(result.parts) <= 1.35 * least + 1
    assert len(made) == result.encodes <= 1.1 * len(result.parts) + 2


@settings(deadline=None)
@given(costs=COSTS, limit=st.integers(1, 5))
def test_it_gives_up_with_a_number_beyond_the_most_parts(costs: list[float], limit: int) -> None:
    make, _ = maker(costs, 4.0, [1.0] * len(costs))
    result = split(Footage(costs, [0.0] * len(costs), 1), make, allowance=4.0, max_parts=limit)
    assert len(result.parts) <= limit
    if not result.ok and result.failed is None:
        assert result.estimate > limit


@given(at=st.integers(40, 60))
def test_a_change_of_scene_near_the_planned_cut_is_taken(at: int) -> None:
    unrest = [1.0] * 120
    unrest[at] = 0.0
    make, _ = maker([1.0] * 120, 70.0, [1.0] * 120)
    result = split(Footage([1.0] * 120, unrest, 1), make, allowance=61.0, max_parts=10, workers=1)
    cuts = [frames.start for frames, _ in result.parts]
    if 54 <= at <= 60:
        assert at in cuts


def test_what_make_raises_comes_out() -> None:
    def make(frames: range) -> Part:
        raise RuntimeError(f"part from {frames.start}")

    try:
        split(Footage([1.0] * 10, [0.0] * 10, 1), make, allowance=3, max_parts=10)
    except RuntimeError as error:
        assert "part from" in str(error)
    else:
        raise AssertionError("the error was swallowed")


def test_what_a_part_holds_too_much_goes_to_the_next_one() -> None:
    """Eight scenes, each second one harder: where a hard one begins a part misses, and must not become two halves."""
    hardness = [1.0 if (frame // 90) % 2 == 0 else 1.4 for frame in range(720)]
    make, made = maker([1.0] * 720, 40.0, hardness)
    result = split(Footage([1.0] * 720, [0.5] * 720, 1), make, allowance=38.0, max_parts=1000, workers=1)
    assert result.ok
    assert len(result.parts) <= 1.25 * sum(hardness) / 40
    assert len(made) <= 1.35 * len(result.parts)


@settings(deadline=None)
@given(count=st.integers(200, 600), holds=st.floats(8, 20), workers=st.integers(1, 4))
def test_several_stretches_make_the_whole(count: int, holds: float, workers: int) -> None:
    make, _ = maker([1.0] * count, holds, [1.0] * count)
    footage = Footage([1.0] * count, [0.5] * count, 1)
    result = split(footage, make, allowance=holds * 1.3, max_parts=1000, workers=workers)
    assert [frame for frames, _ in result.parts for frame in frames] == list(range(count))
    assert result.estimate == len(result.parts)


@settings(deadline=None)
@given(costs=COSTS, holds=st.floats(10, 500), guess=st.floats(0.2, 5), workers=st.integers(1, 9), data=st.data())
def test_what_was_made_before_is_asked_for_again_and_any_list_of_it_ends_in_the_whole(
    costs: list[float], holds: float, guess: float, workers: int, data: st.DataObject
) -> None:
    """Whatever is known, right or wrong, of this job or of another: each frame is in one part, and it ends."""
    make, made = maker(costs, holds, [1.0] * len(costs))
    first = split(Footage(costs, [0.0] * len(costs), 1), make, allowance=holds * guess, max_parts=10_000)
    known = {frames.start: frames.stop for frames, _ in first.parts}
    wrong = st.dictionaries(st.integers(0, len(costs)), st.integers(0, len(costs) + 5), max_size=5)
    known |= data.draw(wrong)
    made.clear()
    again = split(
        Footage(costs, [0.0] * len(costs), 1), make, allowance=holds * guess, max_parts=10_000, workers=workers,
        known=known,
    )  # fmt: skip
    assert again.ok == first.ok
    if again.ok:
        assert [frame for frames, _ in again.parts for frame in frames] == list(range(len(costs)))
        if known == {frames.start: frames.stop for frames, _ in first.parts} and workers == 1:
            assert [frames for frames, _ in again.parts] == [frames for frames, _ in first.parts]
            assert len(made) == len(first.parts)


def late(make: Callable[[range], Part]) -> Callable[[range], Part]:
    """Of two parts that are begun one after the other, the first is ready last."""
    numbers, ready = counting(), [Event() for _ in range(2000)]

    def made(frames: range) -> Part:
        number = next(numbers)
        if number % 2 == 0:
            ready[number + 1].wait(0.02)  # nothing comes after the last one
        part = make(frames)
        ready[number].set()
        return part

    return made


@settings(deadline=None, max_examples=25)
@given(data=st.data(), holds=st.floats(8, 20))
def test_the_cuts_do_not_depend_on_which_part_is_ready_first(data: st.DataObject, holds: float) -> None:
    hardness = data.draw(st.lists(st.floats(0.3, 3), min_size=150, max_size=150))
    make, _ = maker([1.0] * 150, holds, hardness)
    footage = Footage([1.0] * 150, [0.5] * 150, 1)
    usual = split(footage, make, allowance=holds, max_parts=1000)
    assert split(footage, late(make), allowance=holds, max_parts=1000) == usual

"""The study of two workers at one file says how much faster two are, and nothing where nothing was shared."""

from __future__ import annotations

import pytest

from benchmarks.study_sharing import Shared, page


def shared(workers: int, wall_s: float, *, parts: int = 8, state: str = "delivered") -> Shared:
    return Shared(workers=workers, wall_s=wall_s, cpu_s=100.0, state=state, parts=parts, helped=3)


def test_the_ratio_is_of_the_walls() -> None:
    said = page("a.mp4", 100_000, "S3 server", "v2", (shared(1, 90), shared(2, 50)))
    assert "Two are 1.80 times as fast as one, for 1.00 times its processor time." in said
    assert max(map(len, said.splitlines())) <= 120


@pytest.mark.parametrize("two", [shared(2, 50, parts=1), shared(2, 50, state="failed")])
def test_nothing_is_said_where_nothing_was_shared(two: Shared) -> None:
    with pytest.raises(SystemExit, match="nothing to compare"):
        page("a.mp4", 100_000, "S3 server", "v2", (shared(1, 90), two))

"""The scale study's line: fitted, drawn, and its worst residual said."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.scale_figure import figure
from benchmarks.scale_fit import Line, fit, in_words


def test_points_on_a_line_give_that_line() -> None:
    line = fit([10, 60, 360], [7.0, 12.0, 42.0])
    assert line.base == pytest.approx(6)
    assert line.slope == pytest.approx(0.1)


def test_the_worst_point_is_named_with_its_side_and_share() -> None:
    said = in_words("Peak", "MB", Line(100.0, 1.0), [10, 20, 30], [110.0, 90.0, 131.0])
    assert "100.0 MB and 60.00 MB for each minute" in said
    assert "20 s: 30.0 MB below it, 33.3 %" in said


def test_the_figure_is_sound_and_shows_every_point() -> None:
    drawn = ElementTree.fromstring(figure("t", [("time", [(10, 3), (60, 9), (3600, 700)], Line(1, 0.2)),
                                                ("memory", [(10, 800)], None)]))  # fmt: skip
    namespace = "{http://www.w3.org/2000/svg}"
    circles = drawn.findall(f"{namespace}circle")
    assert len(circles) == 4
    width, height = (float(number) for number in drawn.attrib["viewBox"].split()[2:])
    assert all(0 < float(c.attrib["cx"]) < width and 0 < float(c.attrib["cy"]) < height for c in circles)
    assert sum(line.get("stroke-dasharray") is not None for line in drawn.findall(f"{namespace}line")) == 1

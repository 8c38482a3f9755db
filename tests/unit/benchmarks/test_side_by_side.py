"""The page of the side by side: what README shows is what was measured, and where we lose is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import sheet
from benchmarks.__main__ import BEGIN, END, PAGE, README
from benchmarks.evaluate.tasks import plain
from benchmarks.side_by_side import RESULTS


def row(tool: str, mean: float | None, *, size: int = 90, note: str = "", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "source": "a.mp4", "source_bytes": 1000, "cap_bytes": 100, "video": True, "tool": tool, "missing": "",
        "note": note, "certificate": tool == "transcoder", "wall_s": 2.0, "cpu_s": 3.0, "peak_bytes": 10**8,
    }  # fmt: skip
    if mean is not None:
        score = {"mean": mean, "worst_percent": mean, "worst_tile": mean, "moving": mean, "vmaf_neg": None,
                 "on_time": 9, "frames_source": 10, "same_size": True}  # fmt: skip
        tasks = {"faces": 0, "face_match": None, "texts": 2, "text_same": 0.5}
        found |= {"bytes": size, "over": size > 100, "fill": size / 100, "score": score, "tasks": tasks}
    return found | more


def known(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"machine": {"processors": 2}, "rows": {str(number): one for number, one in enumerate(rows)}}


def test_a_loss_is_said_and_a_file_over_the_cap_is_none() -> None:
    ours, better, cheat = row("transcoder", 0.9), row("other", 0.95), row("cheat", 0.99, size=101)
    assert "other is 0.0500 better" in sheet.headline(known(ours, better, cheat))
    assert "better" not in sheet.headline(known(ours, cheat))
    refused = row("transcoder", None, note="refused: tile is below its floor")
    assert "refused (tile is below its floor)" in sheet.headline(known(refused, better))


def test_who_is_not_here_is_named_and_not_compared() -> None:
    page = sheet.markdown(known(row("transcoder", 0.9), row("absent", None, missing="apt-get install absent")))
    assert "not here: apt-get install absent" in page
    assert "| absent |" not in sheet.headline(known(row("absent", None, missing="x")))


def test_every_line_of_a_table_has_as_many_cells_as_its_head() -> None:
    rows = [row("transcoder", 0.9), row("over", 0.9, size=200), row("none", None), row("absent", None, missing="x")]
    for video in (True, False):
        for one in rows:
            one["video"] = video
            if "score" in one:
                one["score"]["ssimulacra2"] = 80.0
        counts = {line.count("|") for line in sheet._table(rows, video=video).splitlines()}
        assert len(counts) == 1


def test_over_the_cap_is_marked_in_the_drawing() -> None:
    drawn = sheet.drawing([row("transcoder", 0.9), row("over <&>", 0.8, size=150)], "title")
    assert "over &lt;&amp;&gt;" in drawn
    assert drawn.count("<circle") == 1
    assert drawn.count("<path") == 2  # a cross, and the line of the cap


def test_plain_text_is_signs_only() -> None:
    assert plain("ab-12 c.") == "AB12C"


@pytest.mark.skipif(not RESULTS.exists(), reason="the study was not run")
def test_readme_and_page_are_those_of_the_results() -> None:
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    shown = README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == sheet.headline(found).strip()
    assert PAGE.read_text(encoding="utf-8") == sheet.markdown(found)
    for name in sheet.drawings(found):
        assert (Path(RESULTS).parent / name).exists()

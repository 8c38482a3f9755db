"""The page of the side by side: what README shows is what was measured, and where we lose is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks import footage, judging, sheet, side_by_side
from benchmarks.__main__ import BEGIN, END, PAGE, README
from benchmarks.evaluate.tasks import plain
from benchmarks.peers import ours
from benchmarks.peers.base import Cost, Made, Peer, Task
from benchmarks.side_by_side import RESULTS
from benchmarks.side_drawing import drawing


def row(tool: str, mean: float | None, *, size: int = 90, note: str = "", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "source": "a.mp4", "source_bytes": 1000, "cap_bytes": 100, "video": True, "tool": tool, "missing": "",
        "note": note, "certificate": tool == "transcoder", "wall_s": 2.0, "cpu_s": 3.0, "peak_bytes": 10**8,
        "version": "v2",
    }  # fmt: skip
    if mean is not None:
        score = {"mean": mean, "worst_percent": mean, "worst_tile": mean, "moving": mean, "vmaf_neg": None,
                 "on_time": 9, "frames_source": 10, "same_size": True}  # fmt: skip
        tasks = {"faces": 0, "face_match": None, "texts": 2, "text_same": 0.5}
        found |= {"bytes": size, "over": size > 100, "fill": size / 100, "score": score, "tasks": tasks}
    return found | more


def known(*rows: dict[str, Any]) -> dict[str, Any]:
    machine = {"processors": 2, "transcoder": "v2"}
    return {"machine": machine, "rows": {str(number): one for number, one in enumerate(rows)}}


def test_a_loss_is_said_and_a_file_over_the_cap_is_none() -> None:
    ours, better, cheat = row("transcoder", 0.9), row("other", 0.95), row("cheat", 0.99, size=101)
    said = sheet.headline(known(ours, better, cheat))
    assert "SSIM mean by 0.0500 (other)" in said
    assert "what moves by 0.0500 (other)" in said
    assert "(cheat)" not in said
    assert "`a.mp4`" not in sheet.headline(known(ours, cheat))
    refused = row("transcoder", None, note="refused: tile is below its floor")
    assert "refused (tile is below its floor)" in sheet.headline(known(refused, better))


def test_time_and_memory_are_said_beside_the_reference() -> None:
    slow = row("transcoder", 0.9, cpu_s=6.0, peak_bytes=4 * 10**8)
    said = sheet.headline(known(slow, row(sheet.REFERENCE_VIDEO, 0.8)))
    assert "2.0 times the processor time of ffmpeg x264 slow, 1.0 times its wall time and 4.0 times its memory" in (
        " ".join(said.split())
    )


def test_lines_of_the_list_are_not_endless() -> None:
    rows = [row("transcoder", 0.5)] + [row(f"tool {n} of a long name", 0.6 + n / 100) for n in range(4)]
    found = sheet.headline(known(*rows)).partition("Where we lose")[2].splitlines()
    assert len(found) >= 4
    assert max(map(len, found)) <= 120


def test_a_run_that_was_not_needed_has_no_line_and_says_why() -> None:
    again = row("transcoder --accept-degraded", 0.9, same_as="transcoder")
    page = sheet.markdown(known(row("transcoder", 0.9), again))
    assert "| transcoder --accept-degraded |" not in page
    assert "Nothing was refused" in page


def test_a_figure_of_an_earlier_version_is_marked() -> None:
    page = sheet.markdown(known(row("transcoder", 0.9, version="v1"), row("other", 0.9, version="x")))
    assert page.count("of an earlier version") == 2  # in the remark, and above
    assert "earlier version" not in sheet.markdown(known(row("transcoder", 0.9)))


def test_what_tools_say_is_no_markup() -> None:
    page = sheet.markdown(known(row("transcoder", 0.9, note="a|b *c* <d>")))
    assert r"a\|b \*c\* &lt;d&gt;" in page


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
        counts = {line.count("|") for line in sheet._table(rows, {"transcoder": "v2"}, video=video).splitlines()}
        assert len(counts) == 1


def test_over_the_cap_is_marked_in_the_drawing() -> None:
    drawn = drawing([row("transcoder", 0.9), row("over <&>", 0.8, size=150)], "title")
    assert "over &lt;&amp;&gt;" in drawn
    assert drawn.count("<circle") == 2  # whole, and what moves
    assert drawn.count("<path") == 3  # two crosses, and the line of the cap


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


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The study with two tools of ours that copy the source, and a judge that only counts; what was done, in order."""
    done: list[str] = []

    def copy(task: Task, name: str) -> Made:
        done.append(name)
        (task.folder / "copy").write_bytes(task.source.read_bytes())
        return Made(path=task.folder / "copy", cost=Cost(wall_s=1, cpu_s=1, peak_bytes=1))

    def score(*_: Path) -> Cost:
        done.append("judge")
        return Cost()

    def made(name: str, version: str) -> Peer:
        return Peer(name=name, make=lambda task: copy(task, name), version=version)

    tools = [made(ours.NAME, "v1"), made(ours.NAME_FLOOR, "v1"), made("other", "v1")]
    monkeypatch.setattr(side_by_side, "peers", lambda *, video: tools)
    monkeypatch.setattr("benchmarks.product.environment", lambda folder: {})
    monkeypatch.setattr(judging, "score_still", score)
    monkeypatch.setattr(judging, "_seen", lambda *_, **__: ())
    return done


def test_a_second_run_does_nothing_and_the_same_bytes_are_judged_once(bench: list[str], tmp_path: Path) -> None:
    case = footage.sample("cctv_still.jpg", 1_000_000)
    found = side_by_side.run([case], tmp_path / "rows.json")
    assert bench == ["transcoder", "judge", "other"]  # nothing was refused: the second run of ours is the first
    key = side_by_side.key("cctv_still.jpg", 1_000_000, ours.NAME_FLOOR)
    assert found["rows"][key]["same_as"] == ours.NAME
    side_by_side.run([case], tmp_path / "rows.json")
    assert len(bench) == 3


def test_with_a_new_version_of_ours_everybody_is_timed_again_and_nobody_judged_again(
    bench: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = footage.sample("cctv_still.jpg", 1_000_000)
    side_by_side.run([case], tmp_path / "rows.json")
    monkeypatch.setattr("benchmarks.product.version", lambda: "another")
    side_by_side.run([case], tmp_path / "rows.json")
    assert bench[3:] == ["transcoder", "other"]


def test_a_file_that_no_one_can_open_does_not_end_the_study(
    bench: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Path) -> Cost:
        with Image.open(tmp_path / "rows.json"):  # no picture
            return Cost()

    monkeypatch.setattr(judging, "score_still", broken)
    found = side_by_side.run([footage.sample("cctv_still.jpg", 1_000_000)], tmp_path / "rows.json")
    other = found["rows"][side_by_side.key("cctv_still.jpg", 1_000_000, "other")]
    assert "could not be judged: cannot identify image file" in other["note"]
    assert "bytes" not in other
    assert "could not be judged" in sheet.markdown(found)


def test_tools_and_cases_of_the_past_leave_the_results(bench: list[str], tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps({"rows": {"gone.mp4/5/other": row("other", 0.5)}}))
    assert side_by_side.run([], tmp_path / "rows.json")["rows"] == {}
    assert not bench


def test_caps_of_one_and_four_million_and_smaller_are_in_the_study() -> None:
    for cases in (footage.VIDEOS, footage.PICTURES):
        caps = {case.cap_bytes for case in cases}
        assert {1_000_000, 4_000_000} <= caps
        assert min(caps) < 500_000

"""The scale study: its line fitted, drawn and said, and its figures those of one version."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import study_scale
from benchmarks.scale_figure import PANEL_H, PANEL_W, Panel, figure
from benchmarks.scale_fit import Line, fit, in_words
from benchmarks.scale_runs import Run


def run(group: str, at: str, *, seconds: float = 60, cpu_s: float = 30, version: str = "v2", **more: int) -> Run:
    return Run(
        group=group, at=at, version=version, processors=2, seconds=seconds, sources=1, source_bytes=5_000_000,
        delivered="re-encode (meets-floor)", files=1, bytes=990_000, wall_s=cpu_s / 2, cpu_s=cpu_s,
        **({"frame_pixels": 921_600, "peak_bytes": 900_000_000} | more),
    )  # fmt: skip


def test_points_on_a_line_give_that_line() -> None:
    line = fit([10, 60, 360], [7.0, 12.0, 42.0])
    assert line.base == pytest.approx(6)
    assert line.slope == pytest.approx(0.1)
    assert line.r2 == pytest.approx(1)


def test_what_no_line_explains_has_an_r2_of_nothing() -> None:
    assert fit([1, 2, 3, 4], [1.0, -1.0, -1.0, 1.0]).r2 == pytest.approx(0)
    assert fit([1, 2, 3], [5.0, 5.0, 5.0]).r2 == 1  # a level line explains what does not vary


def test_the_worst_point_is_named_with_its_side_and_share() -> None:
    said = in_words("Peak", "MB", Line(100.0, 1.0, 0.5), [10, 20, 30], [110.0, 90.0, 131.0])
    assert "100.0 MB and 60.00 MB for each minute of footage (R² 0.500)" in said
    assert "20 s: 30.0 MB below it, 33.3 %" in " ".join(said.split())


def test_the_figure_is_sound_and_shows_every_point() -> None:
    panels = [
        Panel(title="time", across="minutes", points=[(0.2, 3), (1, 9), (60, 700)], line=Line(1, 12)),
        Panel(title="memory", across="megapixels", points=[(8.3, 800)], names=["4K"]),
    ]
    drawn = ElementTree.fromstring(figure("t", panels))
    namespace = "{http://www.w3.org/2000/svg}"
    circles = drawn.findall(f"{namespace}circle")
    assert len(circles) == 4
    width, height = (float(number) for number in drawn.attrib["viewBox"].split()[2:])
    assert all(0 < float(c.attrib["cx"]) < width and 0 < float(c.attrib["cy"]) < height for c in circles)
    assert sum(line.get("stroke-dasharray") is not None for line in drawn.findall(f"{namespace}line")) == 1
    assert "4K" in [text.text for text in drawn.findall(f"{namespace}text")]


def test_a_line_that_leaves_the_panel_ends_there_with_the_slope_it_has() -> None:
    drawn = ElementTree.fromstring(figure("t", [Panel(title="m", across="x", points=[(8, 950)], line=Line(0, 200))]))
    line = next(one for one in drawn.iter("{http://www.w3.org/2000/svg}line") if one.get("stroke-dasharray"))
    x1, x2, y1, y2 = (float(line.attrib[name]) for name in ("x1", "x2", "y1", "y2"))
    assert (x2 - x1) / PANEL_W == pytest.approx(0.5, abs=0.01)  # 1000 of 1000 is reached at 5 of 10
    assert (y1 - y2) / PANEL_H == pytest.approx(1, abs=0.01)


def test_the_page_says_whether_it_is_linear_and_how_jobs_scale(tmp_path: Path) -> None:
    runs = [run("duration", str(at), seconds=at, cpu_s=at / 2) for at in (10, 60, 600)]
    runs += [run("size", name, frame_pixels=pixels) for name, pixels in (("CIF", 10**5), ("4K", 8 * 10**6))]
    runs += [run("folder", "1", cpu_s=40), run("folder", "2", cpu_s=20)]
    study_scale.write(tmp_path / "study.md", runs)
    page = (tmp_path / "study.md").read_text()
    assert "60 times the footage takes 60.0 times the processor time and 1.00 times the memory" in page
    assert "exponent 1.00" in page
    assert "| 2 | 1 | re-encode (meets-floor) | 10.0 s | 6.0 | 2.00 | 20.00 s | 900 MB |" in page
    assert (tmp_path / "study.svg").exists()
    assert (tmp_path / "study_size.svg").exists()


def test_figures_of_another_version_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    path.write_text(json.dumps([asdict(run("size", "CIF", version="v1")), asdict(run("size", "4K"))]))
    assert [one.at for one in study_scale.read(path, "v2")] == ["4K"]


def test_a_run_that_is_known_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def one_clip(group: str, at: str, *_: object, seconds: float, **__: object) -> Run:
        made.append(at)
        return run(group, at, seconds=seconds)

    monkeypatch.setattr("benchmarks.scale_runs.one_clip", one_clip)
    monkeypatch.setattr("benchmarks.scale_footage.lasting", lambda seconds, size: Path())
    monkeypatch.setattr("benchmarks.product.version", lambda: "v2")
    arguments = ["--only", "duration", "--out", str(tmp_path / "study.md"), "--seconds", "10"]
    study_scale.main(arguments)
    study_scale.main([*arguments, "60", "--hour"])
    assert made == ["10", "60", "3600"]


def test_two_hours_are_of_small_pictures_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, str, str]] = []

    def one_clip(group: str, at: str, clip: Path, *, seconds: float, size: str = "720p", **__: object) -> Run:
        made.append((group, size, clip.name))
        return run(group, at, seconds=seconds, cpu_s=seconds)

    monkeypatch.setattr("benchmarks.scale_runs.one_clip", one_clip)
    monkeypatch.setattr("benchmarks.scale_footage.lasting", lambda seconds, size: Path(f"{size}_{seconds}"))
    monkeypatch.setattr("benchmarks.product.version", lambda: "v2")
    study_scale.main(["--only", "long", "--out", str(tmp_path / "study.md"), "--two-hours"])
    assert made == [("long", "CIF", f"CIF_{seconds}") for seconds in (60, 600, 3600, 7200)]
    assert "Up to two hours, at 352x288" in (tmp_path / "study.md").read_text()
    assert (tmp_path / "study_long.svg").exists()

"""The page on a national service: its figures are those of the results, and its arithmetic holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import national
from benchmarks.national import PAGE, STILL, measured, page


@pytest.fixture
def results(tmp_path: Path) -> Path:
    scale = [
        {"group": "duration", "seconds": 10, "cpu_s": 100.0, "peak_bytes": 1},  # too short to count
        {"group": "duration", "seconds": 60, "cpu_s": 50.0, "peak_bytes": 10**9},
        {"group": "duration", "seconds": 3600, "cpu_s": 1800.0, "peak_bytes": 2 * 10**9},
        {"group": "fits", "cpu_s": 1.5, "peak_bytes": 1.5e8},
        {"group": "service", "at": "1", "sources": 10, "wall_s": 60.0},
        {"group": "service", "at": "2", "sources": 10, "wall_s": 40.0},
    ]
    http = {"uploads": 100, "bytes": 6e8, "took_s": 9, "read_p50_ms": 55, "read_p95_ms": 460, "processors": 2}
    (tmp_path / "study_scale.json").write_text(json.dumps(scale))
    (tmp_path / "study_http.json").write_text(json.dumps(http))
    (tmp_path / "side_by_side.json").write_text(json.dumps({"rows": {STILL: {"cpu_s": 10.0, "peak_bytes": 1.2e9}}}))
    return tmp_path


def test_the_arithmetic_by_hand(results: Path) -> None:
    said = " ".join(page(measured(results)).split())
    assert "30 s to 50 s" in said
    assert "= 8,600 min | x 50.0 s = 430,000 s" in said
    assert "= 17,200 | x 10.0 s = 172,000 s" in said
    assert "602,000 s = 7.0 processors" in said  # 602,000 / 86,400 = 6.97
    assert "= 63 processors: **8 hosts of 8 processors, each with 8 GB for 4 jobs at a time**" in said
    assert "134 a minute" in said  # 21,500 / 8 h / 60 x 3
    assert "95 GB in and 22 GB out; with retention at 30 days 3.5 TB" in said
    assert "(14,000 s of processor time) in about 1.9 hours" in said
    assert "1 min to 1 h: the longest is 60 times the shortest" in said
    assert "2 workers of one processor each did 15.0 small clips a minute, 1 did 10.0" in said


def test_a_missing_study_leaves_the_page_alone(results: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (results / "study_http.json").unlink()
    with pytest.raises(LookupError, match="study_http"):
        measured(results)
    monkeypatch.setattr(national, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(national, "measured", lambda: measured(results))
    national.write()
    assert not (tmp_path / "page.md").exists()


def test_the_page_is_that_of_the_results() -> None:
    try:
        found = measured()
    except LookupError as error:
        pytest.skip(str(error))
    assert PAGE.read_text(encoding="utf-8") == page(found)

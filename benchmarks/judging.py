"""The judge's word on a file, given once: the same bytes get the same word, whoever made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.evaluate.moving import moving_blocks
from benchmarks.evaluate.still import score_still
from benchmarks.evaluate.tasks import Seen, judge, look_at
from benchmarks.evaluate.video import Mask, score_video

VERSION = "2"
"""Raised where the judge changes: what an older one said is judged anew."""


class Judge:
    """Scores and tasks of copies, by the hashes of source and copy."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._said = {tuple(row["judged"]): row for row in rows if "judged" in row}

    def says(self, source: Path, source_sha256: str, copy: Path, copy_sha256: str, *, video: bool) -> dict[str, Any]:
        """The fields of a row: ``score``, ``tasks``, and ``judged`` to find them again by."""
        key = (VERSION, source_sha256, copy_sha256)
        known = self._said.get(key)
        if known is None:
            score: Any = score_video(source, copy, _moving(source)) if video else score_still(source, copy)
            tasks = judge(_seen(source, video=video), source, copy, video=video)
            known = {"score": asdict(score), "tasks": asdict(tasks)}
            self._said[key] = known
        return {"score": known["score"], "tasks": known["tasks"], "judged": list(key)}


@cache
def _moving(source: Path) -> Mask:
    return moving_blocks(source)


@cache
def _seen(source: Path, *, video: bool) -> Sequence[Seen]:
    return look_at(source, video=video)

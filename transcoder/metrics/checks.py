"""The task checks of a delivery: does each text and plate still read the same, does each face still match?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcoder.media import stills
from transcoder.metrics.areas import View
from transcoder.metrics.tasks import TaskResult, check_face, check_text
from transcoder.model import DetectorUse, RegionKind
from transcoder.vision.weights import ModelUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCheck:
    """The outcome of one region's task at its key moment."""

    region: str
    at_s: float
    result: TaskResult

    def to_dict(self) -> dict[str, object]:
        """As the certificate records it. Of faces only the similarity is kept, never what it was computed from."""
        described: dict[str, object] = {
            "outcome": str(self.result.outcome),
            "at_s": round(self.at_s, 6),
            "similarity": round(self.result.similarity, 4),
            "detail": self.result.detail,
        }
        if self.result.before or self.result.after:
            described |= {"before": self.result.before[:80], "after": self.result.after[:80]}
        return described


@dataclass(frozen=True, slots=True)
class Checked:
    """All checks, what did them, and what could not be done."""

    checks: tuple[TaskCheck, ...] = ()
    uses: tuple[DetectorUse, ...] = ()
    warnings: tuple[str, ...] = ()


def check_views(views: Sequence[View]) -> Checked:
    """Check every face, plate and text among the views.

    A model that is missing or fails costs its checks, never the delivery.
    """
    checks: list[TaskCheck] = []
    uses: list[DetectorUse] = []
    warnings: list[str] = []
    for kinds, name, make in (
        ((RegionKind.PLATE, RegionKind.TEXT), "reading", _reading),
        ((RegionKind.FACE,), "face matching", _matching),
    ):
        wanted = [view for view in views if view.region.kind in kinds]
        if not wanted:
            continue
        try:
            check, used = make()
            checks += [
                TaskCheck(region=view.region.id, at_s=view.at_s, result=check(view, *_pictures(view)))
                for view in wanted
            ]
            uses += used
        except ModelUnavailable as error:
            warnings.append(f"{name} was not checked: {error}")
        except Exception as error:  # noqa: BLE001 - a model must never cost the delivery, whatever it raises
            warnings.append(f"{name} was not checked: {type(error).__name__} in the model")
    return Checked(tuple(checks), tuple(uses), tuple(warnings))


Pixels = NDArray[np.uint8]
Check = Callable[[View, Pixels, Pixels], TaskResult]


def _reading() -> tuple[Check, list[DetectorUse]]:
    from transcoder.vision import text

    reader = text.shared()

    def check(view: View, before: Pixels, after: Pixels) -> TaskResult:
        return check_text(reader, before, after, view.box, kind=view.region.kind)

    return check, [reader.use]


def _matching() -> tuple[Check, list[DetectorUse]]:
    from transcoder.vision import faces

    finder, matcher = faces.shared(), faces.FaceMatcher()

    def check(view: View, before: Pixels, after: Pixels) -> TaskResult:
        return check_face(matcher, finder, before, after, view.box)

    return check, [matcher.use]


def _pictures(view: View) -> tuple[Pixels, Pixels]:
    """Both pictures in blue, green, red, as the models take them."""
    return stills.as_bgr(view.before), stills.as_bgr(view.after)


def summary(checks: Sequence[TaskCheck]) -> dict[str, Any]:
    """How many checks of each kind had which outcome."""
    counts: dict[str, dict[str, int]] = {}
    for check in checks:
        by_outcome = counts.setdefault(str(check.result.kind), {})
        by_outcome[str(check.result.outcome)] = by_outcome.get(str(check.result.outcome), 0) + 1
    return counts

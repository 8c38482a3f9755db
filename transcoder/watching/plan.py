"""What is watched, and what is asked for of each file: by the plan, and by what lies beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from transcoder.errors import UsageError
from transcoder.jobs.base import Options
from transcoder.model import CaseFields
from transcoder.watching.arrivals import Arrival

_SIDECAR_BYTES = 16 << 20


class After(StrEnum):
    """What becomes of a source that was delivered or refused."""

    KEEP = "keep"
    MOVE = "move"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is watched, and how it is delivered."""

    source: Path
    out: Path
    profile: str
    """A shipped profile's name, or the absolute path of a file."""
    cap_bytes: int | None = None
    case: CaseFields = field(default_factory=CaseFields)
    """For files that bring none of their own."""
    after: After = After.KEEP
    settle_s: float = 5.0
    poll_s: float = 1.0
    recursive: bool = False


def asked_for(plan: Plan, arrival: Arrival) -> Options:
    """How a file is to be delivered.

    :raises UsageError: where what lies beside it makes no sense.
    :raises OSError: where it cannot be read.
    """
    fields = plan.case.to_dict()
    if arrival.case is not None:
        fields |= CaseFields(**_texts(arrival.case)).to_dict()
    regions = _json(arrival.regions) if arrival.regions is not None else None
    return Options.from_dict({"profile": plan.profile, "cap_bytes": plan.cap_bytes, "regions": regions, **fields})


def _texts(path: Path) -> dict[str, str]:
    fields = _json(path)
    known = {"urn", "exhibit", "operator", "description"}
    wrong = sorted(set(fields) - known)
    if wrong or not all(isinstance(value, str) for value in fields.values()):
        raise UsageError(
            f"case files hold text fields only: {', '.join(wrong)[:160] or 'a value is not text'}",
            where=path.name, hint=f"known fields: {', '.join(sorted(known))}", code="case-file",
        )  # fmt: skip
    return fields


def _json(path: Path) -> dict[str, Any]:
    if path.is_symlink() or path.stat().st_size > _SIDECAR_BYTES:
        raise UsageError("not a regular file of a sensible size", where=path.name, code="sidecar")
    try:
        found = json.loads(path.read_bytes())
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair could not be signed
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError("what lies beside it is not a JSON object", where=path.name, code="sidecar")
    return found


__all__ = ["After", "Plan", "asked_for"]

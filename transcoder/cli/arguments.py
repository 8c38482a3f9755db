"""What options mean: streams, case fields and overrides, checked before any work begins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcoder.errors import UsageError

if TYPE_CHECKING:
    from transcoder.model import CaseFields, Override


def chosen_streams(wanted: str | None, source: Path) -> Sequence[int | None]:
    """The video streams to deliver; None leaves the choice to the tool."""
    if wanted is None:
        return [None]
    if wanted == "all":
        from transcoder.app import video_streams

        found = video_streams(source)
        return found if len(found) > 1 else [None]
    if not wanted.isdecimal() or len(wanted) > 4:
        raise UsageError(f"not the number of a stream: {wanted}", hint="a number from inspect, or all", code="usage")
    return [int(wanted)]


def case_fields(file: Path | None, given: dict[str, str | None]) -> CaseFields:
    """The case fields of a file, over which those given one by one count.

    :raises UsageError: where the file is not one of text fields that are known.
    """
    from transcoder.model import CaseFields

    fields: dict[str, Any] = {}
    if file is not None:
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            json.dumps(fields, ensure_ascii=False).encode()  # half a surrogate pair could not be signed
        except (OSError, ValueError, RecursionError) as error:
            reason = error if isinstance(error, OSError | json.JSONDecodeError) else "it is not JSON text"
            raise UsageError(f"cannot read the case file: {reason}", where=str(file), code="case-file") from None
        known = {"urn", "exhibit", "operator", "description"}
        wrong = sorted(set(fields) - known) if isinstance(fields, dict) else ["the whole document"]
        if wrong or not all(isinstance(value, str) for value in fields.values()):
            raise UsageError(
                f"case files hold text fields only: {', '.join(wrong)[:160] or 'a value is not text'}",
                where=str(file),
                hint=f"known fields: {', '.join(sorted(known))}",
                code="case-file",
            )
    fields |= {key: value for key, value in given.items() if value is not None}
    return CaseFields(**fields)


def override_of(accept: bool, fields: CaseFields, reason: str | None) -> Override | None:
    """The decision of a named person to take less than the floors, or None.

    :raises UsageError: where a reason is given for nothing.
    """
    from transcoder.model import Override

    if not accept:
        if reason is not None:
            raise UsageError("--reason belongs to --accept-degraded", code="usage")
        return None
    return Override(operator=fields.operator or "", reason=reason or "")

"""The service's log on standard error: a line for people, or one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from transcoder.errors import UsageError
from transcoder.server import requests
from transcoder.settings import PREFIX

_QUIET = ("uvicorn", "uvicorn.error", "httpx", "botocore", "aiobotocore")
_FIELDS = (
    "request", "job", "attempt", "token", "method", "route", "status", "took_s", "received_bytes", "sent_bytes",
    "client",
)  # fmt: skip
"""What records may bring beside their text, in this order."""


class JsonLines(logging.Formatter):
    """One object a line: ``at``, ``level``, ``logger``, ``message``, and of ``_FIELDS`` what the record brings."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging``."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line["message"] = record.getMessage()
        line |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            line["fault"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def numbered(record: logging.LogRecord) -> bool:
    """A filter that drops nothing: the record gets the number of the request that it was written for."""
    record.request = requests.current()
    return True


def start(environment: Mapping[str, str] = os.environ) -> None:
    """Begin to log, as ``TRANSCODER_LOG`` says: ``text`` (default) or ``json``.

    :raises UsageError: for any other value.
    """
    form = environment.get(f"{PREFIX}LOG") or "text"
    if form not in ("text", "json"):
        raise UsageError(f"neither text nor json: {form[:40]}", where=f"{PREFIX}LOG", code="usage")
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(numbered)
    handler.setFormatter(
        JsonLines() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


__all__ = ["JsonLines", "numbered", "start"]

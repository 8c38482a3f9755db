"""The log of the service."""

from __future__ import annotations

import io
import json
import logging

import pytest

from transcoder.cli import logs
from transcoder.errors import UsageError
from transcoder.server import requests


def lines(*, fault: bool = False) -> list[dict[str, object]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    handler.addFilter(logs.numbered)
    logger = logging.Logger("transcoder.test")
    logger.addHandler(handler)
    try:
        if fault:
            raise ValueError("two\nlines")
        logger.info("attempt %d begins", 2, extra={"job": "job_1", "attempt": 2, "unknown": "left out"})
    except ValueError:
        logger.exception("it broke")
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_the_numbers_that_tell_things_together() -> None:
    requests.begin({"type": "http", "headers": [(b"x-request-id", b"custody-7")]})
    (line,) = lines()
    assert line.pop("at")
    assert line == {
        "level": "info", "logger": "transcoder.test", "message": "attempt 2 begins", "request": "custody-7",
        "job": "job_1", "attempt": 2,
    }  # fmt: skip


def test_a_fault_is_one_line_too() -> None:
    (line,) = lines(fault=True)
    assert "two\nlines" in str(line["fault"])


@pytest.mark.parametrize("given", [b"two words", b"", b"x" * 65, b"a\nb"])
def test_a_number_that_is_not_fit_to_be_repeated_is_replaced(given: bytes) -> None:
    assert requests.begin({"type": "http", "headers": [(b"x-request-id", given)]}).startswith("req_")


def test_a_form_that_is_unknown_is_refused() -> None:
    with pytest.raises(UsageError, match="neither text nor json"):
        logs.start({"TRANSCODER_LOG": "xml"})

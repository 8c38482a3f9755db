"""What the pages say of the audit log, and of a file that cannot be read."""

from __future__ import annotations

import json
import re

from tests.helpers.service import Bench, sent
from tests.integration.server.test_sessions import browser
from transcoder.server import accesses
from transcoder.server.access import Role
from transcoder.server.pages import told, words

HTML = {"Accept": "text/html"}


def _said(page: str) -> list[str]:
    """The sentence of each entry, without its markup."""
    return [re.sub(r"\s+", " ", re.sub("<[^>]+>", "", text)) for text in re.findall(r"<p><b>.*?</p>", page, re.DOTALL)]


def _of_case(urn: str) -> dict[str, str]:
    return {"options": json.dumps({"case": {"urn": urn}})}


def test_the_log_is_told_in_words_by_case_and_kind(served: Bench) -> None:
    client = served.client(Role.SUBMIT)
    sent(client, data=_of_case("45AA1"))
    other = sent(client, name="other.mp4", data=_of_case("45BB2")).json()["id"]
    client.get(f"/v1/jobs/{other}")
    served.client(Role.READ).delete(f"/v1/jobs/{other}")
    admin = browser(served, Role.ADMIN)
    said = _said(admin.get("/audit?case=45bb&kind=handed-in", headers=HTML).text)
    assert [text.split(" ", 1)[1] for text in said] == ["handed in a file – other.mp4"]
    said = _said(admin.get("/audit?case=45BB2&kind=seen", headers=HTML).text)
    assert [text.split(" ", 1)[1] for text in said] == ["looked at a job – other.mp4"]
    refused = admin.get("/audit?kind=refused", headers=HTML).text
    assert [text.split(" ", 1)[1] for text in _said(refused)] == [
        "asked for something that they may not see or do – other.mp4"
    ]
    assert "their token does not allow it" in refused
    # Nothing is lost: the record as it was written is in the page.
    assert "DELETE /v1/jobs/{job_id}" in refused
    assert "There is no entry like that" in admin.get("/audit?case=nobody", headers=HTML).text


def test_every_access_has_words_and_a_kind() -> None:
    events = {rule.event for rule in accesses.RULES.values()}
    assert events <= set(words.EVENTS)
    assert events <= {event for _, held in told.KINDS.values() for event in held}


def test_what_was_repeated_is_found_under_what_it_was() -> None:
    entry = {"event": "access-folded", "access": "access-read", "times": 3, "at": "2026-11-24T10:00:00Z", "who": {}}
    assert told.is_of(entry, kind="seen", case="")
    assert not told.is_of(entry, kind="people", case="")
    assert told.told(entry).what == "looked at a job, 3 more times"

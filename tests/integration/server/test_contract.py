"""The contract is complete, its examples hold, and the file in docs is the program's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.helpers.contract import contract
from transcoder.server.examples import ERRORS, OPERATIONS
from transcoder.server.openapi import operations
from transcoder.server.problem import _OF_CODE, TITLES

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads(contract()))


def test_the_file_in_docs_is_up_to_date() -> None:
    kept = (DOCS / "openapi.json").read_text(encoding="utf-8")
    assert kept == contract(), "make openapi"


def test_nothing_is_named_that_is_not_there(document: dict[str, Any]) -> None:
    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]


def test_each_operation_has_examples_that_hold_against_its_schema(document: dict[str, Any]) -> None:
    assert {(method, path) for method, path, _ in operations(document)} == set(OPERATIONS)
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter.get("required"):
                assert "example" in parameter, (method, path, parameter["name"])
        for status, answer in operation["responses"].items():
            for kind, body in answer.get("content", {}).items():
                shown = [item["value"] for item in body.get("examples", {}).values()] or [body["example"]]
                for value in shown if kind.endswith("json") else ():
                    schema = {**body["schema"], "components": document["components"]}
                    jsonschema.validate(value, schema)
                    assert shown, (method, path, status)
        for kind, body in operation.get("requestBody", {}).get("content", {}).items():
            if kind == "application/json":
                jsonschema.validate(body["example"], {**body["schema"], "components": document["components"]})
            assert "example" in body, (method, path, kind)


def test_each_operation_but_the_open_ones_says_that_it_needs_a_token(document: dict[str, Any]) -> None:
    open_ = {(method, path) for method, path, operation in operations(document) if "security" not in operation}
    assert open_ == {("get", "/healthz"), ("get", "/readyz"), ("options", "/v1/uploads")}
    for method, path, operation in operations(document):
        if (method, path) not in open_:
            assert "401" in operation["responses"], (method, path)


def test_codes_with_a_status_of_their_own_are_told_under_it() -> None:
    inside = {"token-unknown"}  # of the command line alone
    for code, status in _OF_CODE.items():
        assert code in inside or code in ERRORS[status], code
    assert set(ERRORS) <= set(TITLES)

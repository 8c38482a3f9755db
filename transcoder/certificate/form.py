"""The form of a statement: its types, its canonical bytes (RFC 8785), and its schema (docs/certificate.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from transcoder import resources
from transcoder.errors import CertificateError

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:transcoder:fidelity:1"
SCHEMA_NAME = "certificate.schema.json"


def canonical(statement: Mapping[str, object]) -> bytes:
    """RFC 8785 bytes of a statement.

    :raises CertificateError: where a value has no canonical form.
    """
    try:
        return rfc8785.dumps(statement)  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise CertificateError(f"the statement cannot be written: {error}", code="statement-invalid") from error


def parse(content: bytes) -> dict[str, Any]:
    """Read a statement and hold it against the published schema.

    :raises CertificateError: where it is not canonical JSON of the known type, or breaks the schema.
    """
    import jsonschema

    try:
        statement = json.loads(content)
        exact = isinstance(statement, dict) and rfc8785.dumps(statement) == content
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        raise CertificateError("the certificate is not JSON", code="statement-invalid") from None
    if not exact:
        raise CertificateError("the certificate is not canonical JSON (RFC 8785)", code="statement-invalid")
    if statement.get("predicateType") != PREDICATE_TYPE:
        raise CertificateError(
            f"the certificate is of another kind ({str(statement.get('predicateType'))[:80]})", code="statement-unknown"
        )
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema()).iter_errors(statement))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or "certificate"
        raise CertificateError(f"breaks its schema: {error.message[:160]}", where=where, code="statement-invalid")
    valid: dict[str, Any] = statement
    return valid


def prepare() -> None:
    """Load what ``parse`` needs."""
    import jsonschema

    jsonschema.Draft202012Validator(schema())


def schema() -> dict[str, Any]:
    """The published JSON Schema (2020-12)."""
    text = (resources.folder("docs") / SCHEMA_NAME).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded

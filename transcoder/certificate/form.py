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
    statement = read(content, what="certificate", code="statement-invalid")
    if statement.get("predicateType") != PREDICATE_TYPE:
        raise CertificateError(
            f"the certificate is of another kind ({str(statement.get('predicateType'))[:80]})", code="statement-unknown"
        )
    confirm(statement, schema(), what="certificate", code="statement-invalid")
    return statement


def read(content: bytes, *, what: str, code: str) -> dict[str, Any]:
    """Canonical JSON: there is one way to write a document that is signed.

    :param what: it is, for the message.
    :raises CertificateError: with this code, where it is written otherwise.
    """
    try:
        document = json.loads(content)
        exact = isinstance(document, dict) and rfc8785.dumps(document) == content
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        raise CertificateError(f"the {what} is not JSON", code=code) from None
    if not exact:
        raise CertificateError(f"the {what} is not canonical JSON (RFC 8785)", code=code)
    found: dict[str, Any] = document
    return found


def confirm(document: Mapping[str, Any], published: Mapping[str, Any], *, what: str, code: str) -> None:
    """Hold a document against its published schema.

    :raises CertificateError: with this code, naming the place that breaks it.
    """
    import jsonschema

    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(published).iter_errors(document))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or what
        raise CertificateError(f"breaks its schema: {error.message[:160]}", where=where, code=code)


def prepare() -> None:
    """Load what ``parse`` needs."""
    import jsonschema

    jsonschema.Draft202012Validator(schema())


def schema() -> dict[str, Any]:
    """The published JSON Schema (2020-12)."""
    text = (resources.folder("docs") / SCHEMA_NAME).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded

"""From a statement to its signed bytes: signature, time-stamp, and the warnings that belong inside.

A time-stamp is about the finished signature, and the signature is about the statement. So the statement first says that
there will be one; where none is to be had, it says that instead and is signed anew. A receiver sees by that whether a
time-stamp was taken away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transcoder.certificate import detached, form
from transcoder.certificate.base import Signer, TimeStamper
from transcoder.errors import CertificateError


@dataclass(frozen=True, slots=True)
class Sealed:
    """A statement as it was signed."""

    statement: dict[str, Any]
    content: bytes
    signature: bytes


def seal(
    statement: Mapping[str, Any], signer: Signer, stamper: TimeStamper | None, warnings: Sequence[str] = ()
) -> Sealed:
    """Sign a statement, with a time-stamp where an authority is named and answers.

    :param warnings: what receivers should know about the signer, put into the statement.
    :raises CertificateError: where the key cannot be used; never because of the time-stamping authority.
    """
    if stamper is None:
        return _signed(statement, signer, None, warnings)
    hopeful = _signed(statement, signer, {"authority": stamper.address}, warnings)
    try:
        token = stamper.stamp(detached.signature_value(hopeful.signature))
    except CertificateError as error:
        said = f"no trusted time: {error.message}"
        return _signed(statement, signer, None, [*warnings, said])
    return Sealed(hopeful.statement, hopeful.content, detached.with_token(hopeful.signature, token))


def _signed(
    statement: Mapping[str, Any], signer: Signer, trusted_time: dict[str, str] | None, warnings: Sequence[str]
) -> Sealed:
    full = {**statement, "predicate": {**statement["predicate"], "trusted_time": trusted_time}}
    full["predicate"]["warnings"] = [*full["predicate"].get("warnings", []), *warnings]
    content = form.canonical(full)
    return Sealed(full, content, signer.sign(content))

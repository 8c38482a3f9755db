"""What is done to a master, as preservation events in PREMIS' controlled words.

The words are those of id.loc.gov/vocabulary/preservation/eventType. Certificates list them; exports read them there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from transcoder.model.delivery import Verdict


class EventType(StrEnum):
    """Values are part of the certificate format."""

    DIGEST = "message digest calculation"
    MIGRATION = "migration"
    REPLICATION = "replication"
    VALIDATION = "validation"
    FIXITY = "fixity check"
    SIGNATURE = "digital signature generation"


class Step(StrEnum):
    """What was done, in this tool's words. Values are part of the certificate format."""

    HASH_MASTER = "hash-master"
    MAKE = "make"
    HASH_FILES = "hash-files"
    COMPARE = "compare"
    CONFIRM_MASTER = "confirm-master"
    SIGN = "sign"


_TYPES: Mapping[Step, EventType] = {
    Step.HASH_MASTER: EventType.DIGEST,
    Step.MAKE: EventType.MIGRATION,
    Step.HASH_FILES: EventType.DIGEST,
    Step.COMPARE: EventType.VALIDATION,
    Step.CONFIRM_MASTER: EventType.FIXITY,
    Step.SIGN: EventType.SIGNATURE,
}
_OF_FILES = frozenset((Step.MAKE, Step.HASH_FILES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One thing that was done."""

    step: Step
    type: EventType

    def to_dict(self) -> dict[str, str]:
        """One item of the certificate's ``events``."""
        return {"step": str(self.step), "type": str(self.type)}


def done(verdict: str, *, delivered: bool) -> Sequence[Done]:
    """Everything that was done, in order.

    :param verdict: of the delivery: bytes that are the master's were not migrated.
    :param delivered: whether there are files; a refusal may have none.
    """
    types = {**_TYPES, Step.MAKE: EventType.REPLICATION} if verdict == Verdict.IDENTICAL else _TYPES
    return [Done(step=step, type=types[step]) for step in Step if delivered or step not in _OF_FILES]


def read(listed: Sequence[Mapping[str, str]]) -> Sequence[Done]:
    """What a certificate lists; steps of later versions, which nobody here knows, are left out."""
    known = {str(step) for step in Step}
    return [Done(step=Step(item["step"]), type=EventType(item["type"])) for item in listed if item["step"] in known]

"""What the parent asks the child for, and what it gets: named files in a folder, and an unsigned statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from transcoder.certificate.base import SignerIdentity
from transcoder.model import CaseFields, Fidelity, Override, SourceInfo, Verdict
from transcoder.profile import Profile
from transcoder.provenance import Provenance
from transcoder.report.html import Illustrations

CHUNK = "made-chunk"
"""The file that ``making.help_out`` leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job, without anything that signs or publishes."""

    source: Path
    sha256: str
    profile: Profile
    case: CaseFields
    override: Override | None
    regions: Path | None
    within_s: Fraction | None
    stills: int
    stream: int | None
    clip: tuple[Fraction | None, Fraction | None] | None
    began: float
    """On the monotonic clock, which all processes share."""
    signer: SignerIdentity
    """Its name alone."""
    issued_at: datetime
    chain_pem: str
    """The signer's certificate and those above it, by which the room for a manifest is measured."""
    trusted_pem: str
    """Authorities trusted here, for what the source itself is signed with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFile:
    """One media file under the name it is to have."""

    name: str
    path: Path
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why there are no media."""

    message: str
    hint: str
    floor: bool
    """True where something is small enough, and below a floor."""
    described: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Everything that was found, encoded and measured."""

    source: SourceInfo
    """What was delivered: the master, or a clip of it."""
    stem: str
    verdict: Verdict
    rung: str
    files: tuple[MadeFile, ...]
    fidelity: Fidelity | None
    rejected: tuple[tuple[str, str], ...]
    statement: Mapping[str, Any]
    shown: Illustrations
    refused: Refused | None
    provenance: Provenance
    """What the source is signed with, and what of that is in the media."""

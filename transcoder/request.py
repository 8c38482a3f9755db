"""What a caller asks for, and what the outer layers wire in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder.audit.base import Journal, NoJournal, Sent
from transcoder.certificate.base import Signer, TimeStamper
from transcoder.model import CaseFields, Override, ProgressCallback
from transcoder.parts.chunks import ChunkStore
from transcoder.profile import Profile
from transcoder.sandbox.limits import DEFAULT_POLICY, Policy
from transcoder.storage.base import Store

if TYPE_CHECKING:
    from cryptography import x509

    from transcoder.certificate.trusted import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the outer layers wire in."""

    store: Store
    signer: Signer
    anchors: Sequence[x509.Certificate] | Trust
    now: Callable[[], datetime]
    sandbox: Policy = DEFAULT_POLICY
    """How the process is confined that handles the media."""
    stamper: TimeStamper | None = None
    """Asked when each certificate was signed, where one is named."""
    warnings: Sequence[str] = ()
    """About the signer, for every certificate it signs."""
    audit: Journal = field(default_factory=NoJournal)
    """Where it is written down who did what."""


def ignore_sent(_: Sent) -> None:
    """The callback of a caller who does not mind sending twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One job."""

    source: Path
    profile: Profile
    case: CaseFields
    override: Override | None
    progress: ProgressCallback
    regions: Path | None = None
    """A file of regions that a person marked."""
    with_original: bool = False
    """Also send the untouched source in volumes, as a profile may ask as well."""
    within_s: Fraction | None = None
    """Be ready in this time, with less effort where it must be."""
    stills: int | None = None
    """How many evidence stills of a video go along; None means what the profile says."""
    stream: int | None = None
    """The video stream that is meant, of several; None leaves the choice to the tool."""
    clip: tuple[Fraction | None, Fraction | None] | None = None
    """Only what is shown between two moments, in seconds from the first frame."""
    chunks: ChunkStore | None = None
    """Where parts are kept that outlive this process, and who helps to make them."""
    on_sent: Callable[[Sent], None] = ignore_sent
    """Called before any work where the same was delivered before; an exception raised in it stops the job."""

"""What a source says of where it comes from, read in the child that handles it, and the room our own word takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transcoder.credentials import manifest, others
from transcoder.credentials.others import Messages
from transcoder.credentials.reading import Found, State
from transcoder.model import CaseFields, RegionKind, SourceInfo
from transcoder.profile import Profile

_CLASSES = ("frame", "tile", *RegionKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """The C2PA manifest of a source."""

    found: Found
    bytes: int
    keep: bool
    """True where there is room for it in what is delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Everything a source is signed with."""

    incoming: Incoming | None = None
    others: tuple[Messages, ...] = ()


def look(source: SourceInfo, trusted_pem: str) -> Provenance:
    """Find and validate what a source is signed with, before anything is done to it.

    A manifest that cannot be read is a fact about the source and no reason to stop.
    """
    messages = others.messages(source.path) if source.video is not None else ()
    size = others.manifest_bytes(source)
    if not size:
        return Provenance(others=messages)
    from transcoder.credentials import reading

    found = reading.read(source.path, trusted_pem) or Found(state=State.MALFORMED, codes=("no active manifest",))
    return Provenance(incoming=Incoming(found=found, bytes=size, keep=False), others=messages)


def room_bytes(
    provenance: Provenance, source: SourceInfo, profile: Profile, case: CaseFields, chain_pem: str
) -> tuple[int, Provenance]:
    """What is to be kept free in each file for its manifest, and whether the source's own goes along.

    :returns: 0 where the formats hold none, or the cap is so small that the evidence needs all of it.
    """
    if not _carried(source, profile):
        return 0, provenance
    from transcoder.credentials import embedding

    about = manifest.largest(facts_about(source, profile, case), _CLASSES)
    most, incoming = int(embedding.SHARE * profile.payload_cap_bytes), provenance.incoming
    try:
        if incoming is not None and incoming.found.state is not State.MALFORMED:
            needed = embedding.needed_bytes(about, chain_pem, incoming.bytes)
            if needed <= most:
                kept = Incoming(found=incoming.found, bytes=incoming.bytes, keep=True)
                return needed, Provenance(incoming=kept, others=provenance.others)
        needed = embedding.needed_bytes(about, chain_pem)
    except embedding.EmbeddingError:
        return 0, provenance  # a certificate that the library does not sign with: said where it would be written
    return (needed if needed <= most else 0), provenance


def plain_bytes(source: SourceInfo, profile: Profile, case: CaseFields, chain_pem: str) -> int:
    """What a plain manifest needs, whatever the cap; 0 where none goes into the file."""
    if not _carried(source, profile):
        return 0
    from transcoder.credentials import embedding

    try:
        return embedding.needed_bytes(manifest.largest(facts_about(source, profile, case), _CLASSES), chain_pem)
    except embedding.EmbeddingError:
        return 0


def _carried(source: SourceInfo, profile: Profile) -> bool:
    """Whether files that are made anew of this source can hold a manifest."""
    if source.still is not None and profile.as_documents:
        return False
    formats: Sequence[str] = profile.still.formats if source.still is not None else profile.video.containers
    return any(manifest.carries(name) for name in formats)


def facts_about(source: SourceInfo, profile: Profile, case: CaseFields) -> manifest.Facts:
    """What all files of a delivery have in common."""
    return manifest.Facts(
        title="",
        suffix="",
        source_name=source.name,
        source_suffix=Path(source.name).suffix,
        master_sha256=source.sha256,
        actions=(),
        verdict="",
        profile=profile.name,
        exhibit=case.exhibit,
    )

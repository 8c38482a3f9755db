"""What children do with manifests: one writes them into finished media, one reads what a delivery carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transcoder.credentials import embedding, reading
from transcoder.credentials.embedding import SHARE, EmbeddingError
from transcoder.credentials.manifest import Carrier, Facts, carries
from transcoder.credentials.reading import Found, State
from transcoder.sandbox.child import Context
from transcoder.sandbox.parent import Task

SIDECAR = ".c2pa"
"""The ending that a store beside its file adds to its name."""
NO_ROOM = "the cap leaves no room for a manifest: the evidence comes first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file that is to get a manifest."""

    path: Path
    facts: Facts
    untouched: bool
    """True where its bytes must stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the manifest of one file is."""

    name: str
    carrier: Carrier
    path: Path | None
    """The file with its manifest, or the store beside it; in the work folder."""
    manifest_bytes: int
    with_incoming: bool
    """True where the master's own manifest is in it."""
    note: str


def embed(
    context: Context, items: Sequence[Item], chain_pem: str, trusted_pem: str, cap_bytes: int, parent: Path | None
) -> Sequence[Written]:
    """Write a manifest for every item, embedded where its format and the cap allow it, else beside it.

    :param chain_pem: of the signer; the signature itself is asked for.
    :param parent: the master, where its own manifest is to go along.
    """
    written = []
    for number, item in enumerate(items, start=1):
        context.tick("credentials", number, len(items))
        try:
            made = _one(context, item, chain_pem, trusted_pem, cap_bytes, parent)
        except EmbeddingError as error:
            made = _none(item, str(error))
        written.append(made)
    return written


def _one(
    context: Context, item: Item, chain_pem: str, trusted_pem: str, cap_bytes: int, parent: Path | None
) -> Written:
    facts, target = item.facts, context.work / item.facts.title
    if carries(facts.suffix) and not item.untouched:
        for master in dict.fromkeys((parent, None)):
            store = embedding.write_file(facts, chain_pem, item.path, target, context.ask, master)
            if target.stat().st_size <= cap_bytes:
                _confirm(target, trusted_pem)
                return Written(name=facts.title, carrier=Carrier.EMBEDDED, path=target, manifest_bytes=len(store),
                               with_incoming=master is not None, note="")  # fmt: skip
            target.unlink()
        if len(store) > SHARE * cap_bytes:
            return _none(item, NO_ROOM)
    return _beside(context, item, chain_pem, trusted_pem, cap_bytes)


def _beside(context: Context, item: Item, chain_pem: str, trusted_pem: str, cap_bytes: int) -> Written:
    """A store beside the file, which covers it as it is.

    Of formats that can hold a manifest the library leaves out the places for one, of all others it covers every byte;
    that is also the way with files that are not built as their name says.
    """
    facts, beside = item.facts, context.work / f"{item.facts.title}{SIDECAR}"
    ways = [facts, replace(facts, suffix="")] if carries(facts.suffix) else [replace(facts, suffix="")]
    for last, way in enumerate(ways, start=1 - len(ways)):
        try:
            with item.path.open("rb") as media:
                store = embedding.write(way, chain_pem, media, None, context.ask)
            if len(store) > SHARE * cap_bytes:
                return _none(item, NO_ROOM)
            beside.write_bytes(store)
            _confirm(item.path, trusted_pem, beside)
            break
        except EmbeddingError:
            if last == 0:
                raise
    return Written(name=facts.title, carrier=Carrier.SIDECAR, path=beside, manifest_bytes=len(store),
                   with_incoming=False, note="its bytes stay as they are" if item.untouched else "")  # fmt: skip


def _none(item: Item, why: str) -> Written:
    return Written(
        name=item.facts.title, carrier=Carrier.NONE, path=None, manifest_bytes=0, with_incoming=False, note=why
    )


def _confirm(path: Path, trusted_pem: str, sidecar: Path | None = None) -> None:
    """Read it as a receiver would.

    :raises EmbeddingError: where no reader would take it.
    """
    found = reading.read(path, trusted_pem, sidecar)
    if found is None or found.state in (State.INVALID, State.MALFORMED):
        codes = ", ".join(found.codes) if found is not None else "not found"
        for leftover in (sidecar, path if sidecar is None else None):
            if leftover is not None:
                leftover.unlink()
        raise EmbeddingError(f"a reader would refuse it ({codes})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A file of a delivery, as its certificate describes it."""

    path: Path
    sidecar: Path | None


def check(context: Context, files: Sequence[Carried], trusted_pem: str) -> Sequence[Found | None]:
    """What each file carries."""
    return [reading.read(item.path, trusted_pem, item.sidecar) for item in files]


_MODULES = ("transcoder.credentials.work", "c2pa")
EMBED: Task[Sequence[Written]] = Task("transcoder.credentials.work:embed", Sequence[Written], _MODULES)
CHECK: Task[Sequence[Found | None]] = Task("transcoder.credentials.work:check", Sequence[Found | None], _MODULES)

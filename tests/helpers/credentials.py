"""Manifests for tests, and the second opinion: a reader that shares no code with the one we use."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import encypher_c2pa

from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.credentials import embedding
from transcoder.credentials.manifest import Action, Facts, mime_of
from transcoder.credentials.notary import Notary, chain_pem

FACTS = Facts(
    title="clip.jpg",
    suffix="jpg",
    source_name="master.avi",
    source_suffix="avi",
    master_sha256="ab" * 32,
    actions=(Action(name="c2pa.transcoded"),),
    verdict="meets-floor",
    profile="cps-twif-1mb",
    exhibit="AB/1",
    p1={"frame": 0.91234567, "tile": 0.8},
)


def notary(pair: KeyPair, most: int = 100) -> Notary:
    """A notary with the session's key."""
    signer = PemSigner(pair)
    return Notary(signer.sign_bytes, signer.certificates[0], most)


def chain(pair: KeyPair) -> str:
    """The session's certificates."""
    return chain_pem(PemSigner(pair).certificates)


def embedded(data: bytes, suffix: str, pair: KeyPair, facts: Facts = FACTS) -> bytes:
    """A file with a manifest in it."""
    target = io.BytesIO()
    named = replace(facts, suffix=suffix, title=f"clip.{suffix}")
    embedding.write(named, chain(pair), io.BytesIO(data), target, notary(pair))
    return target.getvalue()


def second_opinion(data: bytes, suffix: str, pair: KeyPair, store: bytes | None = None) -> dict[str, Any]:
    """What the independent reader says; it fetches nothing and reports nothing to anybody."""
    report = encypher_c2pa.verify(
        data,
        mime_of(suffix),
        trust_pem=chain(pair),
        no_default_trust=True,
        telemetry=False,
        online=False,
        manifest_store=store,
    )
    return dict(report)


def second_opinion_of(path: Path, pair: KeyPair) -> dict[str, Any]:
    """The same of a file."""
    return second_opinion(path.read_bytes(), path.suffix[1:], pair)

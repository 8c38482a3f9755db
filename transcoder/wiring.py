"""Wiring only: settings become keys, a store, an audit log and a policy for the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transcoder.audit.base import Journal, NoJournal
from transcoder.audit.log import AuditLog
from transcoder.certificate import keys
from transcoder.certificate.base import Signer
from transcoder.certificate.signer import PemSigner
from transcoder.errors import UsageError
from transcoder.request import Services
from transcoder.settings import Settings
from transcoder.storage import local


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """Where the signing key comes from."""

    folder: Path
    created: bool
    subject: str
    certificate_sha256: str
    self_issued: bool
    valid_until: datetime
    ca_file: Path


def key_status(settings: Settings | None = None) -> KeyStatus:
    """Make the self-issued key where there is none and none is named, and describe the one in use.

    :raises CertificateError: where a named key cannot be used.
    """
    settings = settings or Settings.from_environment()
    created = settings.signer_key is None and keys.initialise(settings.keys_dir)
    pair, ca_file = _load(settings)
    return KeyStatus(
        folder=settings.keys_dir,
        created=created,
        subject=pair.certificate.subject.rfc4514_string(),
        certificate_sha256=keys.fingerprint(pair.certificate),
        self_issued=keys.is_self_issued(pair.certificate),
        valid_until=pair.certificate.not_valid_after_utc,
        ca_file=ca_file,
    )


def _load(settings: Settings) -> tuple[keys.KeyPair, Path]:
    if (settings.signer_key is None) != (settings.signer_cert is None):
        raise UsageError("TRANSCODER_SIGNER_KEY and TRANSCODER_SIGNER_CERT belong together", hint="set both or neither")
    if settings.signer_key is not None and settings.signer_cert is not None:
        pair = keys.load_pair(settings.signer_key, settings.signer_cert, settings.signer_chain)
        return pair, settings.signer_chain or settings.signer_cert
    folder = settings.keys_dir
    keys.initialise(folder)
    pair = keys.load_pair(folder / keys.LEAF_KEY_FILE, folder / keys.LEAF_FILE, folder / keys.CA_FILE)
    return pair, folder / keys.CA_FILE


def services(out: Path, settings: Settings | None = None) -> Services:
    """Everything a job needs, for deliveries into ``out``.

    :raises CertificateError: where the signing key cannot be used.
    """
    settings = settings or Settings.from_environment()
    pair, _ = _load(settings)
    return Services(
        store=local.LocalStore(out),
        signer=PemSigner(pair),
        anchors=pair.chain or (pair.certificate,),
        now=lambda: datetime.now(UTC),
        sandbox=settings.sandbox,
        audit=journal(settings),
    )


def journal(settings: Settings) -> Journal:
    """The audit log, or what keeps nothing where it is off."""
    return audit_log(settings) if settings.audit else NoJournal()


def audit_log(settings: Settings) -> AuditLog:
    """The audit log, also where nothing is added to it; its key is loaded where a checkpoint is due."""

    def signer() -> Signer:
        return PemSigner(_load(settings)[0])

    return AuditLog(settings.home / "audit", signer)


def anchors(ca: Path | None, settings: Settings) -> Sequence[Any]:
    """The authorities to trust: those of a PEM file, else this machine's own.

    :raises CertificateError: where the file cannot be read.
    """
    if ca is not None:
        return keys.load_certificates(ca)
    own = [settings.signer_chain or settings.signer_cert, settings.keys_dir / keys.CA_FILE]
    return [
        certificate
        for path in own
        if path is not None and path.exists()
        for certificate in keys.load_certificates(path)
    ]

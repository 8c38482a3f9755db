"""Wiring only: settings become keys, a store, an audit log, a policy for the sandbox, and whom to trust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder import keyring
from transcoder.audit.base import Journal, NoJournal
from transcoder.audit.log import AuditLog
from transcoder.certificate import keys, rotation
from transcoder.certificate.base import Signer
from transcoder.certificate.trusted import Trust
from transcoder.certificate.trustfolder import Entry, Kind, TrustFolder
from transcoder.errors import UsageError
from transcoder.request import Services
from transcoder.settings import Settings
from transcoder.storage import local

if TYPE_CHECKING:
    from cryptography import x509

    from transcoder.certificate.base import TimeStamper


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
    kind: str
    """In words: where the private key is."""
    warnings: Sequence[str]
    """Certificates that end soon."""


def key_status(settings: Settings | None = None) -> KeyStatus:
    """Make the self-issued key where there is none and none is named, and describe the one in use.

    :raises CertificateError: where a named key cannot be used.
    """
    settings = settings or Settings.from_environment()
    created = not _named(settings) and keys.initialise(settings.keys_dir)
    loaded = keyring.load(settings)
    identity = loaded.signer.identity
    return KeyStatus(
        folder=settings.keys_dir,
        created=created,
        subject=identity.subject,
        certificate_sha256=identity.certificate_sha256,
        self_issued=identity.self_issued,
        valid_until=min(item.not_valid_after_utc for item in loaded.signer.certificates),
        ca_file=loaded.ca_file,
        kind=loaded.kind,
        warnings=loaded.warnings,
    )


def rotate_keys(*, authority: bool, settings: Settings | None = None) -> KeyStatus:
    """Replace the self-issued key, and with ``authority`` the authority above it.

    :raises UsageError: where settings name another key: its owner renews it.
    :raises CertificateError: where there is none yet.
    """
    settings = settings or Settings.from_environment()
    if _named(settings):
        raise UsageError(
            "the key in use is not a self-issued one", hint="renew it where it was made, and name the new certificate"
        )
    rotation.rotate(settings.keys_dir, authority=authority)
    return key_status(settings)


def _named(settings: Settings) -> bool:
    return any((settings.signer_key, settings.signer_cert, settings.pkcs11_module, settings.signer_command))


def services(out: Path, settings: Settings | None = None) -> Services:
    """Everything a job needs, for deliveries into ``out``.

    :raises CertificateError: where the signing key cannot be used.
    :raises UsageError: where settings contradict each other.
    """
    settings = settings or Settings.from_environment()
    loaded = keyring.load(settings)
    trust = Trust(anchors=loaded.anchors, time_anchors=_time_anchors(settings))
    return Services(
        store=local.LocalStore(out),
        signer=loaded.signer,
        anchors=trust,
        now=lambda: datetime.now(UTC),
        sandbox=settings.sandbox,
        audit=journal(settings),
        stamper=_stamper(settings, trust),
        warnings=loaded.warnings,
    )


def journal(settings: Settings) -> Journal:
    """The audit log, or what keeps nothing where it is off."""
    return audit_log(settings) if settings.audit else NoJournal()


def audit_log(settings: Settings) -> AuditLog:
    """The audit log, also where nothing is added to it; its key is loaded where a checkpoint is due."""

    def signer() -> Signer:
        return keyring.load(settings).signer

    return AuditLog(settings.home / "audit", signer)


def _stamper(settings: Settings, trust: Trust) -> TimeStamper | None:
    if settings.tsa_url is None:
        return None
    from transcoder.certificate.timestamp import HttpTimeStamper

    if not trust.time_anchors:
        raise UsageError(
            "TRANSCODER_TSA_URL is set and no authority is trusted for time-stamps",
            hint="name its root's PEM file with TRANSCODER_TSA_CA, or `transcoder trust add FILE --tsa`",
        )
    return HttpTimeStamper(settings.tsa_url, trust, timeout_s=settings.tsa_timeout_s)


def trust_folder(settings: Settings | None = None) -> TrustFolder:
    """The folder of those whom verifying believes."""
    settings = settings or Settings.from_environment()
    return TrustFolder(settings.trust_dir or settings.keys_dir.parent / "trust")


def add_trust(file: Path, *, name: str | None, tsa: bool, settings: Settings | None = None) -> Entry:
    """Take authorities or a revocation list into the trust folder.

    :param tsa: the authorities are of time-stamps.
    :raises CertificateError: where the file is neither, or its list is signed by nobody who is trusted here.
    :raises StorageError: where the name is taken, or the folder cannot be written.
    """
    settings = settings or Settings.from_environment()
    known = [*own_anchors(settings), *_time_anchors(settings)]
    return trust_folder(settings).add(file, name=name, tsa=tsa, known=known)


def anchors(ca: Path | None, settings: Settings) -> Trust:
    """Whom to trust: the authorities of a PEM file, else this machine's own and those of the trust folder.

    Time-stamping authorities and revocation lists are believed either way.

    :raises CertificateError: where a file cannot be read.
    """
    folder = trust_folder(settings)
    return Trust(
        anchors=keys.load_certificates(ca) if ca else [*own_anchors(settings), *folder.authorities(Kind.AUTHORITY)],
        time_anchors=_time_anchors(settings),
        revoked=folder.lists(),
    )


def own_anchors(settings: Settings) -> Sequence[x509.Certificate]:
    """The authorities above this machine's own keys, those before them included.

    :raises CertificateError: where a file cannot be read.
    """
    named = settings.signer_chain or settings.signer_cert
    own = keys.load_certificates(named) if named is not None and named.exists() else ()
    return [*own, *rotation.authorities(settings.keys_dir)]


def _time_anchors(settings: Settings) -> Sequence[x509.Certificate]:
    named = keys.load_certificates(settings.tsa_ca) if settings.tsa_ca else ()
    return [*named, *trust_folder(settings).authorities(Kind.TIME)]

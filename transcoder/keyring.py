"""Which key signs: from settings to a signer, held against its certificate before anything is made."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from transcoder.certificate import chain, keys, rotation
from transcoder.certificate.signer import PemSigner, confirm_key
from transcoder.errors import CertificateError, UsageError
from transcoder.settings import Settings

if TYPE_CHECKING:
    from cryptography import x509

    from transcoder.certificate.base import Signer
    from transcoder.certificate.hsm import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A signer that works, and where it came from."""

    signer: Signer
    kind: str
    """In words: where the private key is."""
    ca_file: Path
    """The file of authorities that receivers need."""
    warnings: Sequence[str]
    """Certificates that end soon."""

    @property
    def anchors(self) -> Sequence[x509.Certificate]:
        """The authorities above it."""
        return self.signer.certificates[1:]


def load(settings: Settings, now: datetime | None = None) -> Loaded:
    """The signer that settings name, or the self-issued one; it has signed something and its chain was judged.

    :raises UsageError: where settings contradict each other.
    :raises CertificateError: where the key cannot be used, is another one, or its certificate is not fit or not valid.
    """
    named = {
        "TRANSCODER_SIGNER_KEY": settings.signer_key,
        "TRANSCODER_PKCS11_MODULE": settings.pkcs11_module,
        "TRANSCODER_SIGNER_COMMAND": settings.signer_command,
    }
    ways = [name for name, value in named.items() if value is not None]
    if len(ways) > 1:
        raise UsageError(f"{' and '.join(ways)} each name a key", hint="set one of them")
    if settings.signer_cert is not None and not ways:
        raise UsageError(
            "TRANSCODER_SIGNER_KEY and TRANSCODER_SIGNER_CERT belong together",
            hint="set both or neither, or say with another setting where the key is",
        )
    if settings.signer_key is not None:
        signer, kind = _pem(settings), "PEM file"
    elif settings.pkcs11_module is not None:
        signer, kind = _hardware(settings), "PKCS#11"
    elif settings.signer_command is not None:
        signer, kind = _command(settings), "signing command"
    else:
        signer, kind = PemSigner(rotation.load(settings.keys_dir)), "self-issued, PEM file"
    confirm_key(signer)
    now = now or datetime.now(UTC)
    _confirm_chain(signer.certificates, now)
    own = settings.signer_chain or settings.signer_cert if ways else settings.keys_dir / keys.CA_FILE
    return Loaded(
        signer=signer,
        kind=kind,
        ca_file=own or Path(),
        warnings=chain.expiring(signer.certificates, now),
    )


def _confirm_chain(certificates: Sequence[x509.Certificate], now: datetime) -> None:
    if len(certificates) == 1:
        raise CertificateError(
            "the authority above the signing key is not named",
            where=certificates[0].subject.rfc4514_string(),
            hint="name its PEM file with TRANSCODER_SIGNER_CHAIN",
            code="chain-unfit",
        )
    for lower, upper in pairwise(certificates):
        if not keys.issued(lower, upper):
            raise CertificateError(
                f"{upper.subject.rfc4514_string()} did not issue {lower.subject.rfc4514_string()}",
                hint="TRANSCODER_SIGNER_CHAIN must hold the authorities above the signer, the nearest first",
                code="chain-unfit",
            )
    chain.judge(certificates, chain.Purpose.SIGNING)
    problem = chain.not_valid_at(certificates, now)
    if problem:
        raise CertificateError(
            f"the signing key cannot be used now: {problem}",
            hint="renew it, or `transcoder keys rotate` where it is self-issued",
            code="signer-not-valid",
        )


def _pem(settings: Settings) -> Signer:
    if settings.signer_cert is None or settings.signer_key is None:
        raise UsageError("TRANSCODER_SIGNER_KEY and TRANSCODER_SIGNER_CERT belong together", hint="set both or neither")
    return PemSigner(keys.load_pair(settings.signer_key, settings.signer_cert, settings.signer_chain))


def _hardware(settings: Settings) -> Signer:
    from transcoder.certificate import hsm

    place = _place(settings)
    leaf = keys.load_certificates(settings.signer_cert)[0] if settings.signer_cert else hsm.certificate_on_token(place)
    return hsm.Pkcs11Signer(place, (leaf, *_authorities(settings)))


def _place(settings: Settings) -> Place:
    from transcoder.certificate.hsm import Place

    if settings.pkcs11_module is None or settings.pkcs11_token is None or settings.pkcs11_key is None:
        raise UsageError("TRANSCODER_PKCS11_MODULE, TRANSCODER_PKCS11_TOKEN and TRANSCODER_PKCS11_KEY belong together")
    pin = settings.pkcs11_pin
    if settings.pkcs11_pin_file is not None:
        try:
            pin = settings.pkcs11_pin_file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError):
            raise CertificateError(
                "the file with the PIN cannot be read", where=str(settings.pkcs11_pin_file), code="key-unreadable"
            ) from None
    if not pin:
        raise UsageError("the token's PIN is missing", hint="set TRANSCODER_PKCS11_PIN_FILE")
    return Place(module=settings.pkcs11_module, token=settings.pkcs11_token, key=settings.pkcs11_key, pin=pin)


def _command(settings: Settings) -> Signer:
    from transcoder.certificate.command import CommandSigner

    try:
        command = shlex.split(settings.signer_command or "")
    except ValueError as error:
        raise UsageError(f"cannot be read: {error}", where="TRANSCODER_SIGNER_COMMAND") from None
    if not command or settings.signer_cert is None:
        raise UsageError("TRANSCODER_SIGNER_COMMAND and TRANSCODER_SIGNER_CERT belong together", hint="set both")
    leaf = keys.load_certificates(settings.signer_cert)[0]
    return CommandSigner(command, (leaf, *_authorities(settings)))


def _authorities(settings: Settings) -> Sequence[x509.Certificate]:
    return keys.load_certificates(settings.signer_chain) if settings.signer_chain else ()

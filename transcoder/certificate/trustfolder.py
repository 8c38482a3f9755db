"""The trust folder: authorities of signers and of time-stamps, and revocation lists, each a file with a name.

``NAME.pem`` holds authorities of signers, ``NAME.tsa.pem`` of time-stamps, ``NAME.crl.pem`` a revocation list. People
may put files there by hand as well; what cannot be read there is an error and is not passed over.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from transcoder.certificate import revocation
from transcoder.certificate.keys import fingerprint, load_certificates
from transcoder.errors import CertificateError, InputError, StorageError, UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MAX_BYTES = 32 << 20


class Kind(StrEnum):
    """What a file in the folder is."""

    AUTHORITY = "authority"
    TIME = "time-stamping authority"
    REVOCATIONS = "revocation list"


_ENDINGS = {Kind.TIME: ".tsa.pem", Kind.REVOCATIONS: ".crl.pem", Kind.AUTHORITY: ".pem"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of the folder."""

    name: str
    kind: Kind
    path: Path
    subjects: tuple[str, ...]
    """Of authorities, or the issuer of a list."""
    sha256: tuple[str, ...]
    """Of each certificate; empty for a list."""
    until: datetime | None
    """When the first of the certificates ends, or a newer list is due."""
    revoked: int | None
    """How many certificates a list takes back."""


class TrustFolder:
    """A folder that need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def entries(self) -> list[Entry]:
        """Everything in it, by name.

        :raises CertificateError: where a file there cannot be read as what its name says.
        """
        return [self._entry(path) for path in sorted(self._folder.glob("*.pem")) if path.is_file()]

    def authorities(self, kind: Kind) -> list[x509.Certificate]:
        """Certificates of one kind of authority."""
        paths = [path for path in sorted(self._folder.glob("*.pem")) if _kind(path) is kind]
        return [certificate for path in paths for certificate in load_certificates(path)]

    def lists(self) -> list[x509.CertificateRevocationList]:
        """Revocation lists; whether each is signed by its authority is judged where it is used."""
        return [self._list(path) for path in sorted(self._folder.glob("*.pem")) if _kind(path) is Kind.REVOCATIONS]

    def add(self, file: Path, *, name: str | None, tsa: bool, known: Sequence[x509.Certificate]) -> Entry:
        """Take a file in: authorities' certificates (PEM or DER), or a revocation list, told apart by content.

        :param name: what it is called from then on; without it, by the file's name. An older list of that name gives
            way to a newer one.
        :param tsa: the authorities are of time-stamps.
        :param known: further authorities that a list may be signed by.
        :raises CertificateError: where it is neither, or a list is signed by nobody who is trusted, or is older.
        :raises StorageError: where the name is taken, or the folder cannot be written.
        """
        data = _read(file)
        listed = revocation.parse(data)
        kind = Kind.REVOCATIONS if listed else Kind.TIME if tsa else Kind.AUTHORITY
        chosen = name if name is not None else re.sub(r"[^A-Za-z0-9_-]+", "-", file.name.split(".")[0]).strip("-")
        if not _NAME.fullmatch(chosen):
            raise UsageError(
                "not a usable name", where=chosen[:80], hint="letters, digits, - and _; give one with --name"
            )
        target = self._folder / f"{chosen}{_ENDINGS[kind]}"
        if listed is not None:
            trusted = [*known, *self.authorities(Kind.AUTHORITY), *self.authorities(Kind.TIME)]
            revocation.confirm(listed, trusted, str(file))
            self._confirm_newer(target, listed)
            self._write(target, listed.public_bytes(Encoding.PEM))
        else:
            if target.exists():
                raise StorageError(
                    f"{chosen} is taken",
                    where=str(target),
                    hint=f"`transcoder trust remove {chosen}`, or another --name",
                )
            certificates = _authorities(data, file)
            self._write(target, b"".join(item.public_bytes(Encoding.PEM) for item in certificates))
        return self._entry(target)

    def remove(self, name: str) -> list[Path]:
        """Remove everything of a name.

        :raises InputError: where there is nothing of that name.
        """
        found = [entry.path for entry in self.entries() if entry.name == name]
        if not found:
            raise InputError("nothing of this name is trusted here", where=name, hint="see `transcoder trust list`")
        try:
            for path in found:
                path.unlink()
        except OSError as error:
            raise StorageError(f"cannot be removed: {error.strerror}", where=str(error.filename)) from None
        return found

    def _confirm_newer(self, target: Path, listed: x509.CertificateRevocationList) -> None:
        if not target.exists():
            return
        before = self._list(target)
        if before.issuer != listed.issuer:
            raise StorageError(
                "a list of another authority has this name", where=str(target), hint="give another one with --name"
            )
        if listed.last_update_utc < before.last_update_utc:
            raise CertificateError(
                f"this list is of {listed.last_update_utc:%Y-%m-%d %H:%M} UTC, an older one than the list that is here "
                f"({before.last_update_utc:%Y-%m-%d %H:%M})",
                where=str(target),
                code="crl-older",
            )

    def _list(self, path: Path) -> x509.CertificateRevocationList:
        listed = revocation.parse(_read(path))
        if listed is None:
            raise CertificateError("no revocation list is in this file", where=str(path), code="crl-invalid")
        return listed

    def _entry(self, path: Path) -> Entry:
        kind = _kind(path)
        name = path.name.removesuffix(_ENDINGS[kind])
        if kind is Kind.REVOCATIONS:
            listed = self._list(path)
            return Entry(
                name=name, kind=kind, path=path, subjects=(listed.issuer.rfc4514_string(),), sha256=(),
                until=listed.next_update_utc, revoked=len(listed),
            )  # fmt: skip
        certificates = load_certificates(path)
        return Entry(
            name=name, kind=kind, path=path,
            subjects=tuple(item.subject.rfc4514_string() for item in certificates),
            sha256=tuple(fingerprint(item) for item in certificates),
            until=min(item.not_valid_after_utc for item in certificates), revoked=None,
        )  # fmt: skip

    def _write(self, target: Path, data: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, fresh = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(fresh).chmod(0o644)
            Path(fresh).replace(target)
        except OSError as error:
            raise StorageError(f"cannot write the trust folder: {error.strerror}", where=str(self._folder)) from None


def _kind(path: Path) -> Kind:
    return next(kind for kind, ending in _ENDINGS.items() if path.name.endswith(ending))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), code="input-unreadable") from None
    if len(data) > _MAX_BYTES:
        raise InputError(f"is larger than {_MAX_BYTES} bytes", where=str(path))
    return data


def _authorities(data: bytes, file: Path) -> list[x509.Certificate]:
    """The certificates of a file, all of them authorities: a signer's own certificate is not to be trusted as one."""
    try:
        pem = b"-----BEGIN CERTIFICATE-----" in data
        certificates = x509.load_pem_x509_certificates(data) if pem else [x509.load_der_x509_certificate(data)]
    except ValueError:
        raise CertificateError(
            "holds neither certificates nor a revocation list (PEM or DER)", where=str(file), code="trust-unreadable"
        ) from None
    for certificate in certificates:
        try:
            authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (ValueError, x509.ExtensionNotFound):
            authority = False
        if not authority:
            raise CertificateError(
                f"{certificate.subject.rfc4514_string()} is no authority's certificate",
                where=str(file),
                hint="ask for the certificate of the authority that issued it",
                code="trust-no-authority",
            )
    return certificates

"""The folder of the self-issued key over the years: a new key, a new authority, and those before, which stay trusted.

Readers and the one who changes the folder take turns by a lock on it. A change is written beside, becomes valid by one
renaming, and is then moved into place; whoever comes after a crash in between finishes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from transcoder.certificate import keys
from transcoder.certificate.keys import CA_FILE, CA_KEY_FILE, LEAF_FILE, LEAF_KEY_FILE, KeyPair
from transcoder.errors import CertificateError, StorageError

_OLD, _NEXT, _COMMITTED = "old", ".next", ".committed"
_SHORT = 16


def load(folder: Path) -> KeyPair:
    """The self-issued key in use; makes it where there is none.

    :raises StorageError: where the folder cannot be written.
    :raises CertificateError: where what is there cannot be used.
    """
    keys.initialise(folder)
    try:
        if (folder / _COMMITTED).exists():  # somebody is at it, or was stopped
            with _locked(folder, fcntl.LOCK_EX):
                _finish(folder)
        with _locked(folder, fcntl.LOCK_SH):
            return keys.load_pair(folder / LEAF_KEY_FILE, folder / LEAF_FILE, folder / CA_FILE)
    except OSError as error:
        raise StorageError(f"cannot use the folder of keys: {error.strerror}", where=str(folder)) from None


def authorities(folder: Path) -> list[x509.Certificate]:
    """The authority in use and those before it; none where no key was made yet."""
    files = [folder / CA_FILE, *sorted((folder / _OLD).glob("ca-*.pem"))]
    return [certificate for file in files if file.exists() for certificate in keys.load_certificates(file)]


def rotate(folder: Path, *, authority: bool) -> None:
    """Put a new signing key in place of the one in use; the old private key is removed, certificates are kept.

    :param authority: make a new authority as well.
    :raises CertificateError: where there is no key yet, or the authority's own key is not there to sign with.
    :raises StorageError: where the folder cannot be written.
    """
    if not (folder / LEAF_FILE).exists():
        raise CertificateError(
            "there is no self-issued key to rotate", where=str(folder), hint="run `transcoder keys init`"
        )
    try:
        with _locked(folder, fcntl.LOCK_EX):
            _finish(folder)
            _keep(folder)
            shutil.rmtree(folder / _NEXT, ignore_errors=True)
            (folder / _NEXT).mkdir(mode=0o700)
            keys.write_set(folder / _NEXT, None if authority else _authority(folder))
            (folder / _NEXT).rename(folder / _COMMITTED)
            _finish(folder)
    except OSError as error:
        raise StorageError(f"cannot rotate the signing key: {error.strerror}", where=str(folder)) from None


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    if not (folder / CA_KEY_FILE).exists():
        raise CertificateError(
            "the authority's own key is not here, so it cannot certify a new signing key",
            where=str(folder / CA_KEY_FILE),
            hint="put it back for the time of this command, or make a new authority with --authority",
            code="key-unreadable",
        )
    above = keys.load_pair(folder / CA_KEY_FILE, folder / CA_FILE, None)
    return above.certificate, above.key


def _keep(folder: Path) -> None:
    """Copy the certificates in use to those before."""
    (folder / _OLD).mkdir(exist_ok=True)
    for name in (CA_FILE, LEAF_FILE):
        digest = keys.fingerprint(keys.load_certificates(folder / name)[0])[:_SHORT]
        target = folder / _OLD / f"{Path(name).stem}-{digest}.pem"
        fresh = target.with_suffix(".new")
        shutil.copyfile(folder / name, fresh)
        fresh.replace(target)


def _finish(folder: Path) -> None:
    committed = folder / _COMMITTED
    if not committed.exists():
        return
    for item in sorted(committed.iterdir()):
        item.replace(folder / item.name)
    committed.rmdir()


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks; then nobody else is told
            fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)

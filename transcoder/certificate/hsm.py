"""Signing with a key that never leaves its hardware, over PKCS#11.

``python-pkcs11`` was taken of the two kept bindings: it is typed, wraps sessions and their errors, and needs nothing
but asn1crypto, which is here already (PyKCS11 leaves attributes and return codes to its caller). It is an optional
extra: who signs with PEM files loads no vendor's library.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from transcoder.certificate.signer import CertifiedSigner
from transcoder.errors import CertificateError

if TYPE_CHECKING:
    import pkcs11

_HALF_BYTES = 32
_LOCK = threading.Lock()
"""PKCS#11 logs a whole process in and out, not a session: one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a key is."""

    module: Path
    """The vendor's PKCS#11 library."""
    token: str
    """Label of the token."""
    key: str
    """Label of the private key, and of its certificate where that is on the token too."""
    pin: str = field(repr=False)


class Pkcs11Signer(CertifiedSigner):
    """Signs in a hardware module (or one in software, such as SoftHSM)."""

    def __init__(self, place: Place, certificates: Sequence[x509.Certificate]) -> None:
        super().__init__(certificates)
        self._place = place

    def sign_bytes(self, data: bytes) -> bytes:
        """A plain ECDSA signature over the SHA-256 of ``data``, in DER.

        A session is opened for each signature: a module that was restarted or put in again is used without a restart
        of ours.

        :raises CertificateError: where module, token, PIN or key cannot be used.
        """
        with _session(self._place) as session:
            import pkcs11

            key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self._place.key)
            # Hashed here: many modules sign a digest only, and what is signed may be long.
            raw = bytes(key.sign(hashlib.sha256(data).digest(), mechanism=pkcs11.Mechanism.ECDSA))  # type: ignore[attr-defined]
        if len(raw) != 2 * _HALF_BYTES:
            raise _failed(self._place, f"gave a signature of {len(raw)} bytes; the key is not an EC key on P-256")
        return encode_dss_signature(int.from_bytes(raw[:_HALF_BYTES]), int.from_bytes(raw[_HALF_BYTES:]))


def certificate_on_token(place: Place) -> x509.Certificate:
    """The certificate that is kept beside the key.

    :raises CertificateError: where there is none.
    """
    import_pkcs11()
    with _session(place) as session:
        import pkcs11

        wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE, pkcs11.Attribute.LABEL: place.key}
        found = [bytes(item[pkcs11.Attribute.VALUE]) for item in session.get_objects(wanted)]
    if len(found) != 1:
        raise CertificateError(
            f"{len(found)} certificates with the label {place.key!r} are on the token",
            where=place.token,
            hint="name the certificate's PEM file with TRANSCODER_SIGNER_CERT",
            code="key-unreadable",
        )
    return x509.load_der_x509_certificate(found[0])


def import_pkcs11() -> None:
    """Check that the optional package is there.

    :raises CertificateError: where it is not.
    """
    try:
        import pkcs11  # noqa: F401
    except ImportError:
        raise CertificateError(
            "keys in hardware need the package python-pkcs11",
            hint="install the extra: evidence-transcoder[hsm]",
            code="key-unreadable",
        ) from None


@contextmanager
def _session(place: Place) -> Iterator[pkcs11.Session]:
    import_pkcs11()
    import pkcs11
    from pkcs11 import exceptions

    with _LOCK:
        try:
            token = pkcs11.lib(str(place.module)).get_token(token_label=place.token)
            with token.open(user_pin=place.pin) as session:
                yield session
        except exceptions.NoSuchToken:
            raise _failed(place, "has no such token") from None
        except (exceptions.PinIncorrect, exceptions.PinLenRange, exceptions.PinInvalid):
            raise _failed(place, "refuses the PIN; too many wrong ones lock the token") from None
        except exceptions.PinLocked:
            raise _failed(place, "has locked the token after too many wrong PINs") from None
        except (exceptions.NoSuchKey, exceptions.MultipleObjectsReturned) as error:
            number = "no private key" if isinstance(error, exceptions.NoSuchKey) else "several private keys"
            raise _failed(place, f"has {number} with the label {place.key!r} on the token") from None
        except exceptions.PKCS11Error as error:
            raise _failed(place, f"failed ({type(error).__name__} {error})") from None
        except (OSError, RuntimeError) as error:
            raise _failed(place, f"cannot be loaded ({error})") from None


def _failed(place: Place, what: str) -> CertificateError:
    return CertificateError(
        f"the PKCS#11 module {place.module} {what}", where=f"token {place.token!r}", code="signer-hardware-failed"
    )

"""The parent's side: it signs claims that a child asks it to sign, and nothing else, and not for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from transcoder.credentials import store
from transcoder.sandbox.wire import WireError

_LONGEST_BYTES = 64 << 10


class Notary:
    """Answers questions of the child that embeds manifests: the bytes to be signed, and back comes the signature.

    :param sign: the signer's ``sign_bytes``.
    :param leaf: the certificate in the name of which is signed.
    :param most: how often, at most.
    """

    def __init__(self, sign: Callable[[bytes], bytes], leaf: x509.Certificate, most: int) -> None:
        self._sign, self._leaf, self._left = sign, leaf.public_bytes(Encoding.DER), most

    def __call__(self, data: bytes) -> bytes:
        """:raises WireError: where it is no claim in this signer's name, or one more than was agreed."""
        if self._left <= 0:
            raise WireError("a wish for more signatures than there are files")
        self._left -= 1
        try:
            protected, claim = store.parse_to_be_signed(data)
            own = store.leaf_of(protected) == self._leaf
        except store.StoreError as error:
            raise WireError(f"a wish to have signed what is no claim ({error})") from None
        # A CMS signature covers attributes, which begin as an ASN.1 SET: this can never pass for one.
        if not own or len(data) > _LONGEST_BYTES or claim[:1] < b"\xa0" or claim[:1] > b"\xbb":
            raise WireError("a wish to have signed what is no claim of this signer's")
        return raw_signature(self._sign(data))


def raw_signature(der: bytes) -> bytes:
    """A DER-encoded ECDSA signature on P-256 as COSE has it: r and s, 32 bytes each.

    :raises ValueError: where it is none.
    """
    r, s = decode_dss_signature(der)
    try:
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except OverflowError:
        raise ValueError("no signature on P-256") from None


def chain_pem(certificates: Sequence[x509.Certificate]) -> str:
    """Certificates as one PEM text, in their order."""
    return "".join(item.public_bytes(Encoding.PEM).decode("ascii") for item in certificates)

"""Reading a time-stamp token (RFC 3161) strictly and offline: every byte must be accounted for here as well.

The token is a CMS of its own inside the signature. The mathematics covers what the authority signed; the rest is held
against the one form that ``tidied`` gives it before it is put in, so that a flipped byte shows. Whose clock it is, and
whether that is trusted, is a separate question (``trusted.time_stamp``).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from transcoder.certificate.base import TimeStampFacts
from transcoder.certificate.keys import fingerprint, issued
from transcoder.errors import CertificateError

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_ESS_HASHES = frozenset((*_HASHES, "sha1"))
"""Identifiers of the authority's certificate may still be by SHA-1 (RFC 2634): a second one to fit is out of reach."""
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")
_ECDSA = {
    bytes.fromhex("300a06082a8648ce3d040302"): "sha256",
    bytes.fromhex("300a06082a8648ce3d040303"): "sha384",
    bytes.fromhex("300a06082a8648ce3d040304"): "sha512",
}
_RSA_NAMES = frozenset(("sha256_rsa", "sha384_rsa", "sha512_rsa"))


def tidied(token: bytes) -> bytes:
    """A token without what its signature does not need: unsigned extras and certificates beside the chain.

    Authorities send what they like there, and none of it is signed: in one form, a changed byte can be told.

    :raises CertificateError: where it is no token.
    """
    try:
        info = cms.ContentInfo.load(token, strict=True)
        data = info["content"]
        signer = data["signer_infos"][0]
        if signer["signature_algorithm"]["algorithm"].native in _RSA_NAMES:
            # Says the same as the digest algorithm beside it; RFC 3370 allows both ways of writing it.
            signer["signature_algorithm"] = {"algorithm": "rsassa_pkcs1v15", "parameters": core.Null()}
        del data["crls"], signer["unsigned_attrs"]
        carried = [x509.load_der_x509_certificate(item.chosen.dump()) for item in data["certificates"]]
        chain = [item.public_bytes(Encoding.DER) for item in _chain(carried, signer)]
        data["certificates"] = [cms.CertificateChoices.load(item) for item in chain]
        der: bytes = info.dump(force=True)
    except CertificateError:
        raise
    except Exception as error:  # noqa: BLE001 - bytes from the network may fail a parser in any way
        raise _bad(f"cannot be read ({type(error).__name__})") from None
    return der


def read(token: bytes, stamped: bytes) -> TimeStampFacts:
    """Check that a token is about ``stamped`` and holds; trust in the authority is a separate question.

    :param token: DER of a ContentInfo.
    :raises CertificateError: naming what does not hold (``time-stamp-invalid``).
    """
    try:
        return _read(token, stamped)
    except CertificateError:
        raise
    except Exception as error:  # noqa: BLE001 - a parser of hostile bytes may fail in any way; all mean "not valid"
        raise _bad(f"cannot be read ({type(error).__name__})") from None


def _bad(message: str) -> CertificateError:
    return CertificateError(f"the time-stamp {message}", code="time-stamp-invalid")


def _read(token: bytes, stamped: bytes) -> TimeStampFacts:
    info = cms.ContentInfo.load(token, strict=True)
    if info["content_type"].native != "signed_data" or info.dump(force=True) != token:
        raise _bad("is not a plain CMS SignedData structure")
    data = info["content"]
    encapsulated = data["encap_content_info"]
    if data["version"].native != "v3" or encapsulated["content_type"].native != "tst_info":
        raise _bad("is not about a time")
    if len(data["signer_infos"]) != 1 or data["crls"].native:
        raise _bad("must have one signer and no revocation list")
    signer = data["signer_infos"][0]
    if signer["version"].native != "v1" or signer["unsigned_attrs"].native:
        raise _bad("is not of the form it is put in with")
    digest = _digest(signer["digest_algorithm"])
    if [_digest(item) for item in data["digest_algorithms"]] != [digest]:
        raise _bad("names digest algorithms that are not used")
    chain = _chain([x509.load_der_x509_certificate(item.chosen.dump()) for item in data["certificates"]], signer)
    if len(chain) != len(data["certificates"]):
        raise _bad("carries certificates that do not belong to its authority")
    content: bytes = bytes(encapsulated["content"])
    _attributes(signer, chain[0], hashlib.new(digest, content).digest())
    _signature(signer, chain[0], digest)
    return _about(tsp.TSTInfo.load(content, strict=True), chain, stamped)


def _digest(algorithm: core.Sequence) -> str:
    name = algorithm["algorithm"].native
    if name not in _HASHES or not isinstance(algorithm["parameters"], core.Null | core.NoValue | core.Void):
        raise _bad("uses another digest than SHA-256, SHA-384 or SHA-512")
    return str(name)


def _chain(carried: Sequence[x509.Certificate], signer: cms.SignerInfo) -> tuple[x509.Certificate, ...]:
    """The authority's certificate and those above it, as far as they are carried."""
    if signer["sid"].name != "issuer_and_serial_number":
        raise _bad("does not name its authority by issuer and serial number")
    serial = signer["sid"].chosen["serial_number"].native
    issuer = signer["sid"].chosen["issuer"].dump()
    leaves = [c for c in carried if c.serial_number == serial and c.issuer.public_bytes() == issuer]
    if len(leaves) != 1:
        raise _bad("lacks its authority's certificate, or has it twice")
    chain, rest = [leaves[0]], [c for c in carried if c is not leaves[0]]
    while (above := next((c for c in rest if issued(chain[-1], c)), None)) is not None:
        rest.remove(above)
        chain.append(above)
    top = chain[-1]
    if len(chain) > 1 and top.subject == top.issuer and not issued(top, top):
        raise _bad("carries an authority whose own signature does not hold")
    return tuple(chain)


def _attributes(signer: cms.SignerInfo, leaf: x509.Certificate, expected: bytes) -> None:
    attributes = {item["type"].native: item["values"] for item in signer["signed_attrs"]}
    if len(attributes) != len(signer["signed_attrs"]) or any(len(values) != 1 for values in attributes.values()):
        raise _bad("repeats signed attributes")
    if not {"content_type", "message_digest"} <= attributes.keys():
        raise _bad("lacks signed attributes")
    if attributes["content_type"][0].native != "tst_info":
        raise _bad("is signed as something else")
    if not hmac.compare_digest(attributes["message_digest"][0].native, expected):
        raise _bad("was changed after it was signed")
    der, named = leaf.public_bytes(Encoding.DER), 0
    for name in ("signing_certificate", "signing_certificate_v2"):
        if name not in attributes:
            continue
        first = attributes[name][0]["certs"][0]
        kind = first["hash_algorithm"]["algorithm"].native if name == "signing_certificate_v2" else "sha1"
        if kind not in _ESS_HASHES or hashlib.new(kind, der).digest() != first["cert_hash"].native:
            raise _bad("names another certificate of its authority than it carries")
        named += 1
    if not named:
        raise _bad("does not name its authority's certificate")


def _signature(signer: cms.SignerInfo, leaf: x509.Certificate, digest: str) -> None:
    key, algorithm = leaf.public_key(), signer["signature_algorithm"].dump()
    covered = b"\x31" + signer["signed_attrs"].dump()[1:]
    value = signer["signature"].native
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm == _RSA:
            key.verify(value, covered, padding.PKCS1v15(), _HASHES[digest])
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _ECDSA:
            key.verify(value, covered, ec.ECDSA(_HASHES[_ECDSA[algorithm]]))
        else:
            raise _bad("is signed in another way than RSA (PKCS #1) or ECDSA")
    except InvalidSignature:
        raise _bad("has a signature that does not match") from None


def _about(told: tsp.TSTInfo, chain: tuple[x509.Certificate, ...], stamped: bytes) -> TimeStampFacts:
    imprint = told["message_imprint"]
    if told["version"].native != "v1" or _digest(imprint["hash_algorithm"]) != "sha256":
        raise _bad("is not about a SHA-256")
    if not hmac.compare_digest(imprint["hashed_message"].native, hashlib.sha256(stamped).digest()):
        raise _bad("is about something else than this signature")
    moment: datetime = told["gen_time"].native
    return TimeStampFacts(
        moment=moment,
        authority=chain[0].subject.rfc4514_string(),
        certificate_sha256=fingerprint(chain[0]),
        serial=told["serial_number"].native,
        nonce=told["nonce"].native,
        chain=chain,
    )

"""Checking a detached CMS signature, strictly: every byte of the file must be accounted for.

A lenient parser accepts signatures with changed version numbers, odd algorithm parameters or extra
certificates, because the mathematics does not cover them. Here anything but the exact form that RFC 5652
and our signer prescribe is refused, so that one flipped byte anywhere is found. One unsigned attribute is let in: a
time-stamp over the signature, which ``token`` reads as strictly.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from transcoder.certificate import token
from transcoder.certificate.base import SignatureFacts, TimeStampFacts
from transcoder.certificate.keys import fingerprint, is_self_issued, issued
from transcoder.errors import CertificateError

_SHA256 = bytes.fromhex("300b0609608648016503040201")
_SHA256_NULL = bytes.fromhex("300d06096086480165030402010500")
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_MAX_BYTES = 1 << 20


def verify_detached(content: bytes, signature: bytes) -> SignatureFacts:
    """Check that a signature covers ``content``; trust in the signer is a separate question.

    :raises CertificateError: naming what does not hold.
    """
    try:
        return _verify(content, signature)
    except CertificateError:
        raise
    except Exception as error:  # noqa: BLE001 - a parser of hostile bytes may fail in any way; all mean "not valid"
        raise _bad(f"the signature cannot be read ({type(error).__name__})") from None


def _bad(message: str) -> CertificateError:
    return CertificateError(message, code="signature-invalid")


def _verify(content: bytes, signature: bytes) -> SignatureFacts:
    if len(signature) > _MAX_BYTES:
        raise _bad("the signature file is too large")
    info = cms.ContentInfo.load(signature, strict=True)
    if info["content_type"].native != "signed_data" or info.dump(force=True) != signature:
        raise _bad("the signature file is not a plain CMS SignedData structure")
    data = info["content"]
    signer = _only_signer(data)
    leaf, chain = _certificates(data, signer)
    attributes = signer["signed_attrs"]
    facts = {item["type"].native: item["values"] for item in attributes}
    if len(facts) != len(attributes) or any(len(values) != 1 for values in facts.values()):
        raise _bad("signed attributes are repeated")
    if set(facts) != {"content_type", "message_digest", "signing_time"}:
        raise _bad("the signed attributes are not the ones this signature form has")
    if facts["content_type"][0].native != "data":
        raise _bad("the signature covers another type of content")
    if not hmac.compare_digest(facts["message_digest"][0].native, hashlib.sha256(content).digest()):
        raise CertificateError("the certificate was changed after it was signed", code="content-changed")
    signed_at: datetime = facts["signing_time"][0].native
    public_key = leaf.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise _bad("the signer's key is not an elliptic-curve key")
    # The signature covers the attributes as a SET OF, not with the context tag they are stored under.
    covered = b"\x31" + attributes.dump()[1:]
    try:
        public_key.verify(signer["signature"].native, covered, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise _bad("the signature does not match") from None
    return SignatureFacts(
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        certificate_sha256=fingerprint(leaf),
        signed_at=signed_at,
        chain=chain,
        self_issued=is_self_issued(leaf),
        time_stamp=_time_stamp(signer),
    )


def _time_stamp(signer: cms.SignerInfo) -> TimeStampFacts | None:
    attributes = signer["unsigned_attrs"]
    if not attributes.native:
        if attributes.dump():
            raise _bad("the signature carries an empty list of attributes")
        return None
    if len(attributes) != 1 or attributes[0]["type"].native != "signature_time_stamp_token":
        raise _bad("the signature carries unsigned attributes that are no time-stamp")
    if len(attributes[0]["values"]) != 1:
        raise _bad("the signature carries several time-stamps")
    return token.read(attributes[0]["values"][0].dump(), signer["signature"].native)


def _only_signer(data: cms.SignedData) -> cms.SignerInfo:
    encapsulated = data["encap_content_info"]
    if data["version"].native != "v1" or len(data["signer_infos"]) != 1:
        raise _bad("there must be exactly one signer")
    if [item.dump() for item in data["digest_algorithms"]] not in ([_SHA256], [_SHA256_NULL]):
        raise _bad("the digest algorithm is not SHA-256")
    if encapsulated["content_type"].native != "data" or encapsulated["content"].native is not None:
        raise _bad("the signature is not detached")
    if data["crls"].native:
        raise _bad("the signature carries a revocation list")
    signer = data["signer_infos"][0]
    if signer["version"].native != "v1" or signer["sid"].name != "issuer_and_serial_number":
        raise _bad("the signer is not named by issuer and serial number")
    if signer["digest_algorithm"].dump() not in (_SHA256, _SHA256_NULL):
        raise _bad("the signer's digest is not SHA-256")
    if signer["signature_algorithm"].dump() != _ECDSA_SHA256:
        raise _bad("the signature algorithm is not ECDSA with SHA-256")
    return signer


def _certificates(
    data: cms.SignedData, signer: cms.SignerInfo
) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    carried = [x509.load_der_x509_certificate(item.chosen.dump()) for item in data["certificates"]]
    serial = signer["sid"].chosen["serial_number"].native
    issuer = signer["sid"].chosen["issuer"].dump()
    leaves = [c for c in carried if c.serial_number == serial and c.issuer.public_bytes() == issuer]
    if len(leaves) != 1:
        raise _bad("the signer's certificate is missing or there twice")
    chain = [leaves[0]]
    rest = [c for c in carried if c is not leaves[0]]
    while rest:
        above = next((c for c in rest if issued(chain[-1], c)), None)
        if above is None:
            raise _bad("a certificate in the signature does not belong to the signer's chain")
        rest.remove(above)
        chain.append(above)
    top = chain[-1]
    if len(chain) > 1 and top.subject == top.issuer and not issued(top, top):
        raise _bad("the authority's own signature does not hold")
    return leaves[0], tuple(chain)

"""Making a detached CMS signature, in the one form that ``cms`` reads, around any way to sign bytes.

One builder for every kind of key: a PEM file, a hardware module and a signing service differ only in ``sign_bytes``,
so that nobody can tell from a signature's form where its key lives, and a new kind cannot bring a form of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from transcoder.model import require_aware

_DIGEST = {"algorithm": "sha256", "parameters": None}


def build(
    content: bytes, certificates: Sequence[x509.Certificate], sign_bytes: Callable[[bytes], bytes], at: datetime
) -> bytes:
    """Sign ``content``; the signature carries the certificates and not the content.

    :param certificates: the signer's, then the authorities above it.
    :param sign_bytes: gives an ECDSA signature in DER over the SHA-256 of what it gets.
    :param at: when this happens, by the signer's clock.
    :returns: DER of a ContentInfo with SignedData.
    """
    carried = [asn1_x509.Certificate.load(item.public_bytes(Encoding.DER)) for item in certificates]
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["data"]},
            {"type": "signing_time", "values": [_time(at)]},
            {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
        ]
    )
    signer = {
        "version": "v1",
        "sid": {"issuer_and_serial_number": {"issuer": carried[0].issuer, "serial_number": carried[0].serial_number}},
        "digest_algorithm": _DIGEST,
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        # What is signed is the attributes as a SET OF, not with the context tag they are stored under.
        "signature": sign_bytes(attributes.dump()),
    }
    signed = {
        "version": "v1",
        "digest_algorithms": [_DIGEST],
        "encap_content_info": {"content_type": "data"},
        "certificates": carried,
        "signer_infos": [signer],
    }
    der: bytes = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)}).dump()
    return der


def _time(at: datetime) -> cms.Time:
    moment = require_aware(at).astimezone(UTC).replace(microsecond=0)
    # RFC 5652, 11.3: two digits of the year up to 2049, four from then on.
    return cms.Time(name="utc_time" if moment.year < 2050 else "general_time", value=moment)


def signature_value(signature: bytes) -> bytes:
    """The bytes that a time-stamp is about: the ECDSA signature inside."""
    signer = cms.ContentInfo.load(signature, strict=True)["content"]["signer_infos"][0]
    value: bytes = signer["signature"].native
    return value


def with_token(signature: bytes, token: bytes) -> bytes:
    """The signature with a time-stamp token put in as its only unsigned attribute (RFC 3161, appendix A).

    :param token: DER of the token, a ContentInfo.
    """
    info = cms.ContentInfo.load(signature, strict=True)
    info["content"]["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes(
        [{"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(token, strict=True)]}]
    )
    der: bytes = info.dump(force=True)
    return der

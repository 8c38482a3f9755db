"""A time-stamping authority for tests: makes tokens as RFC 3161 says, and as nobody should, and serves them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.helpers import authorities

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A key with a time-stamping certificate, and how it misbehaves."""

    key: Key
    chain: tuple[x509.Certificate, ...]
    """Its own certificate, then its root's."""
    moment: datetime | None = None
    """What it says the time is; None for the real one."""
    imprint: bytes | None = None
    """What its tokens are about, instead of what was asked."""
    carried: tuple[x509.Certificate, ...] | None = None
    """What its tokens carry, instead of the chain."""
    named: x509.Certificate | None = None
    """The certificate that its tokens name as its own, instead of its own."""
    unsigned: bool = False
    """Adds an attribute nobody signed, as some authorities do."""
    named_rsa: str = "rsassa_pkcs1v15"
    """How the RSA algorithm is written."""
    ess: str = "signing_certificate_v2"
    nonce: int | None = None
    """Another nonce than the one asked for."""

    @property
    def root(self) -> x509.Certificate:
        """What receivers trust."""
        return self.chain[-1]

    def but(self, **changes: Any) -> Authority:
        """The same one, misbehaving."""
        return replace(self, **changes)

    def token(self, stamped: bytes, nonce: int | None = None) -> bytes:
        """A token about the SHA-256 of ``stamped``."""
        return self._token(hashlib.sha256(stamped).digest(), nonce)

    def answer(self, request: bytes) -> bytes:
        """What is sent back over HTTP."""
        asked = tsp.TimeStampReq.load(request)
        assert asked["cert_req"].native
        assert asked["message_imprint"]["hash_algorithm"]["algorithm"].native == "sha256"
        token = self._token(asked["message_imprint"]["hashed_message"].native, asked["nonce"].native)
        made: bytes = tsp.TimeStampResp(
            {"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(token)}
        ).dump()
        return made

    def _token(self, imprint: bytes, nonce: int | None) -> bytes:
        told = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4",
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": self.imprint or imprint,
                },
                "serial_number": 4711,
                "gen_time": (self.moment or datetime.now(UTC)).replace(microsecond=0),
                **({"nonce": self.nonce or nonce} if (self.nonce or nonce) is not None else {}),
            }
        )
        leaf = asn1_x509.Certificate.load(self.chain[0].public_bytes(Encoding.DER))
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(told.dump()).digest()]},
                self._identified(),
            ]
        )
        covered = attributes.dump()
        if isinstance(self.key, rsa.RSAPrivateKey):
            value = self.key.sign(covered, padding.PKCS1v15(), hashes.SHA256())
            algorithm = {"algorithm": self.named_rsa, "parameters": core.Null()}
        else:
            value = self.key.sign(covered, ec.ECDSA(hashes.SHA256()))
            algorithm = {"algorithm": "sha256_ecdsa"}
        signer: dict[str, Any] = {
            "version": "v1",
            "sid": {"issuer_and_serial_number": {"issuer": leaf.issuer, "serial_number": leaf.serial_number}},
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": algorithm,
            "signature": value,
        }
        if self.unsigned:
            signer["unsigned_attrs"] = cms.CMSAttributes([{"type": "1.2.3.4.5", "values": [core.Integer(1)]}])
        carried = self.chain if self.carried is None else self.carried
        data = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(told.dump())},
                "certificates": [asn1_x509.Certificate.load(item.public_bytes(Encoding.DER)) for item in carried],
                "signer_infos": [signer],
            }
        )
        made: bytes = cms.ContentInfo({"content_type": "signed_data", "content": data}).dump()
        return made

    def _identified(self) -> dict[str, object]:
        der = (self.named or self.chain[0]).public_bytes(Encoding.DER)
        if self.ess == "signing_certificate":
            digest = hashlib.sha1(der).digest()
            return {"type": self.ess, "values": [tsp.SigningCertificate({"certs": [{"cert_hash": digest}]})]}
        digest = hashlib.sha256(der).digest()
        return {"type": self.ess, "values": [tsp.SigningCertificateV2({"certs": [{"cert_hash": digest}]})]}


def authority(
    *, kind: str = "ec", start: datetime | None = None, end: datetime | None = None, purposes: str = "time"
) -> Authority:
    """A new one under a root of its own."""
    return authority_with_root_key(kind=kind, start=start, end=end, purposes=purposes)[0]


def authority_with_root_key(
    *, kind: str = "ec", start: datetime | None = None, end: datetime | None = None, purposes: str = "time"
) -> tuple[Authority, Key]:
    """A new one, and the key of its root.

    :param kind: ``ec`` or ``rsa``.
    :param purposes: ``time``, ``mail`` or ``both``: the extended key usage of its certificate.
    """
    make: Callable[[], Key] = (
        (lambda: rsa.generate_private_key(65537, 2048))
        if kind == "rsa"
        else lambda: ec.generate_private_key(ec.SECP256R1())
    )
    root_key, key = make(), make()
    root = authorities.certificate(
        "Time root", root_key, authority=True, start=start, end=end or datetime.now(UTC) + timedelta(days=4000)
    )
    stamping, mail = ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.EMAIL_PROTECTION
    usages = {"time": [stamping], "mail": [mail], "both": [stamping, mail]}[purposes]
    extended = x509.Extension(oid=x509.ExtendedKeyUsage.oid, critical=True, value=x509.ExtendedKeyUsage(usages))
    leaf = authorities.certificate(
        "Time authority", key, issuer=root, issuer_key=root_key, start=start, end=end, extensions=[extended]
    )
    return Authority(key=key, chain=(leaf, root)), root_key


Answer = Callable[[bytes], "bytes | tuple[int, dict[str, str], bytes]"]


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """An HTTP server on this machine that answers every POST; gives its address and what it was sent."""
    seen: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            seen.append(body)
            made = answer(body)
            status, headers, content = made if isinstance(made, tuple) else (200, {}, made)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # who asked has gone
                return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

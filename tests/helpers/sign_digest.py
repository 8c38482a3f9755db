"""A signing command for tests: ``sign_digest.py KEY.pem`` reads 32 bytes and writes an ECDSA signature in DER."""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

if __name__ == "__main__":
    key = serialization.load_pem_private_key(Path(sys.argv[1]).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    digest = sys.stdin.buffer.read()
    sys.stdout.buffer.write(key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))

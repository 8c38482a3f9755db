"""Writing manifests with c2pa's library, which never sees the signer's key.

The library signs with a key that is made up for the moment; then the signature is replaced by the signer's own over
the same bytes. So the manifest has the size it needs (the library leaves 10 kB for the signature of a callback), and
what is signed is seen by whoever signs. The place of the signature is outside of everything the manifest hashes.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from transcoder.credentials import store
from transcoder.credentials.manifest import Facts, definition, ingredient, mime_of
from transcoder.credentials.store import StoreError

if TYPE_CHECKING:
    import c2pa

SHARE = 0.04
"""At most this share of the cap is kept free for a manifest: the evidence comes first. On 1,000,000 bytes a plain
manifest takes under half a per cent; below a cap of about 110,000 bytes none is made room for."""
SPARE_BYTES = 256
"""Kept free beside the size of the stub: formats wrap a manifest differently, by some ten bytes."""
_ATTEMPTS = ("image/jpeg", "video/mp4")
"""Stubs are signed in both: the one hashes the whole file, the other names boxes that it leaves out."""
_STUB_JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffda0008010100003f0000ffd9")
_STUB_MP4 = bytes.fromhex("00000014667479706d703432000000006d70343200000010") + b"mdat" + bytes(8)
Sign = Callable[[bytes], bytes]
"""Takes the bytes that a claim's signature covers and returns r and s, 64 bytes."""


class EmbeddingError(Exception):
    """The library does not write a manifest for this file; why, in one line."""


def context(trusted_pem: str = "") -> c2pa.Context:
    """Settings under which nothing is ever fetched, and no pictures are made.

    :param trusted_pem: authorities whose signatures count as trusted.
    """
    import c2pa

    settings: dict[str, Any] = {
        "verify": {
            "verify_after_sign": False, "verify_after_reading": True, "verify_trust": True,
            "ocsp_fetch": False, "remote_manifest_fetch": False,
        },
        "builder": {"thumbnail": {"enabled": False}},
    }  # fmt: skip
    if trusted_pem:
        settings["trust"] = {"user_anchors": trusted_pem, "trust_config": "1.3.6.1.5.5.7.3.4\n1.3.6.1.5.5.7.3.36\n"}
    return c2pa.Context(c2pa.Settings.from_dict(settings))


@lru_cache(maxsize=1)
def _moment_key() -> str:
    """A private key that signs nothing that is kept."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode("ascii")


def write(
    facts: Facts, chain_pem: str, media: BinaryIO, target: BinaryIO | None, sign: Sign,
    parent: tuple[str, BinaryIO] | None = None,
) -> bytes:  # fmt: skip
    """Write a file with its manifest; or, without a target, the manifest alone.

    :param chain_pem: the signer's certificate and those above it, leaf first.
    :param media: the finished file, which is not changed.
    :param target: an empty file that can be read and written.
    :param parent: media type and bytes of a master that carries a manifest itself, which goes along.
    :returns: the manifest store.
    :raises EmbeddingError: where the library cannot.
    """
    import c2pa

    described = definition(facts)
    if parent is not None:
        described["ingredients"] = []
    try:
        builder = c2pa.Builder(described, context())
        if parent is not None:
            builder.add_ingredient(ingredient(facts), *parent)
        if target is None:
            builder.set_no_embed()
        info = c2pa.C2paSignerInfo(b"es256", chain_pem.encode(), _moment_key().encode(), None)
        made = builder.sign(c2pa.Signer.from_info(info), mime_of(facts.suffix), media, target or io.BytesIO())
        return _resign(made, target, sign)
    except (c2pa.C2paError, StoreError) as error:
        raise EmbeddingError(" ".join(str(error).split())[:200]) from None


def _resign(made: bytes, target: BinaryIO | None, sign: Sign) -> bytes:
    """Put the signer's own signature in the place of the other, in the manifest and in the file."""
    signed = store.active(made)
    signature = sign(signed.to_be_signed)
    if len(signature) != store.SIGNATURE_BYTES or len(signed.signature) != store.SIGNATURE_BYTES:
        raise StoreError("a signature of another length")
    end = signed.signature_at + store.SIGNATURE_BYTES
    if target is not None:
        target.seek(0)
        data = target.read()
        place = data.find(signed.signature)
        if place < 0 or data.find(signed.signature, place + 1) >= 0:
            raise StoreError("the signature is not found in the file")
        target.seek(place)
        target.write(signature)
        _mend_png(data, place, signature, target)
    return made[: signed.signature_at] + signature + made[end:]


def _mend_png(data: bytes, place: int, signature: bytes, target: BinaryIO) -> None:
    """A PNG's chunk ends with a checksum of it."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return
    start = 8
    while start + 12 <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        end = start + 8 + size
        if start < place < end:
            chunk = data[start + 4 : place] + signature + data[place + len(signature) : end]
            target.seek(end)
            target.write(zlib.crc32(chunk).to_bytes(4, "big"))
            return
        start = end + 4
    raise StoreError("the signature is not found in a chunk")


def needed_bytes(facts: Facts, chain_pem: str, incoming_bytes: int = 0) -> int:
    """How much longer a manifest with these facts can make a file, learned by signing a stub of the same format.

    :param incoming_bytes: length of the master's own manifest, where it is to go along.
    """
    sizes = []
    for mime, stub in zip(_ATTEMPTS, (_STUB_JPEG, _STUB_MP4), strict=True):
        suffix = "jpg" if mime == "image/jpeg" else "mp4"
        target = io.BytesIO()
        write(
            replace(facts, suffix=suffix), chain_pem, io.BytesIO(stub), target, lambda _: bytes(store.SIGNATURE_BYTES)
        )
        sizes.append(len(target.getvalue()) - len(stub))
    # The results of validating the other manifest are noted as well.
    return max(sizes) + SPARE_BYTES + (incoming_bytes + incoming_bytes // 50 + 4096 if incoming_bytes else 0)


def write_file(
    facts: Facts, chain_pem: str, media: Path, target: Path, sign: Sign, parent: Path | None = None
) -> bytes:
    """``write`` for files on disk; the target is removed again where it fails."""
    with media.open("rb") as incoming, target.open("w+b") as outgoing:
        try:
            if parent is None:
                return write(facts, chain_pem, incoming, outgoing, sign)
            with parent.open("rb") as master:
                return write(facts, chain_pem, incoming, outgoing, sign, (mime_of(facts.source_suffix), master))
        except EmbeddingError:
            target.unlink()
            raise

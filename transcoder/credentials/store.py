"""The few structures of a manifest store that signing needs: JUMBF boxes, and COSE_Sign1 in CBOR.

c2pa's library signs with a key it is given, or leaves 10 kB of room for a callback's signature. The key stays away from
it and room is dear, so it signs with a key made up for the moment, and here that signature's place is found and
what belongs there is worked out. Bounds on everything; nothing here trusts a length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE_BYTES = 64
"""Of ES256: r and s, 32 bytes each."""
_CLAIM, _SIGNATURE = (b"c2pa.claim.v2", b"c2pa.claim"), b"c2pa.signature"
_DEEPEST, _MOST_BOXES = 8, 4096
_CONTEXT = b"\x84\x6aSignature1"
_X5CHAIN = 33


class StoreError(ValueError):
    """These bytes are no manifest store of the form that is expected."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The signed part of the active manifest."""

    protected: bytes
    """The protected header of its signature, as CBOR."""
    claim: bytes
    signature: bytes
    signature_at: int
    """Where the signature lies in the store."""

    @property
    def to_be_signed(self) -> bytes:
        """What the signature covers: RFC 9052, 4.4, ``Sig_structure`` without external data."""
        return _CONTEXT + _string(self.protected) + b"\x40" + _string(self.claim)

    def leaf(self) -> bytes:
        """The signer's certificate in DER; it must stand in the protected header.

        :raises StoreError: where there is none.
        """
        return leaf_of(self.protected)


def active(store: bytes) -> Signed:
    """The claim and signature of the active manifest, which is the last one.

    :raises StoreError: where the store is malformed.
    """
    outer = next(_boxes(store, 0, len(store), 0), None)
    if outer is None or outer.kind != b"jumb":
        raise StoreError("no manifest store")
    manifests = [box for box in _children(store, outer) if box.kind == b"jumb"]
    if not manifests:
        raise StoreError("an empty manifest store")
    claim = signature = None
    for box in _children(store, manifests[-1]):
        if box.kind == b"jumb":
            label = _label(store, box)
            if label in _CLAIM:
                claim = _content(store, box)
            elif label == _SIGNATURE:
                signature = _content(store, box)
    if claim is None or signature is None:
        raise StoreError("a manifest without a claim or a signature")
    return _sign1(store, signature, store[claim.start : claim.end])


def parse_to_be_signed(data: bytes) -> tuple[bytes, bytes]:
    """The protected header and the claim of a ``Sig_structure``, which must be one to its last byte.

    :raises StoreError: where it is not.
    """
    if not data.startswith(_CONTEXT):
        raise StoreError("no Sig_structure")
    protected, place = _read_string(data, len(_CONTEXT))
    external, place = _read_string(data, place)
    claim, place = _read_string(data, place)
    if external or place != len(data):
        raise StoreError("no Sig_structure of a claim")
    return protected, claim


def leaf_of(protected: bytes) -> bytes:
    """The first certificate of a protected header.

    :raises StoreError: where there is none.
    """
    count, place = _head(protected, 0, 5)
    for _ in range(min(count, 16)):
        if protected[place : place + 1] and protected[place] >> 5 == 0:
            key, place = _head(protected, place, 0)
            if key == _X5CHAIN:
                if protected[place : place + 1] and protected[place] >> 5 == 4:
                    _, place = _head(protected, place, 4)
                return _read_string(protected, place)[0]
        else:
            place = _skip(protected, place)
        place = _skip(protected, place)
    raise StoreError("a signature without a certificate")


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    end: int
    depth: int


def _boxes(data: bytes, start: int, end: int, depth: int) -> Iterator[_Box]:
    count = 0
    while start + 8 <= end and count < _MOST_BOXES:
        size, kind = int.from_bytes(data[start : start + 4], "big"), bytes(data[start + 4 : start + 8])
        if size < 8 or start + size > end or depth > _DEEPEST:
            raise StoreError("a box of a senseless length")
        yield _Box(kind, start + 8, start + size, depth)
        start += size
        count += 1


def _children(data: bytes, box: _Box) -> Iterator[_Box]:
    return _boxes(data, box.start, box.end, box.depth + 1)


def _label(data: bytes, box: _Box) -> bytes:
    head = next(_children(data, box), None)
    if head is None or head.kind != b"jumd" or head.end - head.start < 18 or not data[head.start + 16] & 2:
        return b""
    return bytes(data[head.start + 17 : head.end]).split(b"\0", 1)[0]


def _content(data: bytes, box: _Box) -> _Box:
    for inner in _children(data, box):
        if inner.kind == b"cbor":
            return inner
    raise StoreError("a box without content")


def _sign1(store: bytes, box: _Box, claim: bytes) -> Signed:
    place = box.start
    if store[place : place + 1] == b"\xd2":  # the tag of COSE_Sign1, which may be left out
        place += 1
    count, place = _head(store, place, 4)
    if count != 4:
        raise StoreError("no COSE_Sign1")
    protected, place = _read_string(store, place)
    place = _skip(store, place)
    if store[place : place + 1] != b"\xf6":
        raise StoreError("a signature that is not detached")
    signature, end = _read_string(store, place + 1)
    if end > box.end:
        raise StoreError("a signature longer than its box")
    return Signed(protected, claim, signature, end - len(signature))


def _string(data: bytes) -> bytes:
    """Bytes as CBOR."""
    size = len(data)
    if size < 24:
        return bytes((0x40 + size,)) + data
    width = next(width for width in (1, 2, 4, 8) if size < 1 << 8 * width)
    return bytes((0x58 + width.bit_length() - 1,)) + size.to_bytes(width, "big") + data


def _read_string(data: bytes, place: int) -> tuple[bytes, int]:
    size, place = _head(data, place, 2)
    if place + size > len(data):
        raise StoreError("a string longer than what holds it")
    return bytes(data[place : place + size]), place + size


def _head(data: bytes, place: int, major: int) -> tuple[int, int]:
    """The number in the head of an item of this major type, and where its content begins."""
    if place >= len(data) or data[place] >> 5 != major:
        raise StoreError("another type of item than expected")
    return _number(data, place)


def _number(data: bytes, place: int) -> tuple[int, int]:
    short = data[place] & 31
    if short < 24:
        return short, place + 1
    if short > 27:
        raise StoreError("an item of indefinite length")
    width = 1 << (short - 24)
    if place + 1 + width > len(data):
        raise StoreError("an item that is cut off")
    return int.from_bytes(data[place + 1 : place + 1 + width], "big"), place + 1 + width


def _skip(data: bytes, place: int, depth: int = 0) -> int:
    """Where the item behind this one begins."""
    if place >= len(data) or depth > _DEEPEST:
        raise StoreError("items without end")
    major = data[place] >> 5
    number, place = _number(data, place)
    if major in (2, 3):
        place += number
    elif major in (4, 5):
        if number > _MOST_BOXES:
            raise StoreError("items without end")
        for _ in range(number * (major - 3)):
            place = _skip(data, place, depth + 1)
    elif major == 6:
        place = _skip(data, place, depth + 1)
    if place > len(data):
        raise StoreError("an item that is cut off")
    return place

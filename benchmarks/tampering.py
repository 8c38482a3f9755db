"""Edits that somebody might make to a delivery: each changes it and says how; whoever asked undoes it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from PIL import Image

from tests.helpers import authorities, tsa
from transcoder.certificate import form, keys
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.receipts import ENDING
from transcoder.certificate.signer import PemSigner
from transcoder.certificate.trusted import Trust
from transcoder.settings import Settings


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery whose every file may be changed."""

    label: str
    folder: Path
    certificate: Path
    master: Path

    @property
    def signature(self) -> Path:
        """Beside the certificate."""
        return self.certificate.with_name(f"{self.certificate.name}.p7s")

    @property
    def media(self) -> list[Path]:
        """Everything that is neither certificate nor signature."""
        return sorted(path for path in self.folder.iterdir() if not path.name.startswith(self.certificate.name))


@dataclass(frozen=True, slots=True)
class Setting:
    """Keys of whoever delivers, and of those who would like to be."""

    sources: Path
    settings: Settings
    trust: Trust
    pair: KeyPair
    impostors: Mapping[str, KeyPair]
    time: tsa.Authority
    """Whose time-stamps are believed."""
    recipient: Settings
    recipients: Sequence[x509.Certificate]
    """Whose receipts are believed."""

    @classmethod
    def make(cls, work: Path) -> Setting:
        """Keys and a folder of sources."""
        sources, folder = work / "sources", work / "keys"
        sources.mkdir()
        keys.initialise(folder)
        pair = keys.load_pair(folder / keys.LEAF_KEY_FILE, folder / keys.LEAF_FILE, folder / keys.CA_FILE)
        now = datetime.now(UTC)
        long_ago = {"start": now - timedelta(days=60), "end": now - timedelta(days=30)}
        impostors = {
            "another authority": authorities.organisation(),
            "another authority, whose signer's certificate had ended": authorities.organisation(**long_ago),
        }
        time = tsa.authority()
        roots = authorities.write_certificates(work / "time-root.pem", time.root)
        settings = Settings(keys_dir=folder, home=work / "home", audit=False, tsa_ca=roots)
        theirs = work / "recipient-keys"
        keys.initialise(theirs)
        recipient = Settings(keys_dir=theirs, home=work / "recipient-home", audit=False, tsa_ca=roots)
        return cls(sources, settings, Trust(anchors=pair.chain, time_anchors=[time.root]), pair, impostors, time,
                   recipient, keys.load_certificates(theirs / keys.CA_FILE))  # fmt: skip

    def picture_as_png(self, name: str) -> None:
        """A lossless copy of a picture among the sources."""
        source = self.sources / name
        with Image.open(source) as picture:
            picture.save(source.with_suffix(".png"))


Change = Callable[[Delivered, Sequence[Delivered], Setting, random.Random], Iterator[str]]


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def restore(folder: Path, kept: Mapping[str, bytes]) -> None:
    """The folder as it was."""
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    for name, data in kept.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)


def remove(item: Delivered, _: Sequence[Delivered], __: Setting, ___: random.Random) -> Iterator[str]:
    """One file lacks. Receipts are the recipient's, and no certificate can say how many there will be."""
    for path in sorted(item.folder.iterdir()):
        if path.name.endswith(ENDING):
            continue
        path.unlink()
        yield path.name


def shorten(item: Delivered, _: Sequence[Delivered], __: Setting, chance: random.Random) -> Iterator[str]:
    """The end of a file lacks: a byte, or a good part."""
    for path in sorted(item.folder.iterdir()):
        data = path.read_bytes()
        path.write_bytes(data[: chance.choice([len(data) - 1, len(data) // 2, 0])])
        yield path.name


def lengthen(item: Delivered, _: Sequence[Delivered], __: Setting, ___: random.Random) -> Iterator[str]:
    """Something follows a file's end."""
    for path in sorted(item.folder.iterdir()):
        path.write_bytes(path.read_bytes() + b"\0")
        yield path.name


def swap(item: Delivered, _: Sequence[Delivered], __: Setting, ___: random.Random) -> Iterator[str]:
    """Two files of the delivery change places."""
    files = item.media
    for one, other in pairwise(files):
        a, b = one.read_bytes(), other.read_bytes()
        if a != b:
            one.write_bytes(b)
            other.write_bytes(a)
            yield f"{one.name} and {other.name}"


def replace(item: Delivered, others: Sequence[Delivered], _: Setting, chance: random.Random) -> Iterator[str]:
    """A file is one of another delivery."""
    for path in item.media:
        other = chance.choice([candidate for candidate in others if candidate.media])
        shutil.copy(other.media[0], path)
        yield f"{path.name}: {other.label}"


def strip(item: Delivered, _: Sequence[Delivered], __: Setting, ___: random.Random) -> Iterator[str]:
    """The Content Credentials are blanked out of a file that has them."""
    for path in item.media:
        data = path.read_bytes()
        if b"c2pa" in data:
            path.write_bytes(data.replace(b"c2pa", b"xxxx"))
            yield path.name


def replay(item: Delivered, others: Sequence[Delivered], _: Setting, __: random.Random) -> Iterator[str]:
    """The certificate, well signed, is of another delivery."""
    for other in others:
        shutil.copy(other.certificate, item.certificate)
        shutil.copy(other.signature, item.signature)
        yield other.label


def cross(item: Delivered, others: Sequence[Delivered], _: Setting, __: random.Random) -> Iterator[str]:
    """Only the signature, or only the certificate, is of another delivery."""
    for other in others[:2]:
        for own, theirs in ((item.certificate, other.certificate), (item.signature, other.signature)):
            kept = own.read_bytes()
            shutil.copy(theirs, own)
            yield f"{own.name}: {other.label}"
            own.write_bytes(kept)


def impersonate(item: Delivered, _: Sequence[Delivered], setting: Setting, __: random.Random) -> Iterator[str]:
    """The certificate is signed anew by somebody else, changed or not."""
    content = item.certificate.read_bytes()
    for words, pair in setting.impostors.items():
        item.signature.write_bytes(PemSigner(pair).sign(content))
        yield words
        item.certificate.write_bytes(_reworded(content, verdict="identical"))
        item.signature.write_bytes(PemSigner(pair).sign(item.certificate.read_bytes()))
        yield f"{words}, with another verdict"
        item.certificate.write_bytes(content)


def reword(item: Delivered, _: Sequence[Delivered], __: Setting, ___: random.Random) -> Iterator[str]:
    """The certificate says something else, in the same form."""
    content = item.certificate.read_bytes()
    changes: Sequence[dict[str, Any]] = (
        {"verdict": "lossless"},
        {"notice": "all is well"},
        {"case": {"exhibit": "XX/9"}},
        {"warnings": ["x"]},
    )
    for values in changes:
        changed = _reworded(content, **values)
        if changed != content:
            item.certificate.write_bytes(changed)
            yield ", ".join(values)


def reshape(item: Delivered, _: Sequence[Delivered], __: Setting, ___: random.Random) -> Iterator[str]:
    """The certificate says the same in another form: spaces, order, a key twice."""
    content = item.certificate.read_bytes()
    said = json.loads(content)
    for words, changed in (
        ("indented", json.dumps(said, indent=1).encode()),
        ("other order", json.dumps(dict(reversed(said.items())), separators=(",", ":")).encode()),
        ("a line end", content + b"\n"),
        ("a key twice", content.replace(b'"predicate":', b'"predicate":{},"predicate":', 1)),
        ("a byte order mark", b"\xef\xbb\xbf" + content),
    ):
        item.certificate.write_bytes(changed)
        yield words


def _reworded(content: bytes, **values: Any) -> bytes:
    statement = json.loads(content)
    statement["predicate"] |= values
    return form.canonical(statement)


CHANGES: Mapping[str, Change] = {
    "a file removed": remove,
    "a file shortened": shorten,
    "a file lengthened": lengthen,
    "two files swapped": swap,
    "a file of another delivery": replace,
    "Content Credentials blanked out": strip,
    "another delivery's certificate": replay,
    "certificate or signature of another delivery": cross,
    "signed by somebody else": impersonate,
    "certificate reworded": reword,
    "certificate in another form": reshape,
}

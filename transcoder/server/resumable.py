"""Uploads that go on where they broke off: their state in the database, their bytes in a folder of this host.

What the database calls received is on disk: it is written down only after the bytes are synced, and what lies behind it
in the file (a process was killed) is cut off before anything is added. An upload goes on at the host it began at.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Engine, RowMapping

from transcoder.jobs.base import Source
from transcoder.jobs.database import now, reading
from transcoder.jobs.names import clean_name
from transcoder.jobs.submitting import Desk
from transcoder.jobs.tables import uploads
from transcoder.server.limits import CHECK_EVERY_BYTES
from transcoder.server.problem import Refused
from transcoder.storage.local import sha256_of

if TYPE_CHECKING:
    from hashlib import _Hash

ALGORITHMS = ("sha256", "sha1")
"""Of a block's checksum; the protocol asks for SHA-1, which guards against accidents and nothing else."""
_STRAY_AFTER_S = 86_400.0
_MOST_DIGESTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumable:
    """One upload as it stands."""

    id: str
    owner: str
    name: str
    bytes: int
    received: int
    sha256: str | None
    """Of the whole, once it is whole."""
    place: str | None
    """In the shared storage, once a job was made of it."""
    expires: float

    @property
    def complete(self) -> bool:
        """Whether all has arrived."""
        return self.sha256 is not None


class Resumables:
    """The uploads of this host.

    :param folder: that their bytes are in.
    :param keep_s: an upload is kept so long after something of it arrived.
    """

    def __init__(self, engine: Engine, folder: Path, *, keep_s: float) -> None:
        self._engine, self._folder, self._keep_s = engine, folder, keep_s
        self._digests: dict[str, tuple[int, _Hash]] = {}

    def create(self, owner: str, name: str, size: int) -> Resumable:
        """Begin an upload."""
        made = f"upl_{secrets.token_hex(16)}"
        mine = self._own_name()
        self._file(made).open("xb").close()
        with self._engine.begin() as connection:
            moment = now(connection)
            connection.execute(
                sa.insert(uploads).values(
                    id=made, owner=owner, folder=mine, name=clean_name(name), bytes=size, received=0, created=moment,
                    expires=moment + self._keep_s,
                )
            )  # fmt: skip
            row = connection.execute(sa.select(uploads).where(uploads.c.id == made)).mappings().one()
        return _resumable(row)

    def get(self, upload_id: str, owner: str) -> Resumable:
        """An upload of one's own.

        :raises Refused: where there is none (``not-found``), it was kept too long (``upload-expired``), or its bytes
            are at another host (``upload-elsewhere``).
        """
        with reading(self._engine) as connection:
            mine = (uploads.c.id == upload_id) & (uploads.c.owner == owner)
            row = connection.execute(sa.select(uploads).where(mine)).mappings().first()
            moment = now(connection)
        if row is None:
            raise Refused("not-found", "no such upload", where=upload_id[:60])
        if row["expires"] <= moment:
            raise Refused("upload-expired", "nothing came for too long; it was given up", hint="begin it again")
        if row["folder"] != self._own_name() and row["place"] is None:
            raise Refused(
                "upload-elsewhere", "it began at another host of this service",
                hint="a balancer in front must send one upload to one host; or begin it again here",
            )  # fmt: skip
        return _resumable(row)

    @contextlib.contextmanager
    def writing(self, upload: Resumable, offset: int, checksum: tuple[str, bytes] | None) -> Iterator[Writer]:
        """Add bytes at ``offset``, alone.

        :raises Refused: where somebody else adds (``upload-busy``), or so much has not arrived, or more has
            (``upload-offset``).
        """
        with self._file(upload.id).open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Refused("upload-busy", "another request adds to this upload", hint="wait for it") from None
            upload = self.get(upload.id, upload.owner)  # under the lock it changes no more
            if offset != upload.received or upload.place is not None:
                raise Refused(
                    "upload-offset", f"it goes on at {upload.received}, not at {offset}", hint="ask with HEAD first"
                )
            file.truncate(upload.received)
            file.seek(upload.received)
            yield Writer(self, upload, file, checksum)

    def note(self, upload: Resumable, received: int, sha256: str | None) -> None:
        """Write down how much has arrived."""
        with self._engine.begin() as connection:
            changed = sa.update(uploads).where(uploads.c.id == upload.id)
            connection.execute(changed.values(received=received, sha256=sha256, expires=now(connection) + self._keep_s))

    def source(self, upload: Resumable, desk: Desk) -> Source:
        """Make a complete upload a source. The same one again gives the same, also when its file is gone.

        :raises Refused: where it is not complete (``upload-incomplete``).
        """
        if upload.sha256 is None:
            raise Refused("upload-incomplete", f"{upload.received} of {upload.bytes} bytes have arrived")
        if upload.place is not None:
            return Source(name=upload.name, bytes=upload.bytes, sha256=upload.sha256, place=upload.place)
        source = desk.keep(self._file(upload.id), name=upload.name, sha256=upload.sha256)
        with self._engine.begin() as connection:
            connection.execute(sa.update(uploads).where(uploads.c.id == upload.id).values(place=source.place))
        self._file(upload.id).unlink(missing_ok=True)
        return source

    def remove(self, upload: Resumable) -> None:
        """Give an upload up. What a job was made of it stays."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(uploads).where(uploads.c.id == upload.id))
        self._digests.pop(upload.id, None)
        self._file(upload.id).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove what is too old, and what a killed process left; how many."""
        with reading(self._engine) as connection:
            old = (uploads.c.folder == self._own_name()) & (uploads.c.expires <= now(connection))
            expired = [_resumable(row) for row in connection.execute(sa.select(uploads).where(old)).mappings()]
        for upload in expired:
            self.remove(upload)
        strays = [
            path for path in self._folder.iterdir()
            if path.suffix == ".upload" and path.stat().st_mtime < time.time() - _STRAY_AFTER_S
        ]  # fmt: skip
        for path in strays:
            path.unlink(missing_ok=True)
        return len(expired) + len(strays)

    def digest(self, upload: Resumable) -> _Hash | None:
        """The digest so far, where this process has seen all bytes so far."""
        at, digest = self._digests.pop(upload.id, (-1, None))
        if digest is not None and at == upload.received:
            return digest
        return hashlib.sha256() if upload.received == 0 else None

    def keep_digest(self, upload: Resumable, received: int, digest: _Hash) -> None:
        """Keep it for the next request."""
        self._digests[upload.id] = received, digest
        while len(self._digests) > _MOST_DIGESTS:
            self._digests.pop(next(iter(self._digests)), None)

    def _file(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.part"

    def _own_name(self) -> str:
        """Of the folder: a host's name may change, and two may have the same."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "folder.id"
        if not path.exists():
            rough = path.with_suffix(f".{secrets.token_hex(4)}")
            rough.write_text(secrets.token_hex(16))
            with contextlib.suppress(FileExistsError):
                os.link(rough, path)
            rough.unlink()
        return path.read_text()


class Writer:
    """Adds to one upload. With a checksum nothing counts before it was found right."""

    def __init__(
        self, store: Resumables, upload: Resumable, file: IO[bytes], checksum: tuple[str, bytes] | None
    ) -> None:
        self._store, self._upload, self._file = store, upload, file
        self.received = self._noted = upload.received
        self._digest = store.digest(upload)
        self._wanted = checksum
        self._block = hashlib.new(checksum[0], usedforsecurity=False) if checksum is not None else None

    def write(self, data: bytes) -> None:
        """Add bytes.

        :raises Refused: where they are more than were announced.
        """
        if self.received + len(data) > self._upload.bytes:
            raise Refused("upload-offset", f"more than the {self._upload.bytes} bytes that were announced")
        self._file.write(data)
        self.received += len(data)
        if self._digest is not None:
            self._digest.update(data)
        if self._block is not None:
            self._block.update(data)
        elif self.received - self._noted >= CHECK_EVERY_BYTES:
            self._note(None)

    def end(self, *, broken_off: bool = False) -> None:
        """Write down what has arrived, and the digest of the whole where that is all.

        :raises Refused: where the checksum is another one (``checksum-mismatch``); nothing of the request counts then.
        """
        if self._wanted is not None and self._block is not None:
            if broken_off:
                return
            if self._block.digest() != self._wanted[1]:
                raise Refused("checksum-mismatch", "the bytes are not those of Upload-Checksum", hint="send them again")
        whole = None
        if self.received == self._upload.bytes:
            self._file.flush()
            path = self._store._file(self._upload.id)
            whole = self._digest.hexdigest() if self._digest is not None else sha256_of(path)
        elif self._digest is not None:
            self._store.keep_digest(self._upload, self.received, self._digest)
        self._note(whole)

    def _note(self, whole: str | None) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._store.note(self._upload, self.received, whole)
        self._noted = self.received


def parse_checksum(given: str | None) -> tuple[str, bytes] | None:
    """``sha256 BASE64`` as name and digest.

    :raises Refused: for anything else.
    """
    if given is None:
        return None
    name, _, value = given.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except ValueError:
        digest = b""
    if name not in ALGORITHMS or len(digest) != hashlib.new(name, usedforsecurity=False).digest_size:
        raise Refused("bad-checksum", f"Upload-Checksum is a name ({', '.join(ALGORITHMS)}) and a digest in Base64")
    return name, digest


def parse_metadata(given: str | None) -> dict[str, str]:
    """``filename BASE64,...`` as texts.

    :raises Refused: for anything else.
    """
    found: dict[str, str] = {}
    for item in (given or "").split(","):
        name, _, value = item.strip().partition(" ")
        if not name:
            continue
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except ValueError:
            raise Refused("bad-metadata", "Upload-Metadata is names and values in Base64") from None
    return found


def _resumable(row: RowMapping) -> Resumable:
    return Resumable(
        id=row["id"], owner=row["owner"], name=row["name"], bytes=row["bytes"], received=row["received"],
        sha256=row["sha256"], place=row["place"], expires=row["expires"],
    )  # fmt: skip


__all__ = ["ALGORITHMS", "Resumable", "Resumables", "Writer", "parse_checksum", "parse_metadata"]

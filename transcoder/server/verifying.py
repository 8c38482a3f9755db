"""Checking a delivery that somebody sends to the service: its files lie in a folder of their own while it is done."""

from __future__ import annotations

import contextlib
import errno
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from transcoder.app import verify
from transcoder.certificate.verify import Verification
from transcoder.jobs.names import clean_name
from transcoder.server.bodies import blocks, read_in_blocks
from transcoder.server.filenames import named_in
from transcoder.server.limits import Room, no_room
from transcoder.server.problem import Refused
from transcoder.server.uploads import too_large

MOST_FILES = 2000
"""A delivery in volumes has many."""
_HEADER_BYTES = 16_384
_AT_ONCE = threading.BoundedSemaphore(2)


@dataclass(slots=True)
class Arrived:
    """What was sent: ``delivery`` is a folder with files under their own names, ``source`` the master, if it came."""

    folder: Path
    files: list[str] = field(default_factory=list)
    source: Path | None = None

    @property
    def delivery(self) -> Path:
        """The folder of what was delivered."""
        return self.folder / "delivery"

    def close(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class _Form:
    """Takes the parser's events: fields ``file``, each one of a delivery, and ``source``."""

    def __init__(self, arrived: Arrived, max_bytes: int) -> None:
        self._arrived, self._max, self.bytes = arrived, max_bytes, 0
        self._header: list[bytes] = [b"", b""]
        self._headers: dict[str, bytes] = {}
        self._file: IO[bytes] | None = None
        self.complete = False

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin, "on_header_field": self._field, "on_header_value": self._value,
            "on_header_end": self._header_end, "on_headers_finished": self._open, "on_part_data": self._data,
            "on_part_end": self.close, "on_end": self._done,
        }  # fmt: skip

    def _begin(self) -> None:
        self._headers = {}

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._grow(0, data[start:end])

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._grow(1, data[start:end])

    def _grow(self, which: int, data: bytes) -> None:
        self._header[which] += data
        if len(self._header[which]) > _HEADER_BYTES:
            raise Refused("bad-form", "a part of the form has too long a header")

    def _header_end(self) -> None:
        if len(self._headers) > 20:
            raise Refused("bad-form", "a part of the form has too many headers")
        self._headers[self._header[0].decode("latin-1").lower()] = self._header[1]
        self._header = [b"", b""]

    def _open(self) -> None:
        disposition = self._headers.get("content-disposition", b"")
        _, options = parse_options_header(disposition)
        field_name, given = options.get(b"name", b""), named_in(disposition, options.get(b"filename"))
        if given is None or field_name not in (b"file", b"source"):
            raise Refused("bad-form", "the form brings files, in the fields `file` and `source`")
        # A name that is no plain one belongs to no delivery of ours: the check then says that the file lacks.
        name = clean_name(given)
        if field_name == b"source":
            if self._arrived.source is not None:
                raise Refused("bad-form", "there is one source")
            target = self._arrived.folder / "source" / name
            self._arrived.source = target
        else:
            if name in self._arrived.files or len(self._arrived.files) >= MOST_FILES:
                raise Refused("bad-form", f"the file comes twice, or there are more than {MOST_FILES:,}", where=name)
            self._arrived.files.append(name)
            target = self._arrived.delivery / name
        target.parent.mkdir(exist_ok=True)
        self._file = target.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.bytes += end - start
        if self.bytes > self._max:
            raise too_large(self._max)
        if self._file is not None:
            self._file.write(data[start:end])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _done(self) -> None:
        self.complete = True


async def receive(request: Request, uploads: Path, *, max_bytes: int, room: Room) -> Arrived:
    """Read a multipart form of any number of files ``file``, and at most one ``source``.

    :param max_bytes: of all files together.
    :raises Refused: where it is none, too large, or ends too soon; nothing stays on disk.
    """
    read_in_blocks(request.scope)
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Refused("bad-form", "the body must be multipart/form-data with a boundary")
    declared = request.headers.get("content-length", "")
    arrived = Arrived(uploads / f"verify-{secrets.token_hex(16)}")
    arrived.delivery.mkdir(parents=True)
    form = _Form(arrived, max_bytes)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        with room.upload(int(declared) if declared.isdecimal() and len(declared) < 16 else 0) as more:
            async for block in blocks(request):
                await run_in_threadpool(parser.write, block)
                more(form.bytes)
            parser.finalize()
        if not form.complete or not arrived.files:
            raise Refused("bad-form", "the form brings no file, or ends too soon", hint="send it again")
    except BaseException as error:
        form.close()
        arrived.close()
        if type(error).__module__.startswith("python_multipart"):
            raise Refused("bad-form", f"not a form that can be read: {error}") from None
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_room() from None
        raise
    return arrived


def check(arrived: Arrived) -> Sequence[Verification]:
    """Verify everything that arrived; with the source its scores are measured again. At most two at once.

    :raises InputError: where no certificate is among it.
    """
    with _AT_ONCE:
        return verify(arrived.delivery, source=arrived.source)


@contextlib.contextmanager
def closing(arrived: Arrived) -> Iterator[Arrived]:
    """Remove what arrived, whatever happens."""
    try:
        yield arrived
    finally:
        arrived.close()


__all__ = ["MOST_FILES", "Arrived", "check", "closing", "receive"]

"""Uploads by multipart form: the file streams to disk and is hashed on the way, whatever its size."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from transcoder.server.bodies import blocks, read_in_blocks
from transcoder.server.filenames import named_in
from transcoder.server.lanes import in_upload_lane
from transcoder.server.limits import Room, announced_bytes, no_room
from transcoder.server.problem import Refused

_FIELD_BYTES = 1 << 20
_FIELDS = 20
_HEADER_BYTES = 16_384


@dataclass(slots=True)
class Upload:
    """What a form brought; ``close`` takes the file away again."""

    file: Path
    name: str = ""
    sha256: str = ""
    bytes: int = 0
    fields: dict[str, str] = field(default_factory=dict)

    def close(self) -> None:
        """Remove what was written."""
        self.file.unlink(missing_ok=True)


class _Form:
    """Takes the parser's events. It never holds more than a block of the file."""

    def __init__(self, upload: Upload, file: IO[bytes], max_bytes: int) -> None:
        self._upload, self._file, self._max = upload, file, max_bytes
        self._digest = hashlib.sha256()
        self._header = [b"", b""]
        self._headers: dict[str, bytes] = {}
        self._header_bytes = 0
        self._name, self._into_file, self._value = "", False, b""
        self.complete = False

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin, "on_header_field": self._field, "on_header_value": self._text,
            "on_header_end": self._header_end, "on_headers_finished": self._headers_end, "on_part_data": self._data,
            "on_part_end": self._end, "on_end": self._done,
        }  # fmt: skip

    def _begin(self) -> None:
        self._headers, self._header, self._value, self._header_bytes = {}, [b"", b""], b"", 0

    def _grow(self, data: bytes) -> bytes:
        self._header_bytes += len(data)
        if self._header_bytes > _HEADER_BYTES:
            raise Refused("bad-form", "a part of the form has too long a header")
        return data

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += self._grow(data[start:end])

    def _text(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += self._grow(data[start:end])

    def _header_end(self) -> None:
        self._headers[self._header[0].decode("latin-1").lower()] = self._header[1]
        self._header = [b"", b""]

    def _headers_end(self) -> None:
        disposition = self._headers.get("content-disposition", b"")
        kind, options = parse_options_header(disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        given = named_in(disposition, options.get(b"filename"))
        self._into_file = given is not None
        if kind != b"form-data" or not self._name:
            raise Refused("bad-form", "a part of the form has no name")
        if given is not None:
            if self._name != "file" or self._upload.name:
                raise Refused("bad-form", "the form brings one file, in the field `file`")
            self._upload.name = given or "unnamed"
        elif self._name in self._upload.fields or len(self._upload.fields) >= _FIELDS:
            raise Refused("bad-form", "a field comes twice, or there are too many")

    def _data(self, data: bytes, start: int, end: int) -> None:
        block = data[start:end]
        if self._into_file:
            self._upload.bytes += len(block)
            if self._upload.bytes > self._max:
                raise too_large(self._max)
            self._digest.update(block)
            self._file.write(block)
        else:
            self._value += block
            if len(self._value) > _FIELD_BYTES:
                raise Refused("bad-form", f"the field {self._name[:40]} is too long")

    def _end(self) -> None:
        if not self._into_file:
            try:
                self._upload.fields[self._name] = self._value.decode("utf-8")
            except UnicodeDecodeError:
                raise Refused("bad-form", f"the field {self._name[:40]} is not UTF-8 text") from None

    def _done(self) -> None:
        self.complete = True
        self._upload.sha256 = self._digest.hexdigest()


async def receive(request: Request, folder: Path, *, max_bytes: int, room: Room) -> Upload:
    """Read a multipart form with one file, ``file``, and text fields.

    :raises Refused: where it is none, too large, or ends too soon; nothing stays on disk.
    """
    read_in_blocks(request.scope)
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Refused("bad-form", "the body must be multipart/form-data with a boundary")
    announced = announced_bytes(request.headers)
    if announced > max_bytes + _FIELDS * _FIELD_BYTES:
        raise too_large(max_bytes)
    upload = Upload(folder / f"{secrets.token_hex(16)}.upload")
    try:
        # A disk that is being written to makes whoever opens or removes a file wait: not the loop that all share.
        with room.upload(announced) as arrived, await in_upload_lane(_open, upload.file) as file:
            form = _Form(upload, file, max_bytes)
            parser = MultipartParser(boundary, form.callbacks())
            async for block in blocks(request):
                await in_upload_lane(_write, parser, block)
                arrived(upload.bytes)
            parser.finalize()
            file.flush()
            await in_upload_lane(os.fsync, file.fileno())
        if not form.complete:
            raise Refused("bad-form", "the form ends too soon; nothing was kept", hint="send it again")
    except BaseException as error:
        with contextlib.suppress(OSError):
            upload.close()  # in the loop: whoever is being cancelled waits for no thread
        if type(error).__module__.startswith("python_multipart"):
            raise Refused("bad-form", f"not a form that can be read: {error}") from None
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_room() from None
        raise
    return upload


def _open(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _write(parser: MultipartParser, block: bytes) -> None:
    parser.write(block)


def too_large(max_bytes: int) -> Refused:
    """The answer to an upload beyond the limit."""
    return Refused(
        "upload-too-large",
        f"larger than {max_bytes:,} bytes",
        hint="TRANSCODER_MAX_UPLOAD_BYTES is the service's limit",
    )


__all__ = ["Upload", "receive", "too_large"]

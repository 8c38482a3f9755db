"""Uploads: one form that streams from disk, or in blocks that a broken line does not begin anew (tus 1.0)."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import httpx

from transcoder.client.calls import Calls, ServiceError, pause_s, refused, unreachable
from transcoder.errors import InputError

_TUS = {"Tus-Resumable": "1.0.0"}
_BLOCK_BYTES = 16 << 20
_UPLOADS = "/v1/uploads"
_CLASH = frozenset((409, 423, 460))
"""Another request of ours still holds the upload, or the offset is another one: the service is asked."""


def plain_name(path: Path) -> str:
    """The file's name as text, whatever its bytes are."""
    return path.name.encode("utf-8", "replace").decode()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file to send.

    :raises InputError: where it cannot be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), code="input-unreadable") from None
    with file:
        yield file


def in_one_form(calls: Calls, path: Path, options: str, headers: Mapping[str, str]) -> Any:
    """Send a file and what is asked for in one form; the job as JSON."""
    with opened(path) as file:

        def content() -> Mapping[str, Any]:
            file.seek(0)
            # A tuple leaves reading to httpx, in blocks: a file of any size needs no memory.
            return {"files": {"file": (plain_name(path), file, "application/octet-stream")}}

        return calls.json("POST", "/v1/jobs", content=content, data={"options": options}, headers=headers)


def in_blocks(calls: Calls, path: Path, sent: Callable[[int, int], None]) -> str:
    """Upload a file; what a broken connection had brought is not sent again.

    :param sent: called with bytes so far and in all.
    :returns: the upload's id.
    :raises ServiceError: where no progress is made in as many tries as ``calls`` allows.
    """
    with opened(path) as file:
        total = file.seek(0, 2)
        name = base64.b64encode(plain_name(path).encode()).decode()
        headers = _TUS | {"Upload-Length": str(total), "Upload-Metadata": f"filename {name}"}
        place = calls.call("POST", _UPLOADS, headers=headers).headers["location"]
        made = place.rstrip("/").rsplit("/", 1)[-1]
        where = f"{_UPLOADS}/{made}"  # never another host, whatever the answer says: the token goes along
        offset, failures = 0, 0
        sent(0, total)
        while offset < total:
            before = offset
            try:
                offset = _patch(calls, where, file, offset)
            except ServiceError as error:
                lost = error.code == "service-unreachable"
                if not lost and error.status not in (*_CLASH, 429, 502, 503, 504):
                    raise
                failures += 1
                if failures >= calls.tries:
                    raise
                calls.sleep(pause_s(failures))
                answer = calls.call("HEAD", where, headers=_TUS)
                offset = int(answer.headers["upload-offset"])
            if offset > before:
                failures = 0
                sent(offset, total)
        return made


def _patch(calls: Calls, where: str, file: IO[bytes], offset: int) -> int:
    file.seek(offset)
    block = file.read(_BLOCK_BYTES)
    headers = _TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    try:
        answer = calls.http.patch(where, content=block, headers=headers)
    except httpx.TransportError as error:
        raise unreachable(error, where) from None
    if not answer.is_success:
        raise refused(answer)
    return int(answer.headers["upload-offset"])


__all__ = ["in_blocks", "in_one_form", "opened"]

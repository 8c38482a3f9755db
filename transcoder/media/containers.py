"""Opening media files with FFmpeg's libraries, and nothing that a file could trick them into.

Untrusted files may be playlists, concat scripts or references to other files under any name. Only the
``file`` protocol and the demuxers below are allowed, so that nothing outside the given file is read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import av
import av.container
import av.error
import av.logging
import av.packet
from av.stream import Stream

from transcoder.errors import EncodeError, InputError

AnyStream = TypeVar("AnyStream", bound=Stream)
DEMUXERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "mxf", "asf", "flv", "dhav", "dv", "ogg",
    "h264", "hevc", "av1", "obu", "ivf", "m4v", "h263", "mjpeg", "mpjpeg", "gif", "yuv4mpegpipe", "nut",
    "wtv", "rm", "swf", "nsv", "vc1", "live_flv", "mpegtsraw", "cavsvideo", "ipmovie", "apng",
)  # fmt: skip
RAW_FORMATS = frozenset(("h264", "hevc", "av1", "obu", "m4v", "h263", "mjpeg", "mpegvideo", "vc1", "cavsvideo"))
"""Elementary streams without timestamps: FFmpeg silently guesses 25 frames a second."""

# Silence without a callback into Python. Any level, even PANIC, installs one that takes the interpreter's lock
# in decoder threads, and closing a decoder waits for those threads while holding that lock: a deadlock.
av.logging.set_level(None)


def reason(error: BaseException) -> str:
    """A library's error as a short phrase."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]


@contextmanager
def open_input(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a media file read-only.

    :raises InputError: where no allowed demuxer takes it.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS)}
    try:
        # An absolute path cannot be mistaken for a protocol ("12:30.avi") or an option.
        container = av.open(str(path.absolute()), mode="r", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError, OSError, UnicodeError) as error:
        raise InputError(
            f"not a video or picture this tool can read ({reason(error)})",
            where=path.name,
            code="not-media",
            hint="check that the file opens in a player; proprietary DVR files may need their maker's export",
        ) from None
    try:
        yield container
    finally:
        container.close()


def packets(
    container: av.container.InputContainer, wanted: AnyStream | Sequence[AnyStream]
) -> Iterator[av.packet.Packet[AnyStream]]:
    """The packets of one stream or several, with the empty ones at the end that flush decoders.

    PyAV fails in flushing where a file, such as a damaged FLV, has more streams than its header announced: they are
    numbered after those that were there, and these have had everything by then.
    """
    with contextlib.suppress(IndexError):
        yield from container.demux(wanted)  # type: ignore[misc]


@contextmanager
def library_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn errors of FFmpeg's libraries into ours, so that none escapes.

    :raises EncodeError: in place of any library error.
    """
    try:
        yield
    except (av.error.FFmpegError, av.error.UndefinedError) as error:
        raise EncodeError(f"{doing} failed: {reason(error)}", where=path.name) from error

"""Joining the parts of a video: the same packets in one file, proved to be all of them at their own times."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from transcoder.errors import CertificateError, OutputMismatch
from transcoder.media.containers import library_errors, open_input, packets
from transcoder.media.index import frames_digest
from transcoder.media.joining import Piece, copy_packets


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFile:
    """One part as the certificate describes it."""

    path: Path
    offset_s: Fraction
    """What was subtracted from the source's timestamps in it."""


def join_video(parts: Sequence[PartFile], target: Path, *, time_base: Fraction, frames_sha256: str) -> int:
    """Copy the packets of all parts into one file, and hold its list of frames against the certificate's.

    :param parts: all of them, in order.
    :param target: a new file in the caller's workspace; its ending names the container.
    :param time_base: the source's, in whose ticks the certificate counts.
    :param frames_sha256: see ``media.index.frames_digest``.
    :returns: how many frames the whole has.
    :raises EncodeError: where the parts do not fit together.
    :raises OutputMismatch: where a packet was lost or changed on the way.
    :raises CertificateError: where the frames are not those of the certificate.
    """
    origin = parts[0].offset_s
    pieces = [Piece(part.path, part.offset_s - origin) for part in parts]
    with library_errors("joining", parts[0].path):
        copy_packets(pieces, target, target.suffix[1:], {})
        before = [packet for part in parts for packet in _packets(part.path)]
        after = list(_packets(target))
    if [digest for digest, _ in before] != [digest for digest, _ in after]:
        raise OutputMismatch("a packet was lost or changed in joining", where=target.name)
    ticks = sorted(round((time_s + origin) / time_base) for _, time_s in after)
    if frames_digest(ticks) != frames_sha256:
        raise CertificateError(
            f"the {len(ticks)} frames of the parts are not the list of frames that the certificate names",
            where=parts[0].path.name,
            code="frames-differ",
        )
    return len(ticks)


def _packets(path: Path) -> Iterator[tuple[bytes, Fraction]]:
    """Hash and presentation time in seconds of each video packet."""
    with open_input(path) as container:
        for packet in packets(container, container.streams.video[0]):
            if packet.size and packet.pts is not None:
                yield hashlib.sha256(bytes(packet)).digest(), packet.pts * packet.time_base

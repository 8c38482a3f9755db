"""Compressed packets of one or several files into one: nothing is decoded, and no timestamp is invented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.audio.stream
import av.container
import av.packet
import av.stream
import av.video.stream

from transcoder.errors import EncodeError
from transcoder.media.containers import open_input, packets
from transcoder.media.probe import probe
from transcoder.media.writer import copied_stream, open_output

_CARRIED = ("creation_time", "location", "title")
"""Tags of the recording that stay on each of its parts and on their join."""
_AUDIO_SLACK_TICKS = 2
"""Where a part's clock was moved by no whole number of audio samples, its packets begin a sample off."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file whose packets are taken."""

    path: Path
    shift_s: Fraction = Fraction(0)
    """Added to every timestamp."""


def copy_packets(pieces: Sequence[Piece], target: Path, container: str, metadata: Mapping[str, str]) -> None:
    """One video and at most one audio stream, piece after piece.

    :param pieces: in order of time; all encoded alike.
    :param container: ``mp4``, ``mov`` or ``mkv``.
    :param metadata: tags of the new file.
    :raises EncodeError: where the pieces do not fit together.
    """
    with open_input(pieces[0].path) as first:
        video = first.streams.video[0]
        time_base = video.time_base or Fraction(1, 1000)
        tags = {key: first.metadata[key] for key in _CARRIED if first.metadata.get(key)}
    sound = next((piece for piece in pieces if _has_audio(piece.path)), None)
    with open_output(target, container, time_base) as output:
        output.metadata.update(tags | dict(metadata))
        writer = _Writer(output, pieces[0], sound)
        for piece in pieces:
            writer.copy(piece)


def check_alike(paths: Sequence[Path]) -> None:
    """Hold what decoders must know of each file against the first one's, before they are called parts of a whole.

    :raises EncodeError: where a copy of one behind the other would not play.
    """
    known: dict[str, bytes] = {}
    for path in paths:
        with open_input(path) as container:
            for kind in ("video", "audio"):
                stream = _stream(container, kind)
                if stream is not None and known.setdefault(kind, _extradata(stream)) != _extradata(stream):
                    raise EncodeError(f"its {kind} is encoded differently from the part before", where=path.name)


def first_packet_bytes(path: Path) -> int:
    """Size of a file's first video packet: the key frame it begins with."""
    with open_input(path) as container:
        return next((packet.size for packet in packets(container, container.streams.video[0]) if packet.size), 0)


def _has_audio(path: Path) -> bool:
    with open_input(path) as container:
        return bool(container.streams.audio)


class _Writer:
    """The output's streams, and where each of them stands."""

    def __init__(self, output: av.container.OutputContainer, first: Piece, sound: Piece | None) -> None:
        self._output = output
        self._streams: dict[str, av.stream.Stream] = {}
        self._extradata: dict[str, bytes] = {}
        self._last_dts: dict[str, int] = {}
        self._audio_end: int | None = None
        for kind, piece in (("video", first), ("audio", sound)):
            if piece is None:
                continue
            with open_input(piece.path) as source:
                template = _stream(source, kind)
                assert template is not None
                stream = copied_stream(output, template)
                if kind == "video":
                    _orient(stream, piece.path)
                self._streams[kind], self._extradata[kind] = stream, _extradata(template)

    def copy(self, piece: Piece) -> None:
        """All packets of a piece."""
        with open_input(piece.path) as source:
            streams = {kind: stream for kind in self._streams if (stream := _stream(source, kind)) is not None}
            for kind, stream in streams.items():
                if _extradata(stream) != self._extradata[kind]:
                    raise EncodeError(f"its {kind} is encoded differently from the part before", where=piece.path.name)
            kinds = {stream.index: kind for kind, stream in streams.items()}
            for packet in packets(source, list(streams.values())):
                if packet.size:
                    self._put(packet, kinds[packet.stream_index], piece.shift_s)

    def _put(self, packet: av.packet.Packet, kind: str, shift_s: Fraction) -> None:  # type: ignore[type-arg]
        shift = round(shift_s / packet.time_base)
        if packet.pts is None or packet.dts is None:
            raise EncodeError(f"a {kind} packet carries no timestamp")
        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
        if kind == "audio":
            if self._audio_end is not None and abs(packet.pts - self._audio_end) <= _AUDIO_SLACK_TICKS:
                packet.pts = packet.dts = self._audio_end
            self._audio_end = packet.pts + (packet.duration or 0)
        last = self._last_dts.get(kind)
        if last is not None and packet.dts <= last:
            # Decoding times only order the packets; where frames come unevenly, those of two parts may touch.
            packet.dts = last + 1
        if packet.dts > packet.pts:
            raise EncodeError(f"the {kind} of two parts overlaps in time")
        self._last_dts[kind] = packet.dts
        packet.stream = self._streams[kind]
        self._output.mux_one(packet)


def _stream(container: av.container.InputContainer, kind: str) -> av.stream.Stream | None:
    found = container.streams.video if kind == "video" else container.streams.audio
    return found[0] if found else None


def _extradata(stream: av.stream.Stream) -> bytes:
    assert isinstance(stream, av.video.stream.VideoStream | av.audio.stream.AudioStream)
    return bytes(stream.codec_context.extradata or b"")


def _orient(stream: av.stream.Stream, like: Path) -> None:
    """Rotation lies beside the stream, where a template does not carry it."""
    track = probe(like, sha256="").video
    assert track is not None
    assert isinstance(stream, av.video.stream.VideoStream)
    if track.display_matrix is not None:
        stream.set_display_matrix(track.display_matrix)
    elif track.rotation_deg:
        stream.set_display_rotation(track.rotation_deg)

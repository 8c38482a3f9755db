"""Whether a delivered file decodes from its beginning to its end: every frame, every page, all of the sound."""

from __future__ import annotations

from pathlib import Path

import av.audio.stream
import av.error

from transcoder.errors import TranscodeError
from transcoder.media import documents
from transcoder.media.containers import open_input, packets
from transcoder.media.damage import DamageLog
from transcoder.media.decoding import decode
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.model import DamageKind, VideoTrack

_WORDS = {
    DamageKind.UNDECODED: "packet(s) do not decode",
    DamageKind.CONCEALED: "frame(s) decode with errors",
    DamageKind.NO_PICTURE: "packet(s) give no picture",
}


def play(path: Path) -> tuple[int, str]:
    """Decode all of a file.

    :returns: how many frames or pages came out, and what is wrong in plain words; empty where nothing is.
    """
    try:
        if path.suffix.lower() == documents.SUFFIX:
            documents.load(path)
            return 1, ""
        source = probe(path, sha256="")
        if source.still is not None:
            return _pages(path, source.still.pages)
        assert source.video is not None
        frames, fault = _video(path, source.video)
        return frames, "; ".join(item for item in (fault, _audio(path)) if item)
    except TranscodeError as error:
        return 0, error.message


def _pages(path: Path, count: int) -> tuple[int, str]:
    faults = [f"page {page + 1}: {damage}" for page in range(count) if (damage := decode(path, page).damage)]
    return count, "; ".join(faults[:3])


def _video(path: Path, track: VideoTrack) -> tuple[int, str]:
    log = DamageLog()
    frames = sum(1 for _ in read_frames(path, track, log))
    return frames, "; ".join(f"{log.counts[kind]} {words}" for kind, words in _WORDS.items() if log.counts[kind])


def _audio(path: Path) -> str:
    faults = 0
    with open_input(path) as container:
        streams = [stream for stream in container.streams if isinstance(stream, av.audio.stream.AudioStream)]
        if not streams:
            return ""
        try:
            for packet in packets(container, streams):
                try:
                    packet.decode()
                except (av.error.FFmpegError, ValueError):
                    faults += 1
        except av.error.FFmpegError:
            faults += 1
    return f"{faults} packet(s) of sound do not decode" if faults else ""

"""What a source is signed with: where its C2PA manifest is, and signatures of other kinds inside the video.

Cameras sign H.264 and H.265 by messages in the stream (SEI). They are found by the 16 bytes each begins with; they are
not verified: nothing that is delivered rests on them, and who wants to know verifies the master.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from transcoder.model import Fate, ItemFate, SourceInfo

_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_ISO_BRANDS = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"))
_MOST_BOXES = 65536
_KINDS: Mapping[str, tuple[str, bytes]] = {
    "onvif-media-signing": ("ONVIF signing SEI", bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")),
    "signed-video": ("Signed Video SEI (Axis)", b"Signed Video...0"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Messages of one kind of signature in a file."""

    kind: str
    count: int
    """At least so many: some containers cut messages up."""
    kept: int = 0
    """So many are in what is delivered."""

    @property
    def title(self) -> str:
        """For people."""
        return _KINDS[self.kind][0]

    def to_dict(self) -> dict[str, object]:
        """An entry of the certificate's ``credentials.other``."""
        after = "kept" if self.kept >= self.count else "in part" if self.kept else "lost"
        return {"kind": self.kind, "messages": self.count, "before": "present, not verified", "after": after}


def manifest_bytes(source: SourceInfo) -> int:
    """The length of the C2PA manifest inside a source, 0 where there is none."""
    if source.still is not None:
        return sum(item.bytes for item in source.still.items if item.kind == "c2pa")
    try:
        return sum(_in_container(source.path))
    except OSError:
        return 0


def _in_container(path: Path) -> Iterator[int]:
    """The lengths of manifests among the outermost boxes of MP4 and chunks of AVI."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        riff = head[:4] == b"RIFF"
        if not riff and head[4:8] not in _ISO_BRANDS:
            return
        place, order = (12, "little") if riff else (0, "big")
        for _ in range(_MOST_BOXES):
            file.seek(place)
            head = file.read(32)
            if len(head) < 8:
                return
            name, length = (head[:4], head[4:8]) if riff else (head[4:8], head[:4])
            inside = int.from_bytes(length, "little" if order == "little" else "big")
            if riff:
                if name == b"C2PA":
                    yield inside
                place += 8 + inside + inside % 2
                continue
            wide = inside == 1
            inside = int.from_bytes(head[8:16], "big") if wide else inside or size - place
            if name == b"uuid" and head[16 if wide else 8 :][:16] == _C2PA_UUID:
                yield inside
            if inside < 8:
                return
            place += inside


def messages(path: Path) -> tuple[Messages, ...]:
    """Signatures inside the video streams of a file, by their kinds."""
    if not path.stat().st_size:
        return ()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        counts = {kind: _count(data, mark) for kind, (_, mark) in _KINDS.items()}
    return tuple(Messages(kind=kind, count=count) for kind, count in counts.items() if count)


def _count(data: mmap.mmap, mark: bytes) -> int:
    count, place = 0, data.find(mark)
    while place >= 0:
        count, place = count + 1, data.find(mark, place + len(mark))
    return count


def survive(before: Sequence[Messages], delivered: Sequence[Path]) -> tuple[Messages, ...]:
    """The same with how many are in the delivered files together."""
    after = [item for path in delivered for item in messages(path)] if before else []
    return tuple(
        Messages(kind=item.kind, count=item.count, kept=sum(now.count for now in after if now.kind == item.kind))
        for item in before
    )


def fates_of(found: Sequence[Messages]) -> tuple[ItemFate, ...]:
    """What became of them, in words."""
    fates = []
    for item in found:
        if item.kept >= item.count:
            fate, note = Fate.KEPT, "present, not verified; its messages are copied along"
        elif item.kept:
            fate, note = Fate.CONVERTED, f"present, not verified; {item.kept} of {item.count} messages are copied along"
        else:
            fate, note = Fate.LOST, "present, not verified; re-encoding makes other pictures than were signed"
        fates.append(ItemFate(item=item.title, fate=fate, note=note))
    return tuple(fates)

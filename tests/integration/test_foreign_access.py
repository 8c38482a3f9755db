"""Files that point elsewhere: under strace nothing is opened but the sources and what the tool needs, and no network.

All of them go through one run of the real command line; beside them lies the bait that they point at.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers import clips, pictures
from transcoder.settings import Settings

BAIT = ("bait.mp4", "bait.mkv", "bait.txt", "frame001.jpg", "x.mp4", "a", "b")
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_NAME_SERVICE = 'sun_path="/var/run/nscd/socket"'
_UNFINISHED = " <unfinished ...>"
_GIVEN = re.compile(r" = \d+<(.*)>$")
"""What the system says it opened: no link and no folder to start from is left to guess."""
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OPENED = frozenset(("open", "openat", "openat2", "creat"))


def referring_mp4(clip: bytes, location: bytes) -> bytes:
    """The clip with its samples declared to be in another file."""
    own = struct.pack(">I4sI", 12, b"url ", 1)
    at = clip.index(own)
    made = bytearray(clip.replace(own, struct.pack(">I4sI", 13 + len(location), b"url ", 0) + location + b"\0", 1))
    for kind in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        where = clip.rindex(kind, 0, at) - 4
        (size,) = struct.unpack_from(">I", made, where)
        struct.pack_into(">I", made, where, size + len(location) + 1)
    return bytes(made)


def linked_matroska(clip: bytes) -> bytes:
    """The clip whose next segment is said to be in another file, in place of the name of the muxer."""
    at = clip.index(b"\x4d\x80")
    size = clip[at + 2] & 0x7F
    link = b"\x3e\x83\xbb" + bytes([0x80 | (size - 1)]) + b"bait.mkv".ljust(size - 1, b"\0")
    return clip[:at] + link + clip[at + 3 + size :]


def pointing_jpeg(jpeg: bytes) -> bytes:
    """The picture with a remote manifest in its XMP."""
    xmp = (
        b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="http://127.0.0.1:9/manifest.c2pa"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp + jpeg[2:]


def make_sources(folder: Path) -> list[str]:
    """The files that go through the run; the bait lies beside them."""
    clip = clips.write_clip(folder / "x.mp4").read_bytes()
    drawn = io.BytesIO()
    pictures.rgb(64, 48).save(drawn, "JPEG")
    jpeg = drawn.getvalue()
    for name in BAIT:
        (folder / name).write_bytes(clip)
    matroska = clips.write_clip(folder / "plain.mkv").read_bytes()
    (folder / "plain.mkv").unlink()
    bait = os.fsencode(folder / "bait.mp4")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">'
    made = {
        "dref.mp4": referring_mp4(clip, b"file://" + bait),
        "dref.mov": referring_mp4(clip, b"bait.mp4"),
        "playlist.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://" + bait + b"\n#EXT-X-ENDLIST\n",
        "remote.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "concat.mkv": b"ffconcat version 1.0\nfile bait.mp4\n",
        "session.mp4": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
        b"a=rtpmap:96 H264/90000\n",
        "drawing.png": svg + b'<image xlink:href="bait.txt" width="9" height="9"/></svg>',
        "script.png": b"%!PS\n(bait.txt) (r) file pop\nshowpage\n",
        "mvg.jpg": b"push graphic-context\nimage over 0,0 0,0 'bait.txt'\npop graphic-context\n",
        "manifest.jpg": pointing_jpeg(jpeg),
        "linked.mkv": linked_matroska(matroska),
        "frame%03d.jpg": jpeg,
        "http:x.mp4": clip,
        "concat:a|b": clip,
        "subfile,,start,0,end,0,,:x.mp4": clip,
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return list(made)


@dataclass(frozen=True)
class Call:
    """One call that the run made of the system."""

    name: str
    rest: str

    @property
    def done(self) -> bool:
        return " = -1 " not in self.rest

    @property
    def paths(self) -> list[str]:
        return [_plain(text) for text in _PATH.findall(self.rest)]

    @property
    def opened(self) -> str:
        found = _GIVEN.search(self.rest)
        return _plain(found[1]).removesuffix("(deleted)") if found and self.name in _OPENED else ""


def _plain(text: str) -> str:
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape")


def traced(
    arguments: Sequence[str | Path], cwd: Path, log: Path
) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
    """Run under strace with all it starts."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    options: list[str | Path] = [
        "-f",
        "-y",
        "-qq",
        "--seccomp-bpf",
        "-s",
        "4096",
        "-e",
        "trace=%file,%network",
        "-e",
        "signal=none",
        "-o",
        log,
    ]
    if subprocess.run([strace, *options, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let strace look into processes")
    result = subprocess.run(
        [strace, *options, sys.executable, "-m", "transcoder", *arguments], capture_output=True, text=True, timeout=300,
        check=False, cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return result, list(_calls(log.read_text(encoding="utf-8", errors="replace").splitlines()))


def _calls(lines: Iterable[str]) -> Iterator[Call]:
    """The calls of all threads; one that another thread's call interrupts is on two lines."""
    begun: dict[str, tuple[str, str]] = {}
    for line in lines:
        if found := _RESUMED.match(line):
            thread, rest = found.groups()
            name, first = begun.pop(thread)
            yield Call(name, first + rest)
        elif found := _CALL.match(line):
            thread, name, rest = found.groups()
            if rest.endswith(_UNFINISHED):
                begun[thread] = (name, rest.removesuffix(_UNFINISHED))
            else:
                yield Call(name, rest)
    yield from (Call(name, rest) for name, rest in begun.values())


def allowed(out: Path, keys: Path) -> tuple[str, ...]:
    """Where the run may open files beside its sources: the output folder, Python, this project, and the system's."""
    own = {sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry.endswith(("-packages", "lib-dynload")))}
    folders = [out, keys, ROOT / "transcoder", ROOT / "profiles", ROOT / "docs", *map(Path, own)]
    cache = Settings.from_environment().sandbox.kernels
    folders += [cache] if cache is not None else []
    folders.append(Settings.from_environment().home / "audit")
    system = (
        "/usr/lib", "/usr/local/lib", "/usr/share", "/lib", "/lib64", "/proc", "/sys", "/dev/null", "/dev/zero",
        "/dev/random", "/dev/urandom", "/dev/shm", "/etc/ld.so.cache", "/etc/ssl/openssl.cnf", "/etc/localtime",
        "/etc/locale.alias", "/etc/nsswitch.conf", "/etc/passwd",  # where the user's own folders are
    )  # fmt: skip
    return (*system, *{str(path.absolute()) for path in folders}, *{str(path.resolve()) for path in folders})


def test_nothing_that_a_file_points_at_is_opened(tmp_path: Path, keys_folder: Path) -> None:
    folder, out = tmp_path / "sources", tmp_path / "out"
    folder.mkdir()
    names = make_sources(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    arguments: list[str | Path] = ["apply", "--progress", "none", "--jobs", "2", "--out", out, "--", *names]
    result, calls = traced(arguments, folder, tmp_path / "trace")
    assert result.returncode in (0, 3, 4), result.stderr
    assert "Traceback" not in result.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    opened = {call.opened for call in calls} - {""}
    sources = {str(folder / name) for name in names}
    assert sources <= opened, "the trace saw no sources"

    assert {path for call in calls for path in call.paths if Path(path).name in BAIT} == set()
    known = allowed(out, keys_folder)
    beside = {path for path in opened - sources if not any(Path(path).is_relative_to(place) for place in known)}
    # Looking into a folder, on the way to a module or to sync a name, opens it.
    assert {path for path in beside if not Path(path).is_dir()} == set()
    sockets = [call for call in calls if call.name in ("socket", "connect", "bind", "sendto", "sendmsg", "sendmmsg")]
    assert [call for call in sockets if "AF_UNIX" not in call.rest and call.done] == []
    # The C library asks the name service of this machine, where there is one, for the user's own folder.
    spoken = [call for call in sockets if call.name != "socket" and _NAME_SERVICE not in call.rest]
    assert spoken == []

"""The readers that are ours, each as a function of bytes, with the one thing that must hold for all of them.

A reader gives a value, or raises one ``TranscodeError`` (where it is documented so, a ``ValueError`` that its caller
takes): in one line, with a stable code, within bounded time and memory. Any other exception is a finding.
"""

from __future__ import annotations

import base64
import json
import re
import resource
import shutil
import signal
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import strategies as st

from tests.fuzz import mutations
from tests.helpers import auditlogs, deliveries, factories, still_kinds
from tests.helpers import receiving as receiver
from tests.helpers.regions import region
from transcoder import app, checking, receiving
from transcoder import profile as profiles
from transcoder.audit import reading
from transcoder.audit.log import AuditLog
from transcoder.certificate import chain, cms, form
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.certificate.verify import verify
from transcoder.cli import arguments, render
from transcoder.encode import pdf
from transcoder.errors import CertificateError, TranscodeError
from transcoder.media import anatomy, documents
from transcoder.media.anatomy import png, tiff
from transcoder.metrics import packing
from transcoder.model import Box, CaseFields, RegionKind, RegionSet, SourceInfo
from transcoder.model.value import exact_clock, parse_clock
from transcoder.parts.survey import family
from transcoder.parts.volumes import expected_from_names, parse_name, volume_name
from transcoder.profile import Profile
from transcoder.regions import drawn
from transcoder.regions import packing as region_packing
from transcoder.request import Services
from transcoder.sandbox import parent, wire
from transcoder.sandbox.limits import Mode, Policy
from transcoder.settings import Settings
from transcoder.storage.local import LocalStore

_UNCONFINED = Settings(keys_dir=Path(tempfile.mkdtemp()) / "keys", audit=False, sandbox=Policy(mode=Mode.OFF))
BOUND_S = 20
"""A reader of a small file that needs this long has hung; a thousand times what any of them takes."""
_MOST_GROWTH_BYTES = 700 << 20
_LONGEST_LINE, _LONGEST_NAME = 4000, 255
_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Finding(AssertionError):
    """A reader did what none may do."""


@contextmanager
def bounded() -> Iterator[None]:
    """Time and memory within generous bounds."""

    def hung(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise Finding(f"not done after {BOUND_S} s")

    before, peak = signal.signal(signal.SIGALRM, hung), _peak_bytes()
    signal.setitimer(signal.ITIMER_REAL, BOUND_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if (growth := _peak_bytes() - peak) > _MOST_GROWTH_BYTES:
        raise Finding(f"took {growth >> 20} MiB of memory")


def _peak_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def stable(error: TranscodeError) -> str:
    """The code of an error that keeps its promises."""
    line = str(error)
    if len(line.splitlines()) != 1 or len(line) > _LONGEST_LINE:
        raise Finding(f"an error of {len(line.splitlines())} lines and {len(line)} characters: {line[:200]!r}")
    if not _CODE.fullmatch(error.code) or error.code == "internal":
        raise Finding(f"no stable code: {error.code!r}: {line[:200]}")
    return error.code


def settled(action: Callable[[], Any], *also: type[Exception]) -> Any:
    """What a reader gives, or None where it refused as it may.

    :param also: what it may raise beside ``TranscodeError``.
    """
    with bounded():
        try:
            return action()
        except TranscodeError as error:
            stable(error)
        except also:
            pass
    return None


@dataclass(frozen=True)
class Bench:
    """Where the targets work: an empty folder and a signing key."""

    folder: Path
    pair: KeyPair

    def file(self, name: str, data: bytes) -> Path:
        """Write an input."""
        path = self.folder / name
        path.write_bytes(data)
        return path

    @cached_property
    def parcel(self) -> deliveries.Parcel:
        """A delivery in one file."""
        return deliveries.make(self.folder / "parcel", self.pair)

    @cached_property
    def authority(self) -> Path:
        """The authority that signed, as a receiver has it."""
        pem = b"".join(item.public_bytes(Encoding.PEM) for item in self.pair.chain)
        return self.file("authority.pem", pem)

    @cached_property
    def refusal(self) -> deliveries.Parcel:
        """A signed refusal."""
        return deliveries.make(self.folder / "refusal", self.pair, refused=True)

    @cached_property
    def log(self) -> AuditLog:
        """An audit log with signed checkpoints."""
        log = auditlogs.make(self.folder / "original", self.pair)
        for number in range(5):
            _entry(log, number)
        return log

    @cached_property
    def receipt(self) -> dict[str, Any]:
        """A receipt for the delivery."""
        return receiver.receipt_for(self.parcel, self.pair)

    @cached_property
    def statements(self) -> list[Any]:
        """Valid statements of every kind that needs no encoding."""
        made = [json.loads(parcel.certificate.read_bytes()) for parcel in (self.parcel, self.refusal)]
        return [*made, *(change(json.loads(self.parcel.certificate.read_bytes())) for change in _KINDS)]


def _entry(log: AuditLog, number: int) -> None:
    log.record("apply-begun", {"job": f"{number}", "source": {"name": "x", "sha256": factories.SHA}})
    log.record(
        "apply-ended",
        {
            "job": f"{number}", "source": {"sha256": factories.SHA}, "outcome": "delivered",
            "delivery": {"certificate_sha256": factories.SHA, "out": "/x", "verdict": "lossless"},
        },
    )  # fmt: skip


def _with_volumes(statement: dict[str, Any]) -> dict[str, Any]:
    source = statement["predicate"]["source"]
    statement["predicate"]["original"] = {
        "name": "master.avi", "bytes": source["bytes"], "sha256": source["sha256"], "volume_bytes": 1000,
        "volumes": ["ab" * 32, "cd" * 32, "ef" * 32],
    }  # fmt: skip
    return statement


def _with_parts(statement: dict[str, Any]) -> dict[str, Any]:
    predicate = statement["predicate"]
    predicate["files"][0]["role"] = "part"
    predicate["parts"] = [
        {"number": 1, "name": predicate["files"][0]["name"], "first_frame": 0, "frames": 50, "start_s": "0",
         "end_s": "2", "offset_s": "1/3", "p1": {"frame": 0.9}},
    ]  # fmt: skip
    return statement


def _with_tiles(statement: dict[str, Any]) -> dict[str, Any]:
    predicate = statement["predicate"]
    predicate["pieces"] = {
        "kind": "tiles", "size": [640, 360], "mode": "RGB", "pixels_sha256": "ab" * 32, "overview": None,
        "items": [{"name": predicate["files"][0]["name"], "box": [0, 0, 640, 360]}],
    }  # fmt: skip
    return statement


_KINDS = (_with_volumes, _with_parts, _with_tiles)


# The targets -----------------------------------------------------------------------------------------------------


def profile(bench: Bench, data: bytes) -> None:
    """A profile of a user's own."""
    path = bench.file("own.toml", data)
    found = settled(lambda: profiles.load(path))
    if found is not None:
        assert profiles.MIN_CAP_BYTES <= found.payload_cap_bytes <= found.cap_bytes <= profiles.MAX_CAP_BYTES
        assert all(0 <= floor <= 1 for floor in found.floors.values())
        assert Profile.from_toml(data.decode(), origin=str(path)).sha256 == found.sha256


def regions(bench: Bench, data: bytes) -> None:
    """A file of regions that a person marked, for a video and for a picture."""
    path = bench.file("regions.json", data)
    for source in (factories.video_source(), factories.still_source()):
        found = settled(lambda source=source: drawn.load(path, source))  # type: ignore[misc]
        if found is not None:
            assert region_packing.unpack(region_packing.pack(found)) == found


def case(bench: Bench, data: bytes) -> None:
    """The command line's file of case fields; what it takes can be signed."""
    path = bench.file("case.json", data)
    fields = settled(lambda: arguments.case_fields(path, {}))
    if fields is not None:
        assert isinstance(fields, CaseFields)
        form.parse(form.canonical(factories.statement(case=fields)))


def certificate(bench: Bench, data: bytes) -> None:
    """A statement beside the signature of another: no byte of it may differ."""
    settled(lambda: form.parse(data))
    parcel = bench.parcel
    original = parcel.certificate.read_bytes()
    place = bench.folder / "altered"
    _delivery(parcel, place, data, parcel.signature.read_bytes())
    with bounded():
        result = verify(place / parcel.certificate.name, anchors=bench.pair.chain, source=parcel.master, measure=None)
    for step in result.steps:
        assert len(step.detail.splitlines()) <= 1, step
    if result.ok != (data == original):
        raise Finding("a changed statement verified, or an untouched one did not")


def signed(bench: Bench, data: bytes) -> None:
    """A statement that makes no sense, signed by somebody who is trusted: verified, reported, joined."""
    parcel = bench.parcel
    place = bench.folder / "signed"
    _delivery(parcel, place, data, PemSigner(bench.pair).sign(data))
    path = place / parcel.certificate.name
    with bounded():
        result = verify(path, anchors=bench.pair.chain, source=parcel.master, measure=None)
    if result.ok:
        report = bench.folder / "again.html"
        settled(lambda: checking.render_report(path, out=report, ca=bench.authority, settings=_UNCONFINED))
        report.unlink(missing_ok=True)
    services = Services(
        store=LocalStore(place), signer=PemSigner(bench.pair), anchors=bench.pair.chain, now=lambda: factories.NOW,
        sandbox=Policy(mode=Mode.OFF),
    )  # fmt: skip
    settled(lambda: receiving.receive(path, services, name=None, tick=lambda *_: None))
    out = bench.folder / "joined.png"
    for original in (False, True):
        settled(lambda original=original: app.join(  # type: ignore[misc]
            path, out=out, original=original, ca=bench.authority, settings=_UNCONFINED
        ))  # fmt: skip
        out.unlink(missing_ok=True)


def receipt(bench: Bench, data: bytes) -> None:
    """A receipt that makes no sense, signed by somebody who is trusted: step 12 and what is shown of it."""
    place = bench.folder / "receipted"
    parcel = bench.parcel
    _delivery(parcel, place, parcel.certificate.read_bytes(), parcel.signature.read_bytes())
    (place / "clip.receipt.json").write_bytes(data)
    (place / "clip.receipt.json.p7s").write_bytes(PemSigner(bench.pair).sign(data))
    with bounded():
        result = verify(place / parcel.certificate.name, anchors=bench.pair.chain, source=None, measure=None)
        json.dumps(result.to_dict())


def audit_log(bench: Bench, data: bytes) -> None:
    """The lines of a log that somebody changed: checked, shown, searched, and written to."""
    log = auditlogs.make(bench.folder / "log", bench.pair)
    shutil.rmtree(log.folder, ignore_errors=True)
    shutil.copytree(bench.log.folder, log.folder)
    (path,) = log.folder.glob("*.jsonl")
    original = path.read_bytes()
    path.write_bytes(data)
    found = settled(lambda: auditlogs.verified(log, bench.pair))
    if found is not None and found.ok:
        signed_lines = slice(found.signed_entries)
        if data.split(b"\n")[signed_lines] != original.split(b"\n")[signed_lines]:
            raise Finding("a changed log verified")
    for entry in settled(lambda: list(reading.select(log.folder))) or ():
        render.audit_line(entry)
    settled(lambda: log.sent({"source": {"sha256": factories.SHA}}))
    settled(lambda: log.record("apply-begun", {}))


def _delivery(parcel: deliveries.Parcel, place: Path, content: bytes, signature: bytes) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(parcel.folder, place)
    (place / parcel.certificate.name).write_bytes(content)
    (place / parcel.signature.name).write_bytes(signature)


def signature(bench: Bench, data: bytes) -> None:
    """A detached signature beside an untouched statement: only the one that was made holds."""
    content, made = bench.parcel.certificate.read_bytes(), bench.parcel.signature.read_bytes()
    facts = settled(lambda: cms.verify_detached(content, data))
    holds = facts is not None and chain.find_anchor(facts.chain, bench.pair.chain) is not None
    if holds != (data == made):
        raise Finding("a changed signature holds, or the untouched one does not")


def packed_series(_bench: Bench, data: bytes) -> None:
    """Scores in a certificate."""
    text = data.decode("latin-1")
    values = settled(lambda: packing.unpack(text), ValueError)
    if values and len(values) < 10_000 and all(-1 <= value <= 1 for value in values):
        assert packing.unpack(packing.pack(values, max_bytes=1 << 20).data) == values
    numbers = settled(lambda: packing.unpack_numbers(text), ValueError)
    if numbers and len(numbers) < 10_000:
        assert packing.unpack_numbers(packing.pack_numbers(numbers)) == numbers


def packed_regions(_bench: Bench, data: bytes) -> None:
    """Regions in a certificate."""
    found = settled(lambda: region_packing.unpack(data.decode("latin-1")), ValueError)
    if found is not None:
        assert region_packing.unpack(region_packing.pack(found)) == found


def page(bench: Bench, data: bytes) -> None:
    """A PDF that says it is one of our pages."""
    path = bench.file("page.pdf", data)
    settled(lambda: documents.load(path))


def blocks(bench: Bench, data: bytes) -> None:
    """The metadata of a picture, read as every format in turn: a file's name and its content need not agree."""
    path = bench.file("picture.bin", data)
    for name in anatomy._WALKERS:
        with bounded():
            found = anatomy.blocks(path, name)
        assert len(found) <= 202, name
        for item in found:
            item.item.name.encode()
            assert item.item.bytes <= (len(data) + 100) * 1100
    with bounded():
        tiff.exif_block(data)
        tiff.summary(data)
        for kind in (b"tEXt", b"zTXt", b"iTXt"):
            png.text_of(data, kind)


def wires(_bench: Bench, data: bytes) -> None:
    """What a child that was taken over may send: nothing but values of the expected type and errors of ours."""

    def read() -> None:
        seen = parent._Seen()
        for message in wire.Unframer().feed(data):
            if not parent._on_the_way(message, seen, lambda *_: None, lambda *_: None):
                for kind in (SourceInfo, RegionSet, tuple[int, int]):
                    answered(kind, message)

    def answered(kind: Any, message: dict[str, Any]) -> None:
        try:
            value = parent._value(kind, message, "clip.avi")
        except TranscodeError as error:
            if error.code != "internal":  # a child may report a fault of its own
                stable(error)
        except (wire.WireError, OSError):
            pass
        else:
            again = wire.decode(kind, wire.encode(value))
            assert again == value or "nan" in repr(value)

    settled(read, wire.WireError)


def names(bench: Bench, data: bytes) -> None:
    """File names, as a folder of volumes that arrived has them."""
    folder = bench.folder / "names"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for line in (line[:_LONGEST_NAME] for line in data.split(b"\n")[:50]):
        name = line.decode("utf-8", "surrogateescape")
        parsed = settled(lambda name=name: parse_name(name))  # type: ignore[misc]
        if parsed is not None:
            assert volume_name(*parsed) == name
        settled(lambda name=name: family(name))  # type: ignore[misc]
        settled(lambda name=name: volume_name(name, 1, 2))  # type: ignore[misc]
        if line and not set(line) & {0, 0x2F} and line not in (b".", b".."):
            (folder / name).write_bytes(line)
    found = settled(lambda: expected_from_names(folder))
    if found is not None:
        assert len(found.paths) + len(found.missing) == found.count


def clock(_bench: Bench, data: bytes) -> None:
    """A time on the command line."""
    text = data.decode("utf-8", "surrogateescape").replace("\udc80", "")
    moment = settled(lambda: parse_clock(text))
    if moment is not None and moment < 9999 * 3600:
        assert abs(parse_clock(exact_clock(moment)) - moment) <= Fraction(1, 2000)


# What goes in ----------------------------------------------------------------------------------------------------

_REGIONS = [
    {"version": 1, "regions": [{"kind": "face", "box": [10, 10, 50, 60], "note": "him"},
                               {"kind": "plate", "polygon": [[1, 1], [90, 5], [40, 80]], "from_s": 0.5, "to_s": 3}]},
    {"version": 1, "regions": [{"kind": "motion", "box": [0, 0, 100000, 100000], "from_s": 1}]},
]  # fmt: skip
_CASES = [{"urn": "01AB", "exhibit": "JS/1", "operator": "J. Smith", "description": "till 2"}, {"exhibit": "A"}]
_CLOCKS = [b"130.4", b"2:10.4", b"00:02:10.400", b"9999:99999:9999999.999999999"]
_NAMES = [b"a.avi.vol-001-of-003\na.avi.vol-003-of-003\nb", b"x_part-1-of-2.mp4\nx.vol-999999-of-999999",
          "é.vol-001-of-001\nx_tile-1.png".encode()]  # fmt: skip


def _messages() -> list[Any]:
    found = [wire.encode(source) for source in (factories.video_source(), factories.still_source())]
    found.append(wire.encode(RegionSet(regions=())))
    results = [{"kind": "result", "value": value} for value in found]
    error = wire.describe_error(CertificateError("m", where="w", hint="h", details={"a": [1]}))
    return [
        *results,
        {"kind": "error", "value": error},
        {"kind": "tick", "phase": "encode", "done": 1, "total": 2},
        {"kind": "note", "name": "stem", "value": "a"},
        {"kind": "layers", "value": {"limits": True, "no_new_privileges": True, "landlock": 4, "seccomp": True}},
        {"kind": "os-error", "number": 28, "message": "No space left", "filename": None},
        {"kind": "fault", "name": "ValueError", "message": "x"},
        {"kind": "memory"},
    ]


def _framed(document: Any) -> bytes:
    return wire.framed(mutations.written(document))


def _pages(bench: Bench) -> list[bytes]:
    found = []
    for kind, (name, make) in still_kinds.MADE_KINDS.items():
        if name in ("rich.jpg", "deep.png", "palette.png"):
            path = bench.file(name, make())
            target = bench.folder / f"{name}.pdf"
            if settled(lambda: pdf.page(path, "caption", target, title=kind)) is not None:  # noqa: B023
                found.append(target.read_bytes())
    return found


def _series() -> list[bytes]:
    values = [1 - number % 7 / 100 for number in range(300)]
    numbers = packing.pack_numbers([3, 7, 8, 4000])
    return [packing.pack(values, max_bytes=4000).data.encode(), numbers.encode()]


def _packed_regions() -> list[bytes]:
    found = [
        region((0, Box(1, 2, 30, 40)), (900, (Box(5, 5, 6, 6), Box(50, 50, 9, 9))), kind=RegionKind.FACE, note="é"),
        region((0, Box(0, 0, 640, 360)), kind=RegionKind.MOTION, id="m1"),
    ]
    return [region_packing.pack(found).encode()]


@st.composite
def _repacked(draw: st.DrawFn) -> bytes:
    """Packed regions whose inside was changed, so that base64 and deflate still hold."""
    (seed,) = _packed_regions()
    rows = json.loads(zlib.decompress(base64.b64decode(seed)))
    return base64.b64encode(zlib.compress(draw(mutations.changed_json([rows]))))


@cache
def _bomb(unit: bytes, size: int) -> bytes:
    return zlib.compress(unit * (size // len(unit)), 9)


@st.composite
def _bombs(draw: st.DrawFn) -> bytes:
    """Deflated data that is far larger than it looks, cut anywhere."""
    packed = _bomb(draw(st.sampled_from([b"\0", b"[", b'[["'])), draw(st.sampled_from([1000, 1_000_000, 65_000_000])))
    return base64.b64encode(packed[: draw(st.integers(0, len(packed)))] if draw(st.booleans()) else packed)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def inputs(bench: Bench) -> Mapping[str, st.SearchStrategy[bytes]]:
    """What each target is fed, by its name."""
    shipped = [profiles.read_text(name)[0] for name in profiles.shipped_names()]
    pictures = [make() for _, make in still_kinds.MADE_KINDS.values()]
    statements = bench.statements
    return {
        "profile": mutations.changed_toml(shipped),
        "regions": mutations.changed_json(_REGIONS),
        "case": mutations.changed_json(_CASES),
        "certificate": st.one_of(
            mutations.changed_json(statements[:1]),
            mutations.damaged([bench.parcel.certificate.read_bytes()]),
            st.just(bench.parcel.certificate.read_bytes()),
        ),
        "signed": mutations.changed_json(statements, most=2),
        "receipt": mutations.changed_json([bench.receipt]),
        "audit_log": mutations.damaged([path.read_bytes() for path in bench.log.folder.glob("*.jsonl")]),
        "signature": mutations.damaged([bench.parcel.signature.read_bytes()]),
        "packed_series": st.one_of(mutations.damaged(_series()), _bombs()),
        "packed_regions": st.one_of(mutations.damaged(_packed_regions()), _repacked(), _bombs()),
        "page": mutations.damaged(_pages(bench)),
        "blocks": mutations.damaged(pictures),
        "wires": st.one_of(
            mutations.changed_json(_messages(), write=_framed),
            mutations.damaged([wire.frame(message) for message in _messages()]),
        ),
        "names": st.one_of(mutations.damaged(_NAMES), st.text(max_size=60).map(_utf8)),
        "clock": st.one_of(mutations.damaged(_CLOCKS), st.text("0123456789.:٣１ \n-e", max_size=30).map(str.encode)),
    }  # fmt: skip


TARGETS: Mapping[str, Callable[[Bench, bytes], None]] = {
    target.__name__: target
    for target in (
        profile, regions, case, certificate, signed, receipt, audit_log, signature,
        packed_series, packed_regions, page, blocks, wires,
        names, clock,
    )
}  # fmt: skip
"""Name -> what is done with an input; it raises where the reader misbehaves."""

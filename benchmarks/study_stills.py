"""Which JPEG encoder, chroma sampling and table keep most of a picture at the same bytes?

``python -m benchmarks.study_stills`` (about half an hour; ``--quick``: a few pictures) writes
``results/study_stills.md``. Pictures come from the corpus beside the repository and from scikit-image. Beside
the product's packages it wants ``pyvips-binary``, ``pyjpegli``, ``rapidocr``, ``ssimulacra2`` and ``jpeglib``, and
leaves out, with a line, what is missing.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import skimage

from benchmarks import study_stills_regions as by_region
from benchmarks.study_stills_encoders import TABLES, Encode, Filler, jpegs, moz, pillow
from benchmarks.study_stills_scoring import Subject, score
from benchmarks.study_stills_tables import Row, read_rows, render, write_rows
from transcoder.media import stills
from transcoder.model.region import Box

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
RESULTS = Path(__file__).parent / "results"
CAPS = (1_000_000, 300_000, 100_000, 50_000, 30_000, 15_000)
SAMPLINGS = ("4:4:4", "4:2:0")
REGION_STEPS = (4, 12)
"""Qualities above the plain one that regions are given."""
LARGE_PX = 3_000_000
"""Above it only the encoders themselves are compared, in few tables."""
OURS = {"4:4:4": 0, "4:2:0": 3}
"""mozjpeg's tables of the product, as this study found them, for what is compared within one encoder."""
REGION_TABLE = 0
FAVOURITES = (0, 1, 3)
"""The tables that were best or mozjpeg's own choice when all nine were tried (``--all-tables``)."""
FACES = {
    # Found by YuNet once and looked at; several faces count with the worst of them.
    "Canon_IXUS_v2.jpg": [(740, 220, 445, 488)],
    "Canon_PowerShot_A560.jpg": [
        (2342, 452, 285, 380), (1807, 416, 308, 448), (1012, 508, 326, 436), (385, 737, 356, 437),
    ],
    "DudleyLeavittUtah.tiff": [(66, 52, 69, 84)],
    "astronaut.png": [(178, 62, 90, 113)],
    "kodak-dc210.jpg": [(1, 249, 44, 54), (290, 221, 45, 68), (151, 173, 35, 44), (428, 253, 63, 93)],
    "sony-d700.jpg": [(240, 122, 30, 37), (98, 73, 41, 56)],
}  # fmt: skip
PACKAGES = (
    "pillow", "pyvips-binary", "pyjpegli", "mozjpeg-lossless-optimization", "ssimulacra2", "jpeglib", "rapidocr",
)  # fmt: skip
_PLATE = re.compile(r"plate=(\w+) bbox\(x,y,w,h\)=(\d+),(\d+),(\d+),(\d+)")


def subjects(quick: bool) -> Iterator[Subject]:
    """The pictures, small ones first, and one at a time: large ones need not be held together."""
    plates = {}
    manifest = CORPUS / "MANIFEST.tsv"
    for line in manifest.read_text("utf-8").splitlines() if manifest.exists() else ():
        if found := _PLATE.search(line):
            plates[line.split("\t")[0].rsplit("/", 1)[1]] = (found[1], [tuple(int(found[n]) for n in range(2, 6))])
    paths = [path for name in ("plates", "photos", "opencv", "forensics", "exif-samples")
             for path in sorted((CORPUS / "stills" / name).glob("*"))]  # fmt: skip
    photographs = Path(skimage.__file__).parent / "data"
    paths += [photographs / f"{name}.png" for name in ("astronaut", "coffee", "chelsea", "motorcycle_left")]
    described = [(path, info) for path in paths if (info := stills.identify(path)) is not None]
    described.sort(key=lambda item: item[1].width * item[1].height)
    for path, info in described[:: 6 if quick else 1]:
        plate, boxes = plates.get(path.name, ("", FACES.get(path.name, [])))
        picture = stills.as_rgb(stills.load(path))[0]
        yield Subject(
            name=path.name, path=path, picture=picture, sampling=info.subsampling, plate=plate,
            boxes=tuple(Box(*box) for box in boxes),
        )  # fmt: skip


def caps_for(subject: Subject) -> list[int]:
    """Caps that make the encoder work: below the source's size, and for large pictures not absurd."""
    large = _pixels(subject) > LARGE_PX
    return [cap for cap in CAPS if cap < 0.9 * subject.path.stat().st_size and (not large or cap >= 300_000)]


def _pixels(subject: Subject) -> int:
    return subject.picture.width * subject.picture.height


def study(subject: Subject, tables: Sequence[int]) -> Iterator[Row]:
    """Every encoder at every cap."""
    large = _pixels(subject) > LARGE_PX
    for sampling, encoders in jpegs(dict.fromkeys(SAMPLINGS, tuple(OURS.values()) if large else tables)).items():
        grey = subject.picture.mode == "L"
        if (grey and sampling == "4:2:0") or (large and sampling == "4:4:4" and not subject.fine_chroma):
            continue
        for name, encode in encoders.items():
            filler = Filler(subject.picture, encode)
            for cap in caps_for(subject):
                found = filler.under(cap)
                if found is not None:
                    seconds = statistics.median(filler.seconds)
                    yield _row(subject, cap, "jpeg", f"{sampling} {name}", found[1], seconds, found[0])
                    small_cap = sampling == "4:2:0" and cap <= 50_000
                    if name == f"mozjpeg table {REGION_TABLE}" and subject.boxes and not large and small_cap:
                        yield from _by_region(subject, cap, sampling, encode, found[0])


def _by_region(subject: Subject, cap: int, sampling: str, encode: Encode, quality: int) -> Iterator[Row]:
    for step in REGION_STEPS:
        data = by_region.under(subject.picture, encode, min(98, quality + step), subject.boxes, cap)
        if data is not None:
            yield _row(subject, cap, "regions", f"{sampling} regions +{step}", data, float("nan"))


def study_modern(subject: Subject) -> Iterator[Row]:
    """Settings of WebP and AVIF, at two caps and on pictures small enough for the slow ones."""
    if _pixels(subject) > 1_000_000 or subject.picture.mode == "L":
        return
    contestants = {
        "WebP method 4": pillow("WEBP", method=4, exact=True),
        "WebP method 6": pillow("WEBP", method=6, exact=True),
        "AVIF 4:4:4 speed 6": pillow("AVIF", subsampling="4:4:4", speed=6, max_threads=2),
        "AVIF 4:2:0 speed 6": pillow("AVIF", subsampling="4:2:0", speed=6, max_threads=2),
        "AVIF 4:2:0 speed 6, tune ssim": pillow(
            "AVIF", subsampling="4:2:0", speed=6, max_threads=2, advanced={"tune": "ssim"}
        ),
        "AVIF 4:2:0 speed 8": pillow("AVIF", subsampling="4:2:0", speed=8, max_threads=2),
    }
    for name, encode in contestants.items():
        filler = Filler(subject.picture, encode)
        for cap in {30_000, 15_000} & set(caps_for(subject)):
            found = filler.under(cap)
            if found is not None:
                yield _row(subject, cap, "modern", name, found[1], statistics.median(filler.seconds))


def _row(
    subject: Subject, cap: int, group: str, tool: str, data: bytes, seconds: float, quality: int | None = None
) -> Row:
    return Row(
        picture=subject.name, cap=cap, group=group, tool=tool, quality=quality, fill=len(data) / cap,
        seconds_per_megapixel=seconds / (_pixels(subject) / 1e6), fine_chroma=subject.fine_chroma,
        large=_pixels(subject) > LARGE_PX, kind="plate" if subject.plate else "face" if subject.boxes else "",
        scores=score(subject, data),
    )  # fmt: skip


def _versions() -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} missing")
    return ", ".join(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and write its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few pictures; does not replace the whole table")
    parser.add_argument("--all-tables", action="store_true", help="mozjpeg's nine tables instead of three")
    parser.add_argument("--out", type=Path)
    parser.add_argument(
        "--rows", type=Path, help="keep the figures here, one JSON a line; a picture found is not repeated"
    )
    options = parser.parse_args(arguments)
    out = options.out or RESULTS / ("study_stills_part.md" if options.quick else "study_stills.md")
    moz("4:2:0", 0)  # a missing package is better said before than after half an hour
    rows = read_rows(options.rows)
    names: list[str] = []
    for subject in subjects(options.quick):
        names.append(f"{subject.name} ({subject.picture.width}x{subject.picture.height})")
        if any(row.picture == subject.name for row in rows):
            continue
        made = list(study(subject, TABLES if options.all_tables else FAVOURITES))
        if len(names) % 5 == 1:  # AVIF is slow, and its settings behave alike on all
            made += study_modern(subject)
        rows += made
        write_rows(options.rows, made)
        print(f"{names[-1]}: {len(made)} files", flush=True)
    out.write_text(render(rows, names, _versions(), OURS, REGION_TABLE), "utf-8")
    print(out)


if __name__ == "__main__":
    main()

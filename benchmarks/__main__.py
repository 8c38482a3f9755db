"""``python -m benchmarks``: this tool against what people use, at the same cap; see RESULTS.md."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import national, sheet, side_by_side
from benchmarks.footage import PICTURES, QUICK, VIDEOS
from benchmarks.product import ROOT
from benchmarks.side_by_side import RESULTS

PAGE = ROOT / "benchmarks" / "RESULTS.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- side by side: made by python -m benchmarks -->", "<!-- end of side by side -->"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the repository's own samples; writes nothing")
    parser.add_argument("--only", choices=("video", "pictures"), help="a part of it; the rest stays as it was")
    parser.add_argument("--write", action="store_true", help="only write the page anew from what is known")
    given = parser.parse_args()
    if given.quick:
        with tempfile.TemporaryDirectory() as folder:
            print(sheet.markdown(side_by_side.run(QUICK, Path(folder) / "rows.json")))
        return
    cases = {"video": VIDEOS, "pictures": PICTURES, None: (*PICTURES, *VIDEOS)}[given.only]
    write(side_by_side.run(() if given.write else cases))


def write(known: dict[str, object]) -> None:
    """The page, its drawings, and the table in README."""
    PAGE.write_text(sheet.markdown(known), encoding="utf-8")
    made = sheet.drawings(known)
    for path in RESULTS.parent.glob(f"{RESULTS.stem}_*.svg"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (RESULTS.parent / name).write_text(text, encoding="utf-8")
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    if rest:
        README.write_text(f"{before}{BEGIN}\n{sheet.headline(known)}{END}{after}", encoding="utf-8")
    national.write()


if __name__ == "__main__":
    main()

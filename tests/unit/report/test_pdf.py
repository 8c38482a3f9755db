"""The report as a PDF: its words can be selected, in any script, and it loads nothing and stays under the cap."""

from __future__ import annotations

import io
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from tests.helpers import factories, pictures
from tests.helpers.pango import needs_pango
from transcoder.errors import CapUnreachable, UsageError
from transcoder.model import CaseFields
from transcoder.report import html, pdf

pytestmark = needs_pango
NAMES = {"certificate": "a.certificate.json", "signature": "a.certificate.json.p7s", "report": "a.report.html"}


def page(statement: dict[str, Any] | None = None, max_bytes: int = 1_000_000) -> str:
    built = statement or factories.statement()
    shown = html.illustrate(
        built["predicate"], before=pictures.rgb(640, 360), after=pictures.rgb(640, 360, seed=2), max_bytes=max_bytes
    )
    return html.page(built, html.SignedBy("CN=Test", True), names=NAMES, shown=shown, max_bytes=max_bytes, paper=True)


def words(made: bytes, tmp_path: Path) -> str:
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler) is not installed")
    (tmp_path / "made.pdf").write_bytes(made)
    done = subprocess.run([tool, "-layout", str(tmp_path / "made.pdf"), "-"], capture_output=True, check=True)
    return " ".join(done.stdout.decode().split())


def test_text_is_text_in_any_script_and_hostile_text_too(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>{{7*7}}"
    case = CaseFields(operator="Zażółć Ιωάννης Иван", exhibit=hostile)
    made = pdf.make(page(factories.statement(case=case)), max_bytes=1_000_000)
    text = words(made, tmp_path)
    assert "Zażółć Ιωάννης Иван" in text
    assert hostile in text
    for expected in ("What it means for use", "passed every quality check", "CMS Verification successful", "Page 1 of"):
        assert expected in text
    for absent in ("Go to 0:", "Wipe", "Play both", "Moment"):
        assert absent not in text


def test_it_is_tagged_titled_a4_and_embeds_its_fonts() -> None:
    with pikepdf.open(io.BytesIO(pdf.make(page(), max_bytes=1_000_000))) as made:
        assert made.Root.MarkInfo.Marked
        assert str(made.Root.Lang) == "en"
        assert str(made.docinfo["/Title"]).startswith("Meets the fidelity floors")
        assert [round(float(side)) for side in made.pages[0].MediaBox] == [0, 0, 595, 842]
        fonts = [item for item in made.objects if isinstance(item, pikepdf.Dictionary) and item.get("/FontName")]
        assert fonts
        assert all("/FontFile2" in font or "/FontFile3" in font for font in fonts)
        assert not any(isinstance(item, pikepdf.Dictionary) and "/JS" in item for item in made.objects)
        shown = [item for item in made.objects if isinstance(item, pikepdf.Stream)
                 and item.get("/Subtype") == "/Image"]  # fmt: skip
        assert len(shown) == 4


def test_it_is_never_over_the_cap() -> None:
    full = len(pdf.make(page(), max_bytes=1_000_000))
    smaller = pdf.make(page(), max_bytes=full - 20_000)
    assert len(smaller) <= full - 20_000
    with pytest.raises(CapUnreachable, match="the PDF takes"):
        pdf.make(page(), max_bytes=10_000)


@pytest.mark.parametrize("address", ["file:///etc/hostname", "http://127.0.0.1:9/x.png", "/etc/hostname", "x.png"])
def test_nothing_is_fetched(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, opened = urllib.request.OpenerDirector.open, []

    def noted(self: Any, asked: Any, *rest: Any, **more: Any) -> Any:
        opened.append(getattr(asked, "full_url", asked))
        return real(self, asked, *rest, **more)

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", noted)
    raw = page().replace("</main>", f'<img src="{address}" alt="x"></main>')
    assert pdf.make(raw, max_bytes=1_000_000).startswith(b"%PDF-")
    assert opened
    assert all(item.startswith("data:") for item in opened)


def test_without_pango_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins
    import sys

    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "weasyprint")
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match="Pango") as caught:
        pdf.make(page(), max_bytes=1_000_000)
    assert caught.value.code == "pdf-unavailable"


def test_pillow_stays_as_strict_as_it_was() -> None:
    from PIL import ImageFile

    pdf.make(page(), max_bytes=1_000_000)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False

"""The committed table of picture formats is what the code does, and every picture of the corpus ends well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import CORPUS
from tests.helpers import formats_table
from transcoder import transcode
from transcoder.errors import InputError, NoAcceptableEncoding
from transcoder.model import Verdict
from transcoder.profile import load

PICTURES = frozenset(
    (".jpg", ".png", ".gif", ".tif", ".bmp", ".webp", ".heic", ".heif", ".avif", ".jp2", ".j2k", ".ico", ".psd", ".dds",
     ".pcx", ".sgi", ".msp", ".p7", ".spider", ".fli", ".blp", ".bin", ".icc", ".gpl", "")
)  # fmt: skip


@pytest.mark.corpus
def test_the_committed_table_is_what_the_code_does(corpus: Path) -> None:
    made = formats_table.render(list(formats_table.rows(corpus)))
    committed = formats_table.DOCUMENT.read_text(encoding="utf-8")
    differing = [pair for pair in zip(committed.splitlines(), made.splitlines(), strict=False) if pair[0] != pair[1]]
    assert made == committed, f"run python -m tests.helpers.formats_table; first difference: {differing[:1]}"


def _hostile() -> list[str]:
    files = sorted(CORPUS.glob("hostile/*/*"))
    return [str(path.relative_to(CORPUS)) for path in files if path.suffix.lower() in PICTURES and path.is_file()]


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real footage is not beside this checkout")
@pytest.mark.parametrize("name", _hostile())
def test_every_hostile_picture_is_delivered_refused_or_an_error(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    try:
        delivery = transcode(CORPUS / name, profile=load("cps-twif-1mb"), out=out)
    except NoAcceptableEncoding as error:
        assert error.delivery is not None
        assert "\n" not in str(error)
        return
    except InputError as error:
        assert "\n" not in str(error)
        assert error.code
        assert not out.exists()
        return
    assert delivery.verdict is not Verdict.REFUSED
    assert max(path.stat().st_size for path in out.iterdir()) <= 1_000_000

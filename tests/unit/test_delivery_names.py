"""Names of deliveries: safe on every file system, and long enough names still fit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers import factories
from transcoder.naming import delivery_stem

LONGEST_ENDING = ".certificate.json.p7s"


def stem(name: str, profile: str = "cps-twif-1mb") -> str:
    return delivery_stem(factories.video_source(path=Path("/evidence") / name), factories.profile(name=profile))


def test_source_profile_and_hash_are_in_the_name() -> None:
    assert stem("CAM 3.avi") == f"CAM_3_cps-twif-1mb_{factories.SHA[:8]}"


@pytest.mark.parametrize(
    "name",
    ["line\nbreak.avi", "$(reboot).avi", "-rf.avi", "..avi", ".hidden", "a:b*c?.avi", "a\\b.avi", "\udce9.avi",
     "  .avi", "a\u202ebgpj.avi", "\x1b[31m.avi"],
)  # fmt: skip
def test_hostile_names_become_safe_ones(name: str) -> None:
    safe = stem(name)
    assert re.fullmatch(r"[\w.-]+", safe)
    assert not safe.startswith((".", "-"))
    assert Path(safe).name == safe
    safe.encode()


@pytest.mark.parametrize("letter", ["a", "é", "事", "𝔘"])
def test_the_longest_names_still_fit_the_disk(letter: str) -> None:
    """A name may have 255 bytes; a source's own may have used them all already."""
    name = letter * (250 // len(letter.encode())) + ".avi"
    assert len((stem(name, "x" * 48) + LONGEST_ENDING).encode()) <= 255

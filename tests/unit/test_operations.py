"""What the operator's guide says of settings, units, containers and locks is so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from transcoder.sandbox.limits import LIMIT_NAMES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_READ = re.compile(
    r"""TRANSCODER_([A-Z][A-Z0-9_]*[A-Z0-9])|\{PREFIX\}([A-Z][A-Z0-9_]*[A-Z0-9])"""
    r"""|_number\("([A-Z0-9_]+)"|\b(?:text|path)\("([A-Z0-9_]+)"\)"""
)


def in_the_program() -> set[str]:
    """Every variable that a module of the package reads or names."""
    found = {f"SANDBOX_{name.upper()}" for name in LIMIT_NAMES}
    for path in (ROOT / "transcoder").rglob("*.py"):
        for match in _READ.finditer(path.read_text(encoding="utf-8")):
            found.add(next(group for group in match.groups() if group))
    # The audit's and the keys' own words in messages name groups of settings.
    return found - {"SANDBOX_", "SIGNER", "PKCS11"}


def rows(name: str) -> set[str]:
    text = (DOCS / name).read_text(encoding="utf-8")
    return set(re.findall(r"^\| `TRANSCODER_([A-Z0-9_]+)` \|", text, re.MULTILINE))


def test_every_setting_is_in_the_guide_and_no_other() -> None:
    assert rows("service.md") == in_the_program()


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    real = in_the_program() | {"CORPUS"}
    for path in [*DOCS.rglob("*.md"), ROOT / "README.md", DOCS / "transcoder.service", DOCS / "Containerfile"]:
        named = set(
            re.findall(r"TRANSCODER_([A-Z][A-Z0-9_]*[A-Z0-9])(?![A-Z0-9_]|\*)", path.read_text(encoding="utf-8"))
        )
        # A name that others begin with stands for them, as in `TRANSCODER_SANDBOX_*`.
        groups = {name for name in named if any(other.startswith(f"{name}_") for other in real)}
        assert named - real - groups == set(), path.name


def pins(name: str) -> dict[str, set[str]]:
    text = (ROOT / name).read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    current = ""
    for line in text.splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            current = line.rstrip(" \\").split(" ;")[0]
            found[current] = set()
        elif "--hash=" in line:
            found[current].add(line.strip(" \\"))
    return found


def test_the_containers_lock_is_part_of_the_whole_one() -> None:
    part, whole = pins("requirements-service.lock"), pins("requirements.lock")
    assert {name for name, hashes in part.items() if hashes != whole.get(name)} == set()
    assert not [name for name in part if name.startswith(("pytest", "playwright", "mypy"))]


def test_the_container_runs_as_nobody_special_and_is_asked_for_its_health() -> None:
    text = (DOCS / "Containerfile").read_text(encoding="utf-8")
    last = text.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER (?!0|root)", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "/healthz" in last
    assert "--require-hashes" in text
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (DOCS / "transcoder.service").read_text(encoding="utf-8")
    assert "ProtectSystem=strict" in text
    unit = tmp_path / "transcoder.service"
    unit.write_text(text.replace("/opt/transcoder/bin/transcoder", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    # Other units of the machine may have faults of their own.
    assert [line for line in done.stderr.splitlines() if "transcoder.service" in line] == []
    assert done.returncode == 0, done.stderr

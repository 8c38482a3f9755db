"""Which version of this tool a figure is of, and a home for it in which nothing is left to be compiled."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from transcoder.version import __version__

ROOT = Path(__file__).resolve().parent.parent
_PREPARE = (
    "from transcoder.sandbox import kernels; from transcoder.settings import Settings; "
    "kernels.prepare(Settings.from_environment().sandbox.kernels)"
)


@cache
def version() -> str:
    """The number, and a digest of its sources and profiles: the number stays the same while the program changes."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "transcoder").rglob("*.py"), *(ROOT / "profiles").glob("*.toml")]):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{__version__}, sources {digest.hexdigest()[:12]}"


def environment(folder: Path) -> dict[str, str]:
    """Keys and home in a folder, and kernels compiled beforehand, as ``make setup`` does once for a real user."""
    values = {"TRANSCODER_HOME": str(folder / "home"), "TRANSCODER_KEYS_DIR": str(folder / "keys")}
    subprocess.run([sys.executable, "-c", _PREPARE], env=os.environ | values, check=True)
    return values

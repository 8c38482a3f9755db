"""Compiled kernels for the child to read: made once, by a process that sees no media.

numba keeps what it compiles in files, and runs what it finds there. A child that could write to that cache could
leave code for the next run, so it gets a folder of its own, full of links to files it can only read; what it compiles
itself goes with its work folder. Without the cache every job would compile for some seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

COMPILE = "transcoder.metrics.ssim:compile_kernels"
SOURCE = Path(__file__).resolve().parent.parent / "metrics" / "kernels.py"
_READY = "ready"
_LONGEST_S = 300
_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); from transcoder.sandbox.child import function_of; "
    "function_of(sys.argv[1])()"
)


def folder_in(root: Path) -> Path:
    """Where the kernels of this machine, this Python and this source belong."""
    status = SOURCE.stat()
    parts = (
        platform.machine(), _processor(), platform.python_version(), importlib.metadata.version("numba"),
        str(SOURCE), str(status.st_size), str(status.st_mtime_ns),
    )  # fmt: skip
    return root / f"kernels-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}"


def _processor() -> str:
    """What numba compiles for."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU"))}))
    return platform.processor()


def prepare(root: Path) -> Path | None:
    """The folder of kernels, made where it is not there yet; None where it cannot be.

    Several processes may do so at once: the first that is ready wins.
    """
    try:
        folder = folder_in(root)
        if (folder / _READY).exists():
            return folder
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(tempfile.mkdtemp(prefix="kernels-", dir=root))
    except (OSError, importlib.metadata.PackageNotFoundError):
        return None
    try:
        _compile(made)
        (made / _READY).touch()
        made.rename(folder)
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(made, ignore_errors=True)
    return folder if (folder / _READY).exists() else None


def _compile(folder: Path) -> None:
    package_root = str(Path(__file__).resolve().parent.parent.parent)
    subprocess.run(  # noqa: S603
        [sys.executable, "-P", "-c", _START, package_root, COMPILE],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        timeout=_LONGEST_S, check=True,
    )  # fmt: skip


def link(kernels: Path, target: Path) -> None:
    """Fill a child's own folder with links to the kernels."""
    target.mkdir()
    for folder in kernels.iterdir():
        if folder.is_dir():
            (target / folder.name).mkdir()
            for file in folder.iterdir():
                (target / folder.name / file.name).symlink_to(file)

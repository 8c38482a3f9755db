"""Weights that installed packages carry: found without importing the package, named by their hash."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import lru_cache
from pathlib import Path


class ModelUnavailable(Exception):
    """A model cannot be used here (package or file missing, or it does not load). One line, for a warning.

    It never leaves the package as an error: whoever catches it goes on without the model and says so.
    """


def find(package: str, name: str) -> Path:
    """The path of a file of an installed distribution.

    :param package: the distribution's name, as pip knows it.
    :param name: the file's own name, without folders.
    :raises ModelUnavailable: where package or file is missing.
    """
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        raise ModelUnavailable(f"the package {package} is not installed") from None
    for item in files:
        if item.name == name:
            path = Path(str(item.locate()))
            if path.is_file():
                return path
    raise ModelUnavailable(f"the package {package} carries no {name}")


@lru_cache(maxsize=32)
def sha256_of(path: Path) -> str:
    """Hash of a weights file, computed once a process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version_of(package: str) -> str:
    """Installed version of a distribution, or an empty string."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""

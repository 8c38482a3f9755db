"""Data files that live at the top of the repository and travel inside the wheel."""

from __future__ import annotations

from importlib import resources
from importlib.abc import Traversable
from pathlib import Path


def folder(name: str) -> Traversable:
    """A top-level data folder (``profiles`` or ``docs``): inside the installed package, or beside it in a checkout."""
    packaged = resources.files("transcoder") / "_data" / name
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parent.parent / name

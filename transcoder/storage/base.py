"""Where deliveries go. One protocol, so that a folder today and an object store later are one seam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Admitted:
    """A source as it was when the job began: what it must still be when the job ends."""

    path: Path
    bytes: int
    sha256: str


class Store(Protocol):
    """Publishes the files of one delivery together, the last of them as the commit mark."""

    @property
    def place(self) -> str:
        """Where that is, in words for a log."""
        ...

    def workspace(self) -> AbstractContextManager[Path]:
        """A private folder on the same storage that vanishes afterwards, whatever happens."""
        ...

    def reserve(self, names: Sequence[str]) -> None:
        """Fail early where a name is taken. :raises StorageError: naming the file."""
        ...

    def publish(self, files: Mapping[str, Path]) -> dict[str, Path]:
        """Move finished files to their names, in order; all or none appear.

        :param files: final name -> file in the workspace; the last one is the commit mark.
        :raises StorageError: where a name is taken or the storage fails; nothing of this delivery is left.
        """
        ...

"""A job's source, on this worker's own disk."""

from __future__ import annotations

from pathlib import Path

from transcoder.errors import StorageError
from transcoder.jobs.base import Source
from transcoder.jobs.objects import Objects
from transcoder.storage.local import sha256_of

BY_PATH = "path:"
"""What a source's place begins with where it is a path that all workers see."""


def fetch(source: Source, objects: Objects, folder: Path) -> Path:
    """The material under the name that it is to be known by.

    :param folder: to write it to; made where it lacks.
    :raises StorageError: where it is not there, or has changed.
    """
    if source.place.startswith(BY_PATH):
        return Path(source.place.removeprefix(BY_PATH))
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / source.name
    objects.fetch(source.place, target)
    if sha256_of(target) != source.sha256:
        raise StorageError(
            "the shared storage gives other bytes than were uploaded", where=source.place,
            hint="upload it again", code="source-changed",
        )  # fmt: skip
    return target


__all__ = ["BY_PATH", "fetch"]

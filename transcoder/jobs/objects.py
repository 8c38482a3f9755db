"""Storage that every worker sees: sources that were uploaded, and finished deliveries.

A folder (on one machine, or mounted on several) or S3. What has a name is complete: files appear under theirs only
when they are whole. Nothing is overwritten with something else: names hold a hash or an attempt's number.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from transcoder.errors import StorageError, UsageError

_PUNCTUATION = frozenset("_.()@=,+ -")
_NAME_BYTES, _PARTS = 255, 7
_BLOCK_BYTES = 1 << 20


class Objects(Protocol):
    """Files by name. Names are relative, of letters in any script, digits and some signs, with ``/`` between."""

    @property
    def place(self) -> str:
        """Where that is, in words."""
        ...

    def put(self, name: str, file: Path) -> None:
        """Keep a copy of a file. :raises StorageError: where that fails; then nothing is there under the name."""
        ...

    def fetch(self, name: str, target: Path) -> None:
        """Write an object to a file that does not exist. :raises StorageError: where there is none."""
        ...

    def read(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """An object's bytes in blocks. :raises StorageError: where there is none."""
        ...

    def bytes_of(self, name: str) -> int | None:
        """How long an object is; None where there is none."""
        ...

    def list(self, prefix: str) -> Sequence[str]:
        """Names that begin with a folder's."""
        ...

    def remove(self, prefix: str) -> None:
        """Remove an object, or everything in a folder; nothing happens where there is none."""
        ...

    def check(self) -> None:
        """Write and remove a small object. :raises StorageError: where that fails."""
        ...


def safe(name: str) -> str:
    """The name, where it is one that no storage misunderstands.

    :raises UsageError: where it is not (``object-name``).
    """
    parts = name.split("/")
    if len(parts) > _PARTS or not all(map(_plain, parts)):
        raise UsageError("not a name of an object", where=name[:80], code="object-name")
    return name


def _plain(part: str) -> bool:
    letters = all(char.isalnum() or char in _PUNCTUATION or unicodedata.category(char)[0] == "M" for char in part)
    return letters and part.strip(". ") != "" and len(part.encode()) <= _NAME_BYTES


class FolderObjects:
    """A folder.

    :param root: made where it lacks.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        with _storage_errors(str(root)):
            root.mkdir(parents=True, exist_ok=True)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def put(self, name: str, file: Path) -> None:
        """See ``Objects``. The bytes are on disk before the name is."""
        target = self._root / safe(name)
        with _storage_errors(name):
            target.parent.mkdir(parents=True, exist_ok=True)
            rough = target.with_name(f".{secrets.token_hex(8)}.part")
            try:
                with file.open("rb") as source, rough.open("xb") as copy:
                    shutil.copyfileobj(source, copy, _BLOCK_BYTES)
                    copy.flush()
                    os.fsync(copy.fileno())
                rough.replace(target)
            finally:
                rough.unlink(missing_ok=True)
            _sync(target.parent)

    def fetch(self, name: str, target: Path) -> None:
        """See ``Objects``. On the same file system this is a link: uploads are not copied."""
        with _storage_errors(name):
            source = self._root / safe(name)
            try:
                os.link(source, target)
            except OSError:
                if not source.is_file():
                    raise
                shutil.copyfile(source, target)

    def read(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Objects``."""
        with _storage_errors(name), (self._root / safe(name)).open("rb") as file:
            file.seek(start)
            yield from _blocks(file, length)

    def bytes_of(self, name: str) -> int | None:
        """See ``Objects``."""
        with contextlib.suppress(OSError):
            return (self._root / safe(name)).stat().st_size
        return None

    def list(self, prefix: str) -> Sequence[str]:
        """See ``Objects``."""
        folder = self._root / safe(prefix)
        found = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".part"))
        return sorted(str(path.relative_to(self._root)) for path in found)

    def remove(self, prefix: str) -> None:
        """See ``Objects``."""
        target = self._root / safe(prefix)
        with _storage_errors(prefix):
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)

    def check(self) -> None:
        """See ``Objects``."""
        with _storage_errors(self.place):
            probe = self._root / f".{secrets.token_hex(8)}.part"
            probe.write_bytes(b"ok")
            probe.unlink()


class FilesystemObjects:
    """Any storage that fsspec reaches; used for S3, whose objects appear whole or not at all.

    :param url: ``s3://bucket/prefix``.
    :param options: of the file system, as fsspec documents them.
    """

    def __init__(self, url: str, options: dict[str, Any] | None = None) -> None:
        import fsspec  # only who uses S3 waits for it

        with _storage_errors(url):
            self._fs, root = fsspec.url_to_fs(url, use_listings_cache=False, **(options or {}))
        self._root, self._url = str(root).rstrip("/"), url

    @property
    def place(self) -> str:
        """The address."""
        return self._url

    def _path(self, name: str) -> str:
        return f"{self._root}/{safe(name)}"

    def put(self, name: str, file: Path) -> None:
        """See ``Objects``."""
        with _storage_errors(name):
            self._fs.put_file(str(file), self._path(name))

    def fetch(self, name: str, target: Path) -> None:
        """See ``Objects``."""
        with _storage_errors(name):
            self._fs.get_file(self._path(name), str(target))

    def read(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Objects``."""
        with _storage_errors(name), self._fs.open(self._path(name), "rb", cache_type="readahead") as file:
            file.seek(start)
            yield from _blocks(file, length)

    def bytes_of(self, name: str) -> int | None:
        """See ``Objects``."""
        with _storage_errors(name), contextlib.suppress(FileNotFoundError):
            info = self._fs.info(self._path(name))
            return int(info["size"]) if info["type"] == "file" else None
        return None

    def list(self, prefix: str) -> Sequence[str]:
        """See ``Objects``."""
        with _storage_errors(prefix):
            return sorted(str(path).removeprefix(f"{self._root}/") for path in self._fs.find(self._path(prefix)))

    def remove(self, prefix: str) -> None:
        """See ``Objects``."""
        with _storage_errors(prefix), contextlib.suppress(FileNotFoundError):
            self._fs.rm(self._path(prefix), recursive=True)

    def check(self) -> None:
        """See ``Objects``."""
        with _storage_errors(self.place):
            probe = f"{self._root}/.{secrets.token_hex(8)}"
            self._fs.pipe_file(probe, b"ok")
            self._fs.rm_file(probe)


def objects_at(place: str, options: dict[str, Any] | None = None) -> Objects:
    """The storage at a folder's path or an address."""
    return FilesystemObjects(place, options) if "://" in place else FolderObjects(Path(place))


def _blocks(file: Any, length: int | None) -> Iterator[bytes]:
    left = length
    while left is None or left > 0:
        block = file.read(_BLOCK_BYTES if left is None else min(left, _BLOCK_BYTES))
        if not block:
            return
        yield block
        if left is not None:
            left -= len(block)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _storage_errors(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise StorageError("it is not in the shared storage", where=name, code="object-missing") from None
    except (UsageError, StorageError):
        raise
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in _LIBRARIES:
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(
            f"the shared storage does not answer as it should: {reason}", where=name, code="storage-failed"
        ) from None


_LIBRARIES = frozenset(("botocore", "aiobotocore", "fsspec", "s3fs", "aiohttp"))
"""Whose errors are the storage's, not ours."""
__all__ = ["FilesystemObjects", "FolderObjects", "Objects", "objects_at", "safe"]

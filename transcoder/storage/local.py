"""A folder on disk: nothing half-written is ever visible under a final name, and nothing is overwritten."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from transcoder.errors import Cancelled, InputError, OutputMismatch, SandboxError, StorageError, TranscodeError
from transcoder.storage import leftovers
from transcoder.storage.base import Admitted

_BLOCK_BYTES = 1 << 20
Tick = Callable[[str, int, int | None], None]


def sha256_of(path: Path, tick: Tick | None = None, phase: str = "hash") -> str:
    """SHA-256 of a regular file in hexadecimal, read in blocks.

    :raises OutputMismatch: where it is longer or shorter at the end than it was at the beginning.
    """
    digest = hashlib.sha256()
    # A pipe that took the file's name would be waited for until somebody writes to it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        status, done = os.fstat(file.fileno()), 0
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            done += len(block)
            if tick is not None:
                tick(phase, done, size)
    if done != size:
        raise _changed(path)
    return digest.hexdigest()


def admit(path: Path, tick: Tick | None = None) -> Admitted:
    """Take a source in: a regular, readable file, hashed.

    :raises InputError: where it is missing, not a file, empty or not readable.
    :raises OutputMismatch: where it grows or shrinks meanwhile.
    """
    with _input_errors(path):
        return Admitted(path, _size_of(path), sha256_of(path, tick))


def confirm_readable(path: Path) -> None:
    """Like ``admit``, without the hash.

    :raises InputError: where it is missing, not a file, empty or not readable.
    """
    with _input_errors(path):
        _size_of(path)
        path.open("rb").close()


def _size_of(path: Path) -> int:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise InputError(f"this is {kind}", where=str(path), code="input-not-a-file")
    if status.st_size == 0:
        raise InputError("the file is empty", where=str(path), code="input-empty")
    return status.st_size


@contextmanager
def _input_errors(path: Path) -> Iterator[None]:
    name = str(path)
    try:
        yield
    except FileNotFoundError:
        raise InputError("there is no such file", where=name, code="input-missing") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be read: {reason}", where=name, code="input-unreadable") from None


def confirm_own(path: Path, folder: Path) -> Path:
    """A file that a confined process left in its folder, where it is what it seems: no link to something else.

    :raises SandboxError: where it is not.
    """
    try:
        status = path.lstat()
        inside = path.resolve(strict=True).is_relative_to(folder.resolve())
    except OSError:
        inside, status = False, None
    if not inside or status is None or not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise SandboxError(
            "the child process made a file that is not its own; nothing was delivered",
            where=path.name,
            hint="the file it worked on may be hostile: do not open it elsewhere without care",
            code="sandbox-protocol",
        )
    return path


def confirm_unchanged(source: Admitted, tick: Tick | None = None) -> None:
    """Hash the source again.

    :raises OutputMismatch: where it is not what it was at the beginning.
    """
    try:
        same = sha256_of(source.path, tick, "confirm") == source.sha256
    except OSError:
        same = False
    if not same:
        raise _changed(source.path)


def _changed(path: Path) -> OutputMismatch:
    return OutputMismatch(
        "the source changed while it was being processed",
        where=str(path),
        code="source-changed",
        hint="nothing was delivered; work from a copy that no other program writes to",
    )


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = {
            errno.ENOSPC: "free some space, or choose another --out",
            errno.EDQUOT: "free some space, or choose another --out",
            errno.EACCES: "choose a folder you may write to with --out",
            errno.EROFS: "choose a folder you may write to with --out",
        }.get(error.errno or 0)
        raise StorageError(
            f"cannot write: {error.strerror or error}", where=str(error.filename or folder), hint=hint
        ) from None


class LocalStore:
    """Publishes into one folder, made when needed.

    :param folder: where deliveries go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder.absolute())

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A hidden folder inside the target, so that publishing is a rename on one file system.

        Folders that a killed process left behind are recognised by their free lock and removed.

        :raises StorageError: where the folder cannot be written, or fills up while it is in use.
        """
        made = [parent for parent in (self.folder, *self.folder.parents) if not parent.exists()]
        with _storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            leftovers.sweep(self.folder)
            work, lock = self._locked_folder()
        try:
            with _storage_errors(self.folder):
                yield work
        except TranscodeError as error:
            # What misses its files blames whoever should have written them.
            if not isinstance(error, Cancelled) and not work.is_dir():
                raise StorageError(
                    "the work folder vanished while it was in use; nothing was delivered",
                    where=str(self.folder),
                    hint="do not remove or move the output folder during a run; run it again",
                    code="work-folder-gone",
                ) from error
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
            os.close(lock)
            for parent in made:  # a failed job leaves no empty folder behind either
                with contextlib.suppress(OSError):
                    parent.rmdir()

    def _locked_folder(self) -> tuple[Path, int]:
        while True:
            work = Path(tempfile.mkdtemp(prefix=leftovers.PREFIX, dir=self.folder))
            try:
                lock = os.open(work / leftovers.LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            except FileNotFoundError:  # another run swept it before it had a lock
                continue
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (work / leftovers.LOCK).exists():  # else another run swept it before it was locked
                return work, lock
            os.close(lock)

    def reserve(self, names: Sequence[str]) -> None:
        """:raises StorageError: where one of the names exists."""
        for name in names:
            if os.path.lexists(self.folder / name):
                raise _taken(self.folder / name)

    def publish(self, files: Mapping[str, Path]) -> dict[str, Path]:
        """Link each file to its final name (which fails where the name is taken), fsynced, in order."""
        published: dict[str, Path] = {}
        try:
            with _storage_errors(self.folder):
                leftovers.note(self.folder, files)
                for name, path in files.items():
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
                    target = self.folder / name
                    _link_without_overwriting(path, target)
                    published[name] = target
                _sync_folder(self.folder)
        except BaseException:
            leftovers.take_back(self.folder, files)  # also the one that an interruption kept from being listed
            for target in published.values():
                with contextlib.suppress(OSError):
                    target.unlink()
            raise
        return published


def _taken(path: Path) -> StorageError:
    return StorageError(
        "this file exists already and is never overwritten",
        where=str(path),
        hint="choose another --out, or move the earlier delivery away",
        code="output-exists",
    )


def _link_without_overwriting(path: Path, target: Path) -> None:
    """Give a file its final name; the one in the work folder stays, as the proof whose it is, until that vanishes."""
    path.chmod(0o644)
    try:
        os.link(path, target)
    except FileExistsError:
        raise _taken(target) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK, errno.ENOSYS):
            raise
        # A file system without hard links (FAT, some network shares): claim the name, then replace it.
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            raise _taken(target) from None
        try:
            path.replace(target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

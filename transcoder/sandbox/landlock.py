"""Landlock: a process gives up every file and every connection but those it names. Linux 5.13 and later.

Through the three system calls themselves: the packages that wrap them are development versions (looked at in 2026),
and this is all there is to it. See landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
_ALL_FS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Every right over files, by the interface's version that brought the last of them."""
_MAKE_UNWANTED = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11
"""Devices, sockets and pipes, which nobody needs in a work folder."""
_IOCTL_DEV = 1 << 15
_TCP = 1 << 0 | 1 << 1
_SCOPES = 1 << 0 | 1 << 1
"""Abstract sockets and signals to processes outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What stays open."""

    read: tuple[Path, ...]
    """Files, and folders with everything in them."""
    write: tuple[Path, ...] = ()
    """Folders in which files may be made, changed and removed."""
    devices: tuple[Path, ...] = ()
    """Files that may be read and written as they are."""


def abi(libc: ctypes.CDLL | None = None) -> int:
    """The version of the kernel's interface, 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    version = _libc(libc).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    return max(0, int(version))


def restrict(paths: Paths) -> int:
    """Confine this thread and all it will start, for good.

    Paths that are not there are left out. ``PR_SET_NO_NEW_PRIVS`` must be set.

    :returns: the version of the interface that was used; 0 where the kernel has none and nothing was done.
    :raises OSError: where the kernel has it and refuses.
    """
    libc = _libc(None)
    version = abi(libc)
    if version == 0:
        return 0
    handled = _ALL_FS[max(number for number in _ALL_FS if number <= version)]
    attribute = struct.pack("=QQQ", handled, _TCP, _SCOPES)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _checked(libc.syscall(_CREATE_RULESET, attribute, ctypes.c_size_t(len(attribute)), ctypes.c_uint32(0)))
    try:
        _allow(libc, ruleset, paths.read, (_READ_FILE | _READ_DIR) & handled)
        _allow(libc, ruleset, paths.write, handled & ~(_MAKE_UNWANTED | _IOCTL_DEV | 1))
        _allow(libc, ruleset, paths.devices, (_READ_FILE | _WRITE_FILE | _TRUNCATE) & handled)
        _checked(libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)
    return version


def _allow(libc: ctypes.CDLL, ruleset: int, paths: Iterable[Path], rights: int) -> None:
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            of_file = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
            fitting = rights if path.is_dir() else rights & of_file
            rule = struct.pack("=Qi", fitting, descriptor)
            _checked(
                libc.syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0))
            )
        finally:
            os.close(descriptor)


def _libc(given: ctypes.CDLL | None) -> ctypes.CDLL:
    return given if given is not None else ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return int(result)

"""seccomp: a filter over system calls. What a decoder never needs is refused with EPERM.

A list of what is refused, not of what is allowed: which calls glibc, BLAS and the codecs make differs between
machines, and files are Landlock's business. What is on the list is every way to the network, to other processes, to
new programs, and to the rare corners of the kernel that exploits climb through.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_CLONE_THREAD = 0x00010000

# name: (x86_64, aarch64); None where the architecture has no such call.
REFUSED: Mapping[str, tuple[int | None, int | None]] = MappingProxyType({
    # the network
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "sendto": (44, 206), "sendmmsg": (307, 269),
    # other programs and processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "kill": (62, 129),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "setns": (308, 268),
    "unshare": (272, 97), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "capset": (126, 91), "setpriority": (141, 140),
    # file systems
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264), "swapon": (167, 224), "swapoff": (168, 225), "quotactl": (179, 60),
    "acct": (163, 89), "mknod": (133, None), "mknodat": (259, 33), "fanotify_init": (300, 262),
    # the kernel itself
    "bpf": (321, 280), "perf_event_open": (298, 241), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116), "vhangup": (153, 58),
    "iopl": (172, None), "ioperm": (173, None), "personality": (135, 92), "modify_ldt": (154, None),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Machine:
    column: int
    arch: int
    seccomp: int
    clone: int
    tgkill: int
    foreign: int | None
    """From this number on another calling convention begins, in which the same calls have other numbers."""


_CLONE3 = 435
_MACHINES = {
    "x86_64": _Machine(0, 0xC000003E, 317, 56, 234, 0x40000000),
    "aarch64": _Machine(1, 0xC00000B7, 277, 220, 131, None),
}


def program(machine: str, pid: int) -> bytes:
    """The filter as the kernel takes it, for a process of this number.

    :param machine: ``x86_64`` or ``aarch64``.
    """
    known = _MACHINES[machine]
    refused = sorted({pair[known.column] for pair in REFUSED.values()} - {None}, key=lambda number: number or 0)
    refuse, allow = _step(_RETURN, _ERRNO | errno.EPERM), _step(_RETURN, _ALLOW)
    steps = [
        _step(_LOAD, _ARCH_AT), _step(_EQUAL, known.arch, 1, 0), _step(_RETURN, _KILL), _step(_LOAD, _NUMBER_AT),
    ]  # fmt: skip
    if known.foreign is not None:
        steps += [_step(_AT_LEAST, known.foreign, 0, 1), refuse]
    for number in refused:
        assert number is not None
        steps += [_step(_EQUAL, number, 0, 1), refuse]
    # Its flags are behind a pointer, which a filter cannot follow: glibc falls back to clone where there is none.
    steps += [_step(_EQUAL, _CLONE3, 0, 1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    steps += [_step(_EQUAL, known.clone, 0, 4), _step(_LOAD, _FIRST_ARGUMENT_AT),
              _step(_ANY_BIT, _CLONE_THREAD, 0, 1), allow, refuse]  # fmt: skip
    # A process may end itself by a signal (abort does), and nobody else.
    steps += [_step(_EQUAL, known.tgkill, 0, 4), _step(_LOAD, _FIRST_ARGUMENT_AT), _step(_EQUAL, pid, 0, 1), allow,
              refuse]  # fmt: skip
    return b"".join([*steps, allow])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def restrict() -> bool:
    """Confine all threads of this process, for good. ``PR_SET_NO_NEW_PRIVS`` must be set.

    :returns: False where this kernel or machine has no such filters and nothing was done.
    """
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in _MACHINES:
        return False
    steps = program(machine, os.getpid())
    filled = _Program(len(steps) // 8, steps)
    libc = ctypes.CDLL(None, use_errno=True)
    number = ctypes.c_long(_MACHINES[machine].seccomp)
    done = libc.syscall(number, ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(_ALL_THREADS), ctypes.byref(filled))
    return int(done) == 0

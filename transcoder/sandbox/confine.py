"""What the child does to itself before it touches media, layer by layer; each says whether it holds here."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from transcoder import resources
from transcoder.errors import UsageError
from transcoder.sandbox import landlock, seccomp
from transcoder.sandbox.limits import Limits, Mode

_PDEATHSIG, _SET_DUMPABLE, _SET_NO_NEW_PRIVS = 1, 4, 38
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITIES_3 = 0x20080522
_READ_ANY_FILE = 1 << 2
"""CAP_DAC_READ_SEARCH: who runs this as root reads sources of other users; Landlock says which."""
_GRACE_S = 5
_VIRTUAL_BYTES = 64 << 30
"""Libraries reserve far more addresses than they use; beyond this somebody maps shared memory for ever."""
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/fonts", "/usr/local/share/fonts",
    "/etc/fonts", "/usr/share/fontconfig", "/var/cache/fontconfig", "/usr/share/zoneinfo",
    "/etc/localtime", "/etc/ld.so.cache", "/etc/ssl/openssl.cnf", "/proc/self",
    "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory",
    "/proc/sys/kernel/random/boot_id", "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup",
    "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Which layers hold."""

    limits: bool
    no_new_privileges: bool
    landlock: int
    """Version of the kernel's interface; 0 where there is none. From 4 on it also refuses TCP."""
    seccomp: bool

    def to_dict(self) -> dict[str, object]:
        """The certificate's ``sandbox`` object."""
        return {
            "process": True,
            "limits": self.limits,
            "no_new_privileges": self.no_new_privileges,
            "landlock": self.landlock,
            "seccomp": self.seccomp,
        }


def confine(limits: Limits, read: tuple[Path, ...], write: Path, mode: Mode, parent: int) -> Layers:
    """Give up everything that a job does not need, for good.

    :param read: the files of the job, beside Python's and the system's libraries.
    :param write: the work folder.
    :param parent: number of the process to die with.
    :raises UsageError: where the kernel lacks a layer that the mode requires.
    """
    set_limits(limits)
    no_new_privileges = _harden(parent)
    threads = _threads()
    paths = landlock.Paths(read=(*environment(), *read), write=(write,), devices=(Path("/dev/null"),))
    # Landlock confines the calling thread and those it starts: one that a library started before stays outside.
    version = landlock.restrict(paths) if no_new_privileges and threads == 1 else 0
    filtered = no_new_privileges and seccomp.restrict()
    if mode is Mode.REQUIRE and not (version and filtered):
        missing = " and ".join(name for name, there in (("Landlock", version), ("seccomp", filtered)) if not there)
        raise UsageError(
            f"this machine's kernel has no {missing}, and TRANSCODER_SANDBOX=require asks for it",
            hint="use Linux 5.13 or later, or set TRANSCODER_SANDBOX=auto",
            code="sandbox-unavailable",
        )
    return Layers(limits=True, no_new_privileges=no_new_privileges, landlock=version, seccomp=filtered)


def set_limits(limits: Limits) -> None:
    """The kernel's own limits of this process; none is raised above what it has already."""
    # Private memory is what counts. Addresses are reserved by the gigabyte and never used.
    _lower(resource.RLIMIT_DATA, limits.memory_bytes)
    _lower(resource.RLIMIT_AS, limits.memory_bytes + _VIRTUAL_BYTES)
    _lower(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + _GRACE_S)
    _lower(resource.RLIMIT_FSIZE, limits.file_bytes)
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    _lower(resource.RLIMIT_CORE, 0)
    # Python ignores it and would go on with an error that a library may swallow.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def _lower(which: int, soft: int, hard: int | None = None) -> None:
    _, highest = resource.getrlimit(which)
    wanted = hard if hard is not None else soft
    if highest != resource.RLIM_INFINITY:
        soft, wanted = min(soft, highest), min(wanted, highest)
    with contextlib.suppress(ValueError, OSError):  # macOS has some of them in name only
        resource.setrlimit(which, (soft, wanted))


def _harden(parent: int) -> bool:
    """No new privileges, no looking in from outside, no life after the parent, no powers of root."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before it could be waited for
        os._exit(1)
    libc.prctl(_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0)
    held = int(libc.prctl(_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)) == 0
    call = _CAPSET.get(os.uname().machine)
    if call is not None and os.geteuid() == 0:
        # Root could raise its limits again.
        head, low = struct.pack("=Ii", _CAPABILITIES_3, 0), struct.pack("=III", _READ_ANY_FILE, _READ_ANY_FILE, 0)
        if libc.syscall(ctypes.c_long(call), head, low + bytes(12)) != 0:
            libc.syscall(ctypes.c_long(call), head, bytes(24))
    return held


def _threads() -> int:
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        return 1


def environment() -> tuple[Path, ...]:
    """Where Python, this package and the libraries they load lie; nothing of a user's own."""
    folders = [Path(prefix, name) for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
               for name in ("lib", "lib64")]  # fmt: skip
    folders += [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    own = Path(__file__).resolve().parent.parent
    data = [Path(str(resources.folder(name))) for name in ("profiles", "docs")]
    return (*dict.fromkeys(folders), own, *data, *map(Path, _SYSTEM))

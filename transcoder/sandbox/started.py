"""A child that was started and has no job yet: it imports what it will need, and waits to be told what to do.

Apart from ``parent``, and of little weight, so that whoever wants a child early starts it before anything else is
imported. It knows nothing: no path, no name and no key has been near it. Where no job comes, it ends as soon as its
standard input does, which is when this process lets go of it or ends itself, however that happens.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PASSED_ON = ("PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONHASHSEED",
              "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "SOURCE_DATE_EPOCH", "OMP_NUM_THREADS")  # fmt: skip
"""Of the environment; it may hold secrets, and a child that was taken over reads its own."""
_START = "import sys; sys.path.append(sys.argv.pop(1)); from transcoder.sandbox.child import main; main()"


class Started:
    """One child. It dies with the thread that started it, once it has a job: a short-lived one must not.

    :param modules: what it imports.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = tuple(modules)
        self.used: resource.struct_rusage | None = None
        """What it took, once it is gone."""
        self.answers, theirs = os.pipe()
        """Where it answers."""
        try:
            self.process = _spawn(theirs, self.modules)
        except BaseException:
            os.close(self.answers)
            raise
        finally:
            os.close(theirs)
        self.parents_peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        """Of this process when it was started: until its program was loaded it counted as this one."""
        self._gone = False

    def close(self) -> None:
        """End it, whatever it is doing, and everything it may have started."""
        if self._gone:
            return
        self._gone = True
        # Before it is waited for: a group that still has its dead leader can be nobody else's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        _, status, self.used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        os.close(self.answers)
        for pipe in (self.process.stdin, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _spawn(answers: int, modules: Sequence[str]) -> subprocess.Popen[bytes]:
    passed = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}
    # BLAS starts threads when it is imported, and those would stay outside Landlock; nothing here multiplies matrices.
    passed |= {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    # Encoders start threads by the dozen, and glibc gives each its own heap, whose holes nobody else fills: an hour in
    # thirty parts held 180 MB of them, and 57 with one heap for all, in no more processor time.
    passed |= {"MALLOC_ARENA_MAX": "1"}
    root = str(Path(__file__).resolve().parent.parent.parent)
    # -P: without it a file beside the source, or in the current folder, could pass for a module.
    command = [sys.executable, "-P", "-c", _START, root, str(answers), *modules]
    return subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(answers,),
        env=passed,
        process_group=0,
    )

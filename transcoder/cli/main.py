"""Running: the commands, gathered; every error of ours becomes one line and an exit code, never a traceback."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

# Imported for the commands they add, in the order in which help lists them.
from transcoder.cli import delivering, exits, exporting, inspecting, keys, profiles, receiving, trust, audit  # isort: skip
from transcoder.cli import watching, serving, keeping  # isort: skip
from transcoder.cli.root import app
from transcoder.cli.stopping import STOPPING, stop
from transcoder.errors import TranscodeError


def run() -> NoReturn:
    """Parse and run: every error of ours is one line and an exit code, never a traceback."""
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's background job ignores Ctrl-C on purpose
            signal.signal(number, stop)
    code: int | str | None
    try:
        # Without its stand-alone mode the parser returns the code of an Exit instead of raising it.
        result = app(standalone_mode=False)
        code = result if isinstance(result, int) else exits.DELIVERED
    except SystemExit as error:
        code = error.code
    except TranscodeError as error:
        code = _fail(str(error), exits.code_for(error))
    except KeyboardInterrupt:
        code = _fail("stopped; nothing half-done was left", exits.INTERRUPTED)
    except BrokenPipeError:
        code = exits.INTERNAL
    except Exception as error:  # noqa: BLE001 - the last line of defence
        code = _click_or_internal(error)
    sys.stdout.flush()
    if code == exits.INTERRUPTED:
        # An interruption that struck while a compiled module ran Python code leaves a mark in the interpreter, which
        # would end it by the signal instead of by the code that was promised.
        sys.stderr.flush()
        os._exit(code)
    gc.freeze()  # the interpreter would look through all there is for garbage once more, for a twentieth of a second
    raise SystemExit(code)


def _click_or_internal(error: Exception) -> int:
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(code, int):  # a usage error of the option parser
        show()
        return code
    if type(error).__name__ == "Abort":
        return _fail("stopped; nothing half-done was left", exits.INTERRUPTED)
    return _fail(f"internal fault ({type(error).__name__}: {error}); please report this line", exits.INTERNAL)


def _fail(text: str, code: int) -> int:
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    print(f"transcoder: {line}", file=sys.stderr)
    return code


__all__ = [
    "app",
    "audit",
    "delivering",
    "exporting",
    "inspecting",
    "keeping",
    "keys",
    "profiles",
    "receiving",
    "run",
    "serving",
    "trust",
    "watching",
]

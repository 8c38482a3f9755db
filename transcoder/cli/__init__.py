"""The command line: parse, call, render. Imports beyond Typer happen inside the commands, so that help is fast."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import NoReturn


def main() -> NoReturn:
    """Entry point. An interruption while modules still load is as quiet as any other."""
    try:
        _begin(sys.argv[1:])
        from transcoder.cli.main import run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _begin(words: Sequence[str]) -> None:
    """Start the child of a delivery before anything else is loaded. Whoever errs in the options had it for nothing."""
    if words[:1] != ["apply"] or "--help" in words:
        return
    from transcoder import spare
    from transcoder.errors import TranscodeError
    from transcoder.settings import Settings

    with contextlib.suppress(TranscodeError, OSError):  # met again where it can be told
        spare.begin(Settings.from_environment().sandbox)


__all__ = ["main"]

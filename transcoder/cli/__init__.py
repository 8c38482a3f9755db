"""The command line: parse, call, render. Imports beyond Typer happen inside the commands, so that help is fast."""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Entry point. An interruption while modules still load is as quiet as any other."""
    try:
        from transcoder.cli.main import run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


__all__ = ["main"]

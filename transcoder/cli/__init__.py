"""The command line: parse, call, render. Imports beyond Typer happen inside the commands, so that help is fast."""

from __future__ import annotations

from transcoder.cli.main import app, main

__all__ = ["app", "main"]

"""``backup`` and ``restore`` of the service's state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transcoder.cli.root import app
from transcoder.cli.serving import needs_parts

if TYPE_CHECKING:
    from transcoder.backup import Kept


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="The folder to make; it must not exist.", show_default=False)],
) -> None:
    """Copy the service's jobs, files, tokens, keys and audit log, while it runs, into a folder that verifies."""
    needs_parts()
    from transcoder.backup import back_up

    _say("backed up", back_up(folder))


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `backup` made.", show_default=False)],
) -> None:
    """Put a back-up in place where there is no service yet; jobs that had not ended are queued again."""
    needs_parts()
    from transcoder import backup as keeping

    _say("restored", keeping.restore(folder))


def _say(done: str, kept: Kept) -> None:
    from transcoder.cli import render

    jobs = ", ".join(f"{count} {state}" for state, count in kept.jobs.items()) or "none"
    render.say(f"{done}: {kept.files:,} files, {kept.bytes:,} bytes; jobs: {jobs}")
    if done == "backed up":
        render.say(f"{kept.folder} holds private keys: keep it as safe as the service itself")

"""The command tree's root, and what several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from transcoder.version import __version__

app = typer.Typer(
    name="transcoder",
    help="Deliver CCTV and stills under a hard size cap, with measured fidelity and a signed certificate.",
    epilog="Exit codes: 0 delivered or verified, 2 usage, 3 refused (no acceptable encoding), 4 bad input, "
    "5 verification failed, 6 storage, 130 interrupted, 1 internal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class ProgressKind(StrEnum):
    """How progress is shown."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


def _version(wanted: bool) -> None:
    if wanted:
        print(f"transcoder {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass

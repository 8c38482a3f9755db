"""``profiles``: the transmission profiles that there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transcoder.cli.root import app

profiles_app = typer.Typer(help="List, show and check transmission profiles.", no_args_is_help=True)
app.add_typer(profiles_app, name="profiles")


@profiles_app.command("list")
def profiles_list() -> None:
    """Name every shipped profile with its cap."""
    from transcoder.cli import render
    from transcoder.profile import load, shipped_names

    for name in shipped_names():
        loaded = load(name)
        render.say(f"{name:<16} {loaded.payload_cap_bytes:>12,} bytes a file  {loaded.title}")


@profiles_app.command("show")
def profiles_show(name: Annotated[str, typer.Argument(help="A shipped profile's name, or a .toml file.")]) -> None:
    """Print a profile's file, comments and all."""
    from transcoder.profile import read_text

    print(read_text(name)[0], end="")


@profiles_app.command("check")
def profiles_check(file: Annotated[Path, typer.Argument(help="A profile's .toml file.")]) -> None:
    """Validate a profile of your own; a fault is named with key and line."""
    from transcoder.cli import render
    from transcoder.profile import Profile, read_text

    text, origin = read_text(file if file.suffix == ".toml" or len(file.parts) > 1 else str(file))
    loaded = Profile.from_toml(text, origin=origin)
    render.say(f"{origin}: valid; {loaded.name}, {loaded.payload_cap_bytes:,} bytes a file")

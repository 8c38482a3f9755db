"""``trust``: whom verifying believes on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transcoder.cli.root import app

if TYPE_CHECKING:
    from transcoder.app import Entry

trust_app = typer.Typer(help="Say whose certificates verify here.", no_args_is_help=True)
app.add_typer(trust_app, name="trust")


@trust_app.command("add")
def trust_add(
    file: Annotated[Path, typer.Argument(help="Authorities' certificates or a revocation list, PEM or DER.")],
    name: Annotated[str | None, typer.Option(help="What to call it; without it, by the file's name.")] = None,
    tsa: Annotated[
        bool, typer.Option("--tsa", help="Trust these authorities for time-stamps, not for signers.")
    ] = False,
) -> None:
    """Trust an authority, or believe a revocation list that a trusted authority signed."""
    from transcoder.app import add_trust
    from transcoder.cli import render

    entry = add_trust(file, name=name, tsa=tsa)
    render.say(f"added: {entry.name}")
    _show(entry)


@trust_app.command("list")
def trust_list() -> None:
    """Show authorities and revocation lists of the trust folder."""
    from transcoder.app import trust_folder
    from transcoder.cli import render

    entries = trust_folder().entries()
    for entry in entries:
        render.say(entry.name)
        _show(entry)
    if not entries:
        render.say("nothing was added; this machine's own authority is trusted")


@trust_app.command("remove")
def trust_remove(name: Annotated[str, typer.Argument(help="As `trust list` shows it.")]) -> None:
    """Remove everything of a name from the trust folder."""
    from transcoder.app import trust_folder
    from transcoder.cli import render

    for path in trust_folder().remove(name):
        render.say(f"removed: {path}")


def _show(entry: Entry) -> None:
    from transcoder.cli import render

    for subject in entry.subjects:
        render.say(f"  {entry.kind}: {subject}")
    for digest in entry.sha256:
        render.say(f"  sha256 of the certificate: {digest}")
    if entry.revoked is not None:
        render.say(f"  certificates revoked: {entry.revoked}")
    if entry.until is not None:
        render.say(f"  {'valid until' if entry.revoked is None else 'newer list due'}: {entry.until:%Y-%m-%d}")

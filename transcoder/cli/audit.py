"""``audit``: the log of who did what; shown, verified, and signed to be kept elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from transcoder.cli import exits
from transcoder.cli.root import app

audit_app = typer.Typer(help="Show and verify the log of who did what to which file.", no_args_is_help=True)
app.add_typer(audit_app, name="audit")


@audit_app.command("verify")
def audit_verify(
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authorities to trust.")] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint that was kept elsewhere; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Check every line of the log against the one before it and against the signed checkpoints."""
    from transcoder.app import verify_audit
    from transcoder.cli import render

    result = verify_audit(ca=ca, kept=checkpoint or ())
    if as_json:
        print(json.dumps(result.to_dict()))
    else:
        render.audit_check(result)
    raise typer.Exit(exits.DELIVERED if result.ok else exits.NOT_VERIFIED)


@audit_app.command("show")
def audit_show(
    source: Annotated[
        str | None, typer.Option(help="Only what is about the file with this SHA-256 (or its first 8 digits).")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only what came after this date or time (UTC).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The entries as they are, one line each.")] = False,
) -> None:
    """Show entries of the log, oldest first; it does not check them."""
    from transcoder.app import read_audit
    from transcoder.cli import render

    for entry in read_audit(source=source, since=since):
        if as_json:
            print(json.dumps(entry))
        else:
            render.say(render.audit_line(entry))


@audit_app.command("checkpoint")
def audit_checkpoint(
    out: Annotated[Path, typer.Option(help="The folder for the checkpoint and its signature.")],
) -> None:
    """Sign the log as it is now, and copy the checkpoint to where nobody here can change it."""
    from transcoder.app import sign_audit
    from transcoder.cli import render

    for path in sign_audit(out):
        render.say(str(path))

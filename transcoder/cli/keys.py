"""``keys``: the key that certificates are signed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from transcoder.cli.root import app

if TYPE_CHECKING:
    from transcoder.app import KeyStatus

keys_app = typer.Typer(help="Make, show and rotate the signing key.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")


@keys_app.command("init")
def keys_init() -> None:
    """Make a self-issued authority and signing key, unless there is one."""
    from transcoder.app import key_status
    from transcoder.cli import render

    status = key_status()
    render.say(f"{'made' if status.created else 'already there'}: {status.subject}")
    _show_key(status)


@keys_app.command("show")
def keys_show() -> None:
    """Show the signing key in use and where its authority's certificate is."""
    from transcoder.app import key_status
    from transcoder.cli import render

    status = key_status()
    render.say(f"signer: {status.subject}")
    _show_key(status)


@keys_app.command("rotate")
def keys_rotate(
    authority: Annotated[
        bool, typer.Option("--authority", help="Make a new authority too; receivers need its certificate then.")
    ] = False,
) -> None:
    """Make a new self-issued signing key; certificates signed before still verify."""
    from transcoder.app import rotate_keys
    from transcoder.cli import render

    status = rotate_keys(authority=authority)
    render.say(f"made: {status.subject}" + (" under a new authority" if authority else ""))
    _show_key(status)
    if authority:
        render.say("  the authority before stays trusted here; receivers need both")


def _show_key(status: KeyStatus) -> None:
    from transcoder.cli import render

    render.say(f"  private key: {status.kind}")
    render.say(f"  sha256 of the certificate: {status.certificate_sha256}")
    render.say(f"  valid until: {status.valid_until:%Y-%m-%d}")
    render.say(f"  authority to give to receivers: {status.ca_file}")
    if status.self_issued:
        render.say("  self-issued: proves integrity, not who is behind the key")
    for warning in status.warnings:
        render.say(f"  WARNING: {warning}; see `transcoder keys rotate`, or renew it where it was made")

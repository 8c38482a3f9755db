"""``verify``, ``receive``, ``join`` and ``report``: what is done with deliveries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from transcoder.cli import exits
from transcoder.cli.root import app
from transcoder.cli.stopping import until_stopped


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A delivery's folder, one of its files, or a certificate.")],
    source: Annotated[Path | None, typer.Option(help="The master: measure again and compare.")] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authorities to trust.")] = None,
    receipt: Annotated[list[Path] | None, typer.Option(help="A receipt that came back; may be given again.")] = None,
    receipt_ca: Annotated[
        Path | None, typer.Option(help="PEM file of the recipients' authorities, trusted for receipts.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a certificate.")] = False,
) -> None:
    """Check signature, chain, hashes and cap of a delivery in numbered steps; with --source the scores too."""
    from transcoder.app import verify as run
    from transcoder.cli import render

    results = run(path, source=source, ca=ca, receipts=receipt or (), receipt_ca=receipt_ca)
    for result in results:
        if as_json:
            print(json.dumps(result.to_dict()), flush=True)
        else:
            render.verification(result)
    raise typer.Exit(exits.DELIVERED if all(result.ok for result in results) else exits.NOT_VERIFIED)


@app.command()
def receive(
    path: Annotated[Path, typer.Argument(help="The folder with the delivery, or its certificate.")],
    name: Annotated[str | None, typer.Option("--as", help="Who receives, in words; stands in the receipt.")] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the sender's authorities.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the receipt; default: beside the certificate.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a certificate.")] = False,
) -> None:
    """Check that a delivery arrived complete, intact and playable, and write a signed receipt for the sender."""
    from transcoder.app import receive as run
    from transcoder.cli import render

    results = run(path, name=name, ca=ca, out=out, progress=until_stopped(lambda _: None))
    for result in results:
        if as_json:
            print(json.dumps(result.to_dict()), flush=True)
        else:
            render.received(result)
    raise typer.Exit(exits.DELIVERED if all(result.ok for result in results) else exits.BAD_INPUT)


@app.command()
def join(
    path: Annotated[Path, typer.Argument(help="The folder with the parts, or their certificate.")],
    out: Annotated[Path, typer.Option(help="The file to write; it must not exist.")],
    original: Annotated[
        bool, typer.Option("--original", help="Restore the untouched original from its volumes instead.")
    ] = False,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authorities to trust.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Put parts together again without loss, and prove that nothing is missing; says which part lacks."""
    from transcoder.app import join as run
    from transcoder.cli import render

    result = run(path, out=out, original=original, ca=ca, progress=until_stopped(lambda _: None))
    if as_json:
        print(json.dumps(result.to_dict()))
    else:
        render.joined(result)


@app.command()
def report(
    certificate: Annotated[Path, typer.Argument(help="A certificate, or a file of its delivery.")],
    out: Annotated[Path | None, typer.Option(help="The HTML file to write; it must not exist.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="The PDF file to write, for case files; it must not exist.")] = None,
    source: Annotated[Path | None, typer.Option(help="The master, for the pictures before and after.")] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authorities to trust.")] = None,
) -> None:
    """Render the report of a delivery again, as HTML, PDF or both, after verifying its certificate."""
    from transcoder.app import render_report
    from transcoder.cli import render

    for written in render_report(certificate, out=out, pdf=pdf, source=source, ca=ca):
        render.say(str(written))

"""``inspect``: what is in a source, and where the evidence in it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from transcoder.cli.root import ProgressKind, app
from transcoder.cli.stopping import until_stopped
from transcoder.errors import UsageError


@app.command()
def inspect(
    source: Annotated[Path, typer.Argument(help="A video or picture.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    regions: Annotated[
        bool,
        typer.Option("--regions", help="Also find faces, plates, text and motion; writes a contact sheet and JSON."),
    ] = False,
    out: Annotated[Path, typer.Option(help="With --regions: the folder for both files.")] = Path(),
    marked: Annotated[
        Path | None, typer.Option(help="With --regions: JSON file of places that a person marked.")
    ] = None,
    stream: Annotated[int | None, typer.Option(min=0, help="Of several video streams: the number of one.")] = None,
    progress: Annotated[ProgressKind, typer.Option(help="How progress is shown, on standard error.")] = (
        ProgressKind.AUTO
    ),
) -> None:
    """Show what is in a source: streams, timing, colour, rotation, tags; with --regions where the evidence is."""
    from transcoder.app import inspect as run
    from transcoder.certificate.describing import describe_source
    from transcoder.cli import render

    if marked is not None and not regions:
        raise UsageError("--marked belongs to --regions", code="usage")
    if not regions:
        info = run(source, stream=stream)
        if as_json:
            print(json.dumps(describe_source(info)))
        else:
            render.source(info)
        return
    from transcoder.app import inspect_regions
    from transcoder.cli.progress import listener

    with listener(progress.value) as shown:
        result = inspect_regions(source, out=out, regions=marked, stream=stream, progress=until_stopped(shown))
        shown.done(str(source))
    if as_json:
        print(result.document.read_text(encoding="utf-8"))
    else:
        render.regions(result)

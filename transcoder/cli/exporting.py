"""``export``: a certificate in the words of other systems."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from transcoder.cli.root import app


class Vocabulary(StrEnum):
    """What a certificate can be exported as."""

    CASE = "case"
    PREMIS = "premis"


@app.command()
def export(
    certificate: Annotated[Path, typer.Argument(help="A certificate, or a file of its delivery.")],
    vocabulary: Annotated[
        Vocabulary, typer.Option("--format", help="CASE/UCO as JSON-LD, or PREMIS 3 as XML.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The file to write; it must not exist.")],
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authorities to trust.")] = None,
) -> None:
    """Write a delivery's record for case-management systems and archives, after verifying its certificate."""
    from transcoder.app import export_record
    from transcoder.cli import render

    render.say(str(export_record(certificate, vocabulary=vocabulary.value, out=out, ca=ca)))

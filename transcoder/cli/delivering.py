"""``apply`` and ``plan``: from sources to deliveries, or to what they would be."""

from __future__ import annotations

import json
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transcoder.cli import exits
from transcoder.cli.arguments import case_fields, chosen_streams, override_of
from transcoder.cli.root import ProgressKind, app
from transcoder.cli.stopping import until_stopped
from transcoder.errors import UsageError

if TYPE_CHECKING:
    from transcoder.model import Delivery, ProgressCallback


@app.command()
def apply(
    sources: Annotated[list[Path], typer.Argument(help="Videos, pictures, or folders of them.", show_default=False)],
    profile: Annotated[str, typer.Option(help="A shipped profile's name, or a .toml file.")] = "cps-twif-1mb",
    out: Annotated[Path, typer.Option(help="Folder for the deliveries; made when needed.")] = Path("delivery"),
    cap: Annotated[int | None, typer.Option(help="Another cap in bytes than the profile's.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Sources worked on at the same time.")] = 1,
    urn: Annotated[str | None, typer.Option(help="Case: unique reference number.")] = None,
    exhibit: Annotated[str | None, typer.Option(help="Case: exhibit reference.")] = None,
    operator: Annotated[str | None, typer.Option(help="Case: who does this.")] = None,
    description: Annotated[str | None, typer.Option(help="Case: what the material is.")] = None,
    case: Annotated[Path | None, typer.Option(help="JSON file with urn, exhibit, operator, description.")] = None,
    accept_degraded: Annotated[
        bool, typer.Option("--accept-degraded", help="Deliver below a floor; needs --operator and --reason.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why a degraded delivery is accepted.")] = None,
    regions: Annotated[
        Path | None, typer.Option(help="JSON file of places to keep well (docs/regions.schema.json); one source.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Deliver a clip: from here, in seconds or HH:MM:SS.mmm; one source.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Deliver a clip: up to here.")] = None,
    stream: Annotated[
        str | None, typer.Option(help="Of several video streams: the number of one, or all; one source.")
    ] = None,
    max_parts: Annotated[
        int | None, typer.Option(min=1, help="Another limit on the parts of one delivery than the profile's.")
    ] = None,
    within: Annotated[
        str | None, typer.Option(help="Be ready in this time, each source: seconds or HH:MM:SS; costs effort.")
    ] = None,
    stills: Annotated[
        int | None, typer.Option(min=0, max=1000, help="Also send so many of a video's best frames as pictures.")
    ] = None,
    with_original: Annotated[
        bool, typer.Option("--with-original", help="Also send the untouched original, in volumes under the cap.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a source on standard output.")] = False,
    progress: Annotated[ProgressKind, typer.Option(help="How progress is shown, on standard error.")] = (
        ProgressKind.AUTO
    ),
) -> None:
    """Deliver each source under a profile: media, signed certificate and report."""
    from transcoder import spare
    from transcoder.app import expand, key_status, transcode
    from transcoder.cli import batch, render
    from transcoder.cli.progress import listener
    from transcoder.model import parse_clock
    from transcoder.profile import load
    from transcoder.settings import Settings

    loaded = load(profile)
    if cap is not None:
        loaded = loaded.with_cap(cap)
    if max_parts is not None:
        loaded = loaded.with_max_parts(max_parts)
    fields = case_fields(case, {"urn": urn, "exhibit": exhibit, "operator": operator, "description": description})
    override = override_of(accept_degraded, fields, reason)
    found = expand(sources)
    if not found:
        raise UsageError("the folder holds no files", where=str(sources[0]), code="nothing-to-do")
    if regions is not None and len(found) > 1:
        raise UsageError("--regions belongs to one source", hint="apply the sources one by one", code="usage")
    if (from_ is not None or to is not None) and len(found) > 1:
        raise UsageError("--from and --to belong to one source", hint="apply the sources one by one", code="usage")
    if stream is not None and len(found) > 1:
        raise UsageError("--stream belongs to one source", hint="apply the sources one by one", code="usage")
    wanted = chosen_streams(stream, found[0])
    status = key_status()
    if status.created:
        render.complain(
            f"made a self-issued signing key in {status.folder}: it proves integrity, not who you are; "
            "for production name your own with TRANSCODER_SIGNER_KEY and TRANSCODER_SIGNER_CERT"
        )

    for warning in status.warnings:
        render.complain(warning)

    def work(source: Path, callback: ProgressCallback, number: int | None) -> Delivery:
        return transcode(
            source,
            profile=loaded,
            out=out,
            case=fields,
            override=override,
            progress=until_stopped(callback),
            regions=regions,
            with_original=with_original,
            stills=stills,
            within_s=parse_clock(within) if within is not None else None,
            from_s=parse_clock(from_) if from_ is not None else None,
            to_s=parse_clock(to) if to is not None else None,
            stream=number,
            on_sent=partial(render.already_sent, source),
        )

    codes = []
    with listener(progress.value) as shown:
        soon = partial(spare.begin, Settings.from_environment().sandbox)
        outcomes = (batch.run(found, partial(work, number=number), shown, jobs=jobs, soon=soon) for number in wanted)
        for result in chain.from_iterable(outcomes):
            shown.done(str(result.source))
            codes.append(result.exit_code)
            if as_json:
                print(json.dumps(result.to_dict()), flush=True)
                if result.error is not None:
                    render.complain(str(result.error))
            else:
                render.outcome(result)
    if len(codes) > 1 and not as_json:
        done = codes.count(exits.DELIVERED)
        refused = codes.count(exits.REFUSED)
        items = "sources" if stream is None else "streams"
        render.say(f"{len(codes)} {items}: {done} delivered, {refused} refused, {len(codes) - done - refused} failed")
    raise typer.Exit(exits.gravest(codes))


@app.command()
def plan(
    source: Annotated[Path, typer.Argument(help="A video or picture.")],
    profile: Annotated[str, typer.Option(help="A shipped profile's name, or a .toml file.")] = "cps-twif-1mb",
    cap: Annotated[int | None, typer.Option(help="Another cap in bytes than the profile's.")] = None,
    max_parts: Annotated[int | None, typer.Option(min=1, help="Another limit on parts than the profile's.")] = None,
    stream: Annotated[str | None, typer.Option(help="Of several video streams: the number of one, or all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Predict rung, parts, size, fidelity and time from short samples, without encoding all of it."""
    from transcoder.app import plan as run
    from transcoder.cli import render
    from transcoder.outlook import describe
    from transcoder.profile import load

    loaded = load(profile)
    for chosen in chosen_streams(stream, source):
        result = run(
            source, profile=loaded, cap_bytes=cap, max_parts=max_parts, stream=chosen,
            progress=until_stopped(lambda _: None),
        )  # fmt: skip
        if as_json:
            print(json.dumps(result.to_dict()))
            continue
        name = source.name if chosen is None else f"{source.name}, stream {chosen}"
        for number, line in enumerate(describe(result, loaded.floors)):
            render.say(line if number else f"{name}: {line}")

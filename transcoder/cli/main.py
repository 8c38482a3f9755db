"""Commands and options. Each command parses, calls one function of ``app`` and hands the result to ``render``."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from transcoder.cli import exits
from transcoder.errors import TranscodeError, UsageError
from transcoder.version import __version__

if TYPE_CHECKING:
    from transcoder.model import CaseFields, Delivery, Override, Progress, ProgressCallback

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
profiles_app = typer.Typer(help="List, show and check transmission profiles.", no_args_is_help=True)
keys_app = typer.Typer(help="Make and show the signing key.", no_args_is_help=True)
app.add_typer(profiles_app, name="profiles")
app.add_typer(keys_app, name="keys")


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
    from transcoder.app import expand, key_status, transcode
    from transcoder.cli import batch, render
    from transcoder.cli.progress import listener
    from transcoder.model import parse_clock
    from transcoder.profile import load

    loaded = load(profile)
    if cap is not None:
        loaded = loaded.with_cap(cap)
    if max_parts is not None:
        loaded = loaded.with_max_parts(max_parts)
    fields = _case_fields(case, {"urn": urn, "exhibit": exhibit, "operator": operator, "description": description})
    override = _override(accept_degraded, fields, reason)
    found = expand(sources)
    if not found:
        raise UsageError("the folder holds no files", where=str(sources[0]), code="nothing-to-do")
    if regions is not None and len(found) > 1:
        raise UsageError("--regions belongs to one source", hint="apply the sources one by one", code="usage")
    if (from_ is not None or to is not None) and len(found) > 1:
        raise UsageError("--from and --to belong to one source", hint="apply the sources one by one", code="usage")
    if stream is not None and len(found) > 1:
        raise UsageError("--stream belongs to one source", hint="apply the sources one by one", code="usage")
    wanted = _streams(stream, found[0])
    status = key_status()
    if status.created:
        render.complain(
            f"made a self-issued signing key in {status.folder}: it proves integrity, not who you are; "
            "for production name your own with TRANSCODER_SIGNER_KEY and TRANSCODER_SIGNER_CERT"
        )

    def work(source: Path, callback: ProgressCallback, number: int | None) -> Delivery:
        return transcode(
            source,
            profile=loaded,
            out=out,
            case=fields,
            override=override,
            progress=_until_stopped(callback),
            regions=regions,
            with_original=with_original,
            stills=stills,
            within_s=parse_clock(within) if within is not None else None,
            from_s=parse_clock(from_) if from_ is not None else None,
            to_s=parse_clock(to) if to is not None else None,
            stream=number,
        )

    codes = []
    with listener(progress.value) as shown:
        outcomes = (batch.run(found, partial(work, number=number), shown, jobs=jobs) for number in wanted)
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
def verify(
    path: Annotated[Path, typer.Argument(help="A delivery's folder, one of its files, or a certificate.")],
    source: Annotated[Path | None, typer.Option(help="The master: measure again and compare.")] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authorities to trust.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a certificate.")] = False,
) -> None:
    """Check signature, chain, hashes and cap of a delivery in numbered steps; with --source the scores too."""
    from transcoder.app import verify as run
    from transcoder.cli import render

    results = run(path, source=source, ca=ca)
    for result in results:
        if as_json:
            print(json.dumps(result.to_dict()), flush=True)
        else:
            render.verification(result)
    raise typer.Exit(exits.DELIVERED if all(result.ok for result in results) else exits.NOT_VERIFIED)


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
    for chosen in _streams(stream, source):
        result = run(
            source, profile=loaded, cap_bytes=cap, max_parts=max_parts, stream=chosen,
            progress=_until_stopped(lambda _: None),
        )  # fmt: skip
        if as_json:
            print(json.dumps(result.to_dict()))
            continue
        name = source.name if chosen is None else f"{source.name}, stream {chosen}"
        for number, line in enumerate(describe(result, loaded.floors)):
            render.say(line if number else f"{name}: {line}")


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

    result = run(path, out=out, original=original, ca=ca, progress=_until_stopped(lambda _: None))
    if as_json:
        print(json.dumps(result.to_dict()))
    else:
        render.joined(result)


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
        result = inspect_regions(source, out=out, regions=marked, stream=stream, progress=_until_stopped(shown))
        shown.done(str(source))
    if as_json:
        print(result.document.read_text(encoding="utf-8"))
    else:
        render.regions(result)


@app.command()
def report(
    certificate: Annotated[Path, typer.Argument(help="A certificate, or a file of its delivery.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write; it must not exist.")],
    source: Annotated[Path | None, typer.Option(help="The master, for the pictures before and after.")] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authorities to trust.")] = None,
) -> None:
    """Render the report of a delivery again, after verifying its certificate."""
    from transcoder.app import render_report
    from transcoder.cli import render

    render.say(str(render_report(certificate, out=out, source=source, ca=ca)))


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


def _show_key(status: Any) -> None:
    from transcoder.cli import render

    render.say(f"  sha256 of the certificate: {status.certificate_sha256}")
    render.say(f"  valid until: {status.valid_until:%Y-%m-%d}")
    render.say(f"  authority to give to receivers: {status.ca_file}")
    if status.self_issued:
        render.say("  self-issued: proves integrity, not who is behind the key")


def _streams(wanted: str | None, source: Path) -> Sequence[int | None]:
    """The video streams to deliver; None leaves the choice to the tool."""
    if wanted is None:
        return [None]
    if wanted == "all":
        from transcoder.app import video_streams

        found = video_streams(source)
        return found if len(found) > 1 else [None]
    if not wanted.isdecimal() or len(wanted) > 4:
        raise UsageError(f"not the number of a stream: {wanted}", hint="a number from inspect, or all", code="usage")
    return [int(wanted)]


def _case_fields(file: Path | None, given: dict[str, str | None]) -> CaseFields:
    from transcoder.model import CaseFields

    fields: dict[str, Any] = {}
    if file is not None:
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            json.dumps(fields, ensure_ascii=False).encode()  # half a surrogate pair could not be signed
        except (OSError, ValueError, RecursionError) as error:
            reason = error if isinstance(error, OSError | json.JSONDecodeError) else "it is not JSON text"
            raise UsageError(f"cannot read the case file: {reason}", where=str(file), code="case-file") from None
        known = {"urn", "exhibit", "operator", "description"}
        wrong = sorted(set(fields) - known) if isinstance(fields, dict) else ["the whole document"]
        if wrong or not all(isinstance(value, str) for value in fields.values()):
            raise UsageError(
                f"case files hold text fields only: {', '.join(wrong)[:160] or 'a value is not text'}",
                where=str(file),
                hint=f"known fields: {', '.join(sorted(known))}",
                code="case-file",
            )
    fields |= {key: value for key, value in given.items() if value is not None}
    return CaseFields(**fields)


def _override(accept: bool, fields: CaseFields, reason: str | None) -> Override | None:
    from transcoder.model import Override

    if not accept:
        if reason is not None:
            raise UsageError("--reason belongs to --accept-degraded", code="usage")
        return None
    return Override(operator=fields.operator or "", reason=reason or "")


def run() -> NoReturn:
    """Parse and run: every error of ours is one line and an exit code, never a traceback."""
    for number in _STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's background job ignores Ctrl-C on purpose
            signal.signal(number, _stop)
    code: int | str | None
    try:
        # Without its stand-alone mode the parser returns the code of an Exit instead of raising it.
        result = app(standalone_mode=False)
        code = result if isinstance(result, int) else exits.DELIVERED
    except SystemExit as error:
        code = error.code
    except TranscodeError as error:
        code = _fail(str(error), exits.code_for(error))
    except KeyboardInterrupt:
        code = _fail("stopped; nothing half-done was left", exits.INTERRUPTED)
    except BrokenPipeError:
        code = exits.INTERNAL
    except Exception as error:  # noqa: BLE001 - the last line of defence
        code = _click_or_internal(error)
    sys.stdout.flush()
    if code == exits.INTERRUPTED:
        # An interruption that struck while a compiled module ran Python code leaves a mark in the interpreter, which
        # would end it by the signal instead of by the code that was promised.
        sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


def _click_or_internal(error: Exception) -> int:
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(code, int):  # a usage error of the option parser
        show()
        return code
    if type(error).__name__ == "Abort":
        return _fail("stopped; nothing half-done was left", exits.INTERRUPTED)
    return _fail(f"internal fault ({type(error).__name__}: {error}); please report this line", exits.INTERNAL)


def _fail(text: str, code: int) -> int:
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    print(f"transcoder: {line}", file=sys.stderr)
    return code


_STOPPING = (signal.SIGINT, signal.SIGTERM)
_stop_asked = threading.Event()


def _until_stopped(callback: ProgressCallback) -> ProgressCallback:
    """The callback, which stops the work where the interruption itself got lost.

    Raised inside a library that catches everything (configuration readers do), a KeyboardInterrupt becomes one more
    error of that library, and nobody would stop.
    """

    def checked(event: Progress) -> None:
        if _stop_asked.is_set():
            raise KeyboardInterrupt
        callback(event)

    return checked


def _stop(_signal: int, _frame: object) -> None:
    """Stop once, cleanly: an impatient second Ctrl-C must not interrupt the cleaning up."""
    _stop_asked.set()
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt

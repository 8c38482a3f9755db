"""``watch``: deliver what arrives in a folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from transcoder.cli.root import app
from transcoder.errors import UsageError


class AfterKind(StrEnum):
    """What becomes of a delivered source."""

    KEEP = "keep"
    MOVE = "move"
    DELETE = "delete"


@app.command()
def watch(
    source: Annotated[Path, typer.Argument(help="Folder to watch.", metavar="IN", show_default=False)],
    out: Annotated[Path, typer.Argument(help="Folder for the deliveries; made when needed.", show_default=False)],
    profile: Annotated[str, typer.Option(help="A shipped profile's name, or a .toml file.")] = "cps-twif-1mb",
    cap: Annotated[int | None, typer.Option(help="Another cap in bytes than the profile's.")] = None,
    case: Annotated[Path | None, typer.Option(help="JSON file with case fields for files that bring none.")] = None,
    after: Annotated[
        AfterKind, typer.Option(help="A delivered source stays, moves to IN/.done, or is deleted.")
    ] = AfterKind.KEEP,
    settle: Annotated[float, typer.Option(min=0.0, max=86400.0, help="Seconds that a file must stay unchanged.")] = 5.0,
    poll: Annotated[float, typer.Option(min=0.1, max=3600.0, help="Seconds between two looks.")] = 1.0,
    recursive: Annotated[bool, typer.Option("--recursive", help="Folders in it as well; OUT gets the same.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End when all that lies there is dealt with.")] = False,
) -> None:
    """Deliver every file that arrives in a folder, and set aside what cannot be. Survives restarts."""
    import hashlib
    import logging
    import signal
    import sys

    from transcoder.app import key_status
    from transcoder.cli import exits, render
    from transcoder.cli.arguments import case_fields
    from transcoder.profile import load, shipped_names
    from transcoder.settings import Settings
    from transcoder.watching.arrivals import OWN
    from transcoder.watching.journal import Came, only_one
    from transcoder.watching.plan import After, Plan
    from transcoder.watching.watcher import Watcher

    if not once and not source.is_dir():
        render.complain(f"{source} is not there; waiting for it")
    elif once and not source.is_dir():
        raise UsageError("there is no such folder", where=str(source), code="nothing-to-do")
    loaded = load(profile)
    if cap is not None:
        loaded.with_cap(cap)
    named = profile if profile in shipped_names() else str(Path(profile).absolute())
    for warning in key_status().warnings:  # makes the key now, so that a fault of it is no file's
        render.complain(warning)
    plan = Plan(
        source=source, out=out, profile=named, cap_bytes=cap, case=case_fields(case, {}), after=After(after),
        settle_s=settle, poll_s=poll, recursive=recursive,
    )  # fmt: skip
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    # By its resolved name, on this machine: two watchers with different outputs must not share an input either.
    name = hashlib.sha256(str(source.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]
    with only_one(Settings.from_environment().home / "watch" / f"{name}.lock", out / OWN / "lock"):
        watcher = Watcher(plan)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: watcher.stop())
        watcher.run(once=once)
    counts = watcher.handled
    if once:
        text = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "nothing new"
        render.say(text)
        worst = {Came.DELIVERED: exits.DELIVERED, Came.REFUSED: exits.REFUSED, Came.QUARANTINED: exits.BAD_INPUT}
        raise typer.Exit(exits.gravest(worst[state] for state, count in counts.items() if count))
    render.complain("stopped; what was being done is begun again at the next start")

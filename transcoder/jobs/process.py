"""The process that does one attempt: delivers one source, says on standard output how far it is and what came of it.

Its standard input is the worker's sign of life. When that ends, the work ends: nobody waits for it any more.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcoder.errors import Cancelled, NoAcceptableEncoding, TranscodeError

if TYPE_CHECKING:
    from transcoder.jobs.chunks import JobChunks
    from transcoder.model import Progress

_PATIENCE_S = 0.5
"""How long the work has to stop by itself, and to take away what it left."""


def main() -> None:
    """Read the order from the first line of standard input, and do it."""
    _begin()
    order = json.loads(sys.stdin.readline())
    stopped = threading.Event()
    threading.Thread(target=_watch, args=(stopped,), daemon=True).start()
    answer: dict[str, object]
    try:
        answer = {"result": _help(order, stopped) if "help" in order else _deliver(order, stopped)}
    except NoAcceptableEncoding as error:
        refused = getattr(error, "delivery", None)
        described = refused.to_dict() if refused is not None else None
        answer = {"result": described, "error": error.diagnostics(), "kind": "NoAcceptableEncoding"}
    except TranscodeError as error:
        answer = {"error": error.diagnostics(), "kind": _kind(error)}
    except OSError as error:
        text = {"code": "storage-failed", "message": error.strerror or str(error), "where": error.filename}
        answer = {"error": text | {"hint": None, "details": {}}, "kind": "StorageError"}
    except Exception as error:  # noqa: BLE001 - the last line of defence
        fault = TranscodeError(f"internal fault ({type(error).__name__}: {error})", hint="please report this line")
        answer = {"error": fault.diagnostics(), "kind": "TranscodeError"}
    _say(answer)


def _begin() -> None:
    """Start the child that every order needs, before anything else is loaded."""
    from transcoder import spare
    from transcoder.settings import Settings

    with contextlib.suppress(TranscodeError, OSError):  # met again where it can be told
        spare.begin(Settings.from_environment().sandbox)


def _deliver(order: dict[str, Any], stopped: threading.Event) -> dict[str, object]:
    from transcoder import app
    from transcoder.jobs.base import Options, seconds_of
    from transcoder.model import CaseFields, Override
    from transcoder.phases import Gauge
    from transcoder.profile import load

    options, out = Options.from_dict(order["options"]), Path(order["out"])
    profile = load(options.profile)
    if options.max_parts is not None:
        profile = profile.with_max_parts(options.max_parts)
    regions: Path | None = None
    if options.regions is not None:
        regions = out.parent / "regions.json"
        regions.write_text(json.dumps(options.regions), encoding="utf-8")
    status = app.key_status()
    gauge, last = Gauge(), [-1.0, ""]
    for warning in status.warnings:
        _say({"warning": warning})

    def progress(event: Progress) -> None:
        if stopped.is_set():
            raise Cancelled("stopped on request; nothing of this source was left", where=event.source)
        percent = gauge.seen(event.phase, event.done, event.total)
        if [percent, event.phase] != last:
            last[:] = [percent, event.phase]
            _say({"phase": event.phase, "percent": percent})

    delivery = app.transcode(
        Path(order["source"]),
        profile=profile,
        out=out,
        cap_bytes=options.cap_bytes,
        case=CaseFields(
            urn=options.urn, exhibit=options.exhibit, operator=options.operator, description=options.description
        ),
        override=(
            Override(operator=options.operator or "", reason=options.reason or "") if options.accept_degraded else None
        ),
        progress=progress,
        regions=regions,
        with_original=options.with_original,
        stills=options.stills,
        within_s=seconds_of(options.within_s),
        from_s=seconds_of(options.from_s),
        to_s=seconds_of(options.to_s),
        stream=options.stream,
        chunks=_chunks(order),
    )
    return delivery.to_dict()


def _help(order: dict[str, Any], stopped: threading.Event) -> dict[str, object]:
    """Make one part of another worker's job."""
    from transcoder import app

    def progress(event: Progress) -> None:
        if stopped.is_set():
            raise Cancelled("stopped on request", where=event.source)

    app.make_chunk(
        Path(order["source"]), Path(order["kit"]), order["help"], out=Path(order["target"]), progress=progress
    )
    return {"verdict": None}


def _chunks(order: dict[str, Any]) -> JobChunks | None:
    """None where nobody keeps them: a watched folder works alone."""
    from transcoder.jobs.chunks import JobChunks
    from transcoder.jobs.database import open_engine
    from transcoder.jobs.objects import objects_at

    given = order.get("chunks")
    if given is None:
        return None
    objects = objects_at(given["storage"], given["storage_options"])
    engine = open_engine(given["database_url"])
    return JobChunks(engine, objects, job_id=given["job_id"], worker=given["worker"], attempt=given["attempt"])


def _kind(error: TranscodeError) -> str:
    """The branch of the error tree: what the worker decides by whether another attempt makes sense."""
    tree = [kind.__name__ for kind in type(error).__mro__]
    return tree[tree.index("TranscodeError") - 1] if tree.index("TranscodeError") else tree[0]


def _watch(stopped: threading.Event) -> None:
    sys.stdin.read()
    stopped.set()
    threading.Event().wait(_PATIENCE_S)
    os._exit(1)  # the work did not hear it: what it left lies in the attempt's own folder


def _say(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

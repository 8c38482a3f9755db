"""The processes of the service: start, say where, end cleanly at a signal."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading

from transcoder.cli import logs, render
from transcoder.errors import StorageError
from transcoder.hosting import open_host
from transcoder.jobs.engine import Engine

_MOST_CONNECTIONS = 2000
"""More are answered 503: clients that open connections and say nothing must not use up what the process may open."""

_SWITCH_S = 0.0005
"""How long a thread may keep the others waiting. A short request changes threads some ten times, and behind uploads
that are hashed and written it would wait the usual 5 ms each time."""


def serve(host: str, port: int, *, worker: bool, authentication: bool) -> None:
    """Run API and worker until a signal. Does not return."""
    import uvicorn

    from transcoder.server.application import create

    logs.start()
    sys.setswitchinterval(_SWITCH_S)
    opened = open_host()
    engine = opened.engine() if worker else None
    listening = _listen(host, port)
    if engine is not None:
        engine.start()
    server = uvicorn.Server(
        uvicorn.Config(
            create(opened.service(engine, authentication=authentication)), log_config=None, access_log=False,
            server_header=False, timeout_graceful_shutdown=5, limit_concurrency=_MOST_CONNECTIONS,
        )
    )  # fmt: skip
    address = listening.getsockname()
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    render.complain(f"listening at http://{shown}:{address[1]}")
    if authentication and not any(item.revoked is None for item in opened.tokens().list()):
        render.complain("there is no token yet: `transcoder token create --role admin` makes one")
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn passes the signal on once it has finished
        server.run(sockets=[listening])
    _end(engine)


def work() -> None:
    """Run a worker until a signal. Does not return."""
    logs.start()
    engine = open_host().engine()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    engine.start()
    render.complain(f"worker {engine.id} is ready")
    stopped.wait()
    _end(engine)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Its protocol is named: asyncio switches Nagle's algorithm off only where it reads "TCP". With it, an answer's body
    # waits 40 ms for the client to confirm the head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise StorageError(
            f"cannot listen: {error.strerror or error}",
            where=f"{host}:{port}",
            hint="another --port?",
            code="cannot-listen",
        ) from None
    return listening


def _end(engine: Engine | None) -> None:
    if engine is not None:
        engine.stop()
    render.complain("stopped; what was being done is handed back")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the engine's threads know no other end; everything that counts is in the database

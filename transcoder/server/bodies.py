"""What a request may bring, before any route reads it: no endless JSON, and nobody who sends a byte an hour."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

JSON_BYTES = 2 << 20
_KEY = "transcoder.body"
_BLOCK_BYTES, _HELD_S = 256 << 10, 1.0
"""A slow client's bytes wait no longer than this."""


def read_in_blocks(scope: Scope) -> None:
    """Say that a route reads the body in blocks and holds it against limits of its own."""
    scope.get(_KEY, {})["streamed"] = True


async def blocks(request: Request) -> AsyncIterator[bytes]:
    """A body in pieces that are worth a trip to a thread and back, which is what a hundred uploads cost most.

    What has come when the client goes is given before the error is raised: it counts.
    """
    held, since = bytearray(), time.monotonic()
    try:
        async for block in request.stream():
            held += block
            if len(held) >= _BLOCK_BYTES or time.monotonic() - since > _HELD_S:
                if held:
                    yield bytes(held)
                held, since = bytearray(), time.monotonic()
    except (ClientDisconnect, HTTPException):
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


class Bodies:
    """ASGI middleware.

    :param silence_s: how long a client may send nothing while a body is awaited.
    """

    def __init__(self, app: ASGIApp, *, silence_s: float) -> None:
        self._app, self._silence_s = app, silence_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a ``receive`` that counts and does not wait for ever."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The pages read their forms in blocks; a route of the API that takes JSON would read any kind as a whole.
        form = dict(scope["headers"]).get(b"content-type", b"").startswith(b"multipart/form-data")
        how = scope[_KEY] = {"streamed": form and not scope["path"].startswith("/v1/")}
        came, over = 0, False

        async def counted() -> Message:
            nonlocal came, over
            if over:
                return await receive()  # the answer is on its way: this waits for the client to go
            try:
                async with asyncio.timeout(self._silence_s):
                    message = await receive()
            except TimeoutError:
                over = True
                raise HTTPException(408, f"nothing came for {self._silence_s:g} s") from None
            if message["type"] == "http.request":
                came += len(message.get("body", b""))
                over = not message.get("more_body", False)
                if came > JSON_BYTES and not how["streamed"]:
                    raise HTTPException(413, f"the body is longer than {JSON_BYTES:,} bytes")
            return message

        await self._app(scope, counted, send)


__all__ = ["JSON_BYTES", "Bodies", "blocks", "read_in_blocks"]

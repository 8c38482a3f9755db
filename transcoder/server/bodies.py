"""What a request may bring, before any route reads it: no endless JSON, and nobody who sends a byte an hour."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

JSON_BYTES = 2 << 20
_KEY = "transcoder.body"


def read_in_blocks(scope: Scope) -> None:
    """Say that a route reads the body in blocks and holds it against limits of its own."""
    scope.get(_KEY, {})["streamed"] = True


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
                message = await asyncio.wait_for(receive(), self._silence_s)
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


__all__ = ["JSON_BYTES", "Bodies", "read_in_blocks"]

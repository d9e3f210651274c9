"""``Expect: 100-continue`` refused: the half of RFC 9110 §10.1.1 that uvicorn leaves to the application.

A client that waits for ``100 Continue`` and is refused instead (boto3's PutObject into a bucket
that does not exist) never sends its body.  On a kept-alive connection the server would take the
next request for that body, so a refusal closes the connection.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def close_refused(app: ASGIApp) -> ASGIApp:
    """Wrap an ASGI application: an answer to a request whose awaited body was never requested closes the connection."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if dict(scope.get("headers", ())).get(b"expect", b"").lower() != b"100-continue":
            await app(scope, receive, send)
            return
        body_requested = False

        async def receive_body() -> Message:
            nonlocal body_requested
            body_requested = True
            return await receive()

        async def send_closing(message: Message) -> None:
            if message["type"] == "http.response.start" and not body_requested:
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await app(scope, receive_body, send_closing)

    return wrapped

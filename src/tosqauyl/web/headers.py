"""Headers that every answer carries. An answer may bring its own Cache-Control or Content-Security-Policy: a page needs another one
than data. There is no CORS: other sites' scripts do not read from the office."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Under no-referrer browsers send "Origin: null" with a form (Fetch, 3.2), and our own forms would be refused.
ALWAYS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"
"""A year, told only where the office is reached over TLS (RFC 6797 section 7.2)."""


class SecureHeaders:
    """ASGI middleware. tls: whether people reach the office over TLS, where a proxy in front ends it."""

    def __init__(self, app: ASGIApp, tls: bool) -> None:
        self._app, self._tls = app, tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the answer's start."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        tls = self._tls or scope.get("scheme") == "https"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
                if tls:
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        await self._app(scope, receive, sending)

"""Where a request comes from, for our own limits (R22): the client's address and a cookie that names the browser.

The middleware notes both before a page's handler runs, and the desk reads them when an order is placed. The API has no
browser behind it: its calls, thin ones included, say their address themselves.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from typing import Final

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from mingzhang.orders.limits import NOWHERE, Origin

DEVICE_COOKIE: Final = "mz_device"
_DEVICE: Final = re.compile(r"[0-9a-f]{32}")
_YEAR_S: Final = 365 * 86_400
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def origin_of_request() -> Origin:
    """Of the request that is being answered; nothing outside of one."""
    return _origin.get()


class NotesOrigin(ASGIMiddleware):
    """Notes the origin; a browser that looks at a product gets its cookie. `secure`: for https only."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._name = f"__Host-{DEVICE_COOKIE}" if secure else DEVICE_COOKIE

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass on, with the cookie added to a product page that goes out."""
        client = scope.get("client")
        device = _device_in(scope, self._name)
        _origin.set(Origin(device=device, address=client[0] if client else ""))
        if device or not scope["path"].startswith("/products/") or scope.get("method") != "GET":
            await next_app(scope, receive, send)
            return

        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure = "; Secure" if self._secure else ""
                text = (
                    f"{self._name}={secrets.token_hex(16)}; Path=/; Max-Age={_YEAR_S}; HttpOnly; SameSite=Lax"
                )
                headers = [*message["headers"], (b"set-cookie", f"{text}{secure}".encode())]
                message = {**message, "headers": headers}
            await send(message)

        await next_app(scope, receive, marking)


def _device_in(scope: Scope, cookie: str) -> str:
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                morsel = SimpleCookie(value.decode("latin-1")).get(cookie)
            except CookieError:
                continue
            if morsel is not None and _DEVICE.fullmatch(morsel.value):
                return str(morsel.value)
    return ""

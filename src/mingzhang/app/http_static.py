"""Static files as small as they can be: text is sent gzipped to whoever takes that, packed once and kept in memory.

Only files of our own that hold no secret. Of pages, those alone are sent gzipped that are the same for everybody
(`http_kit.page`, ``packed``): one that repeats what was typed beside a form's token must not be.
"""

from __future__ import annotations

import asyncio
import gzip
from typing import Final

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

PREFIX: Final = "/static/"
TEXT: Final = (".css", ".js", ".svg", ".json")
SMALL_BYTES: Final = 1_000
FILES_MAX: Final = 200


class PacksStatic(ASGIMiddleware):
    """Packs what the static files' handler answers in full; a part, or "not modified", passes through."""

    scopes = (ScopeType.HTTP,)

    def __init__(self) -> None:
        self._packed: dict[tuple[str, bytes], bytes] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass on; the answer's body is held until it is whole."""
        path = scope["path"]
        given = dict(scope["headers"])
        wanted = b"gzip" in given.get(b"accept-encoding", b"") and b"range" not in given
        if not (wanted and scope.get("method") == "GET" and path.startswith(PREFIX) and path.endswith(TEXT)):
            await next_app(scope, receive, send)
            return
        begun: list[Message] = []
        body = bytearray()

        async def holding(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(message)
                return
            if message["type"] != "http.response.body" or not begun:
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                await self._answer(path, begun[0], bytes(body), send)

        await next_app(scope, receive, holding)

    async def _answer(self, path: str, start: Message, body: bytes, send: Send) -> None:
        assert start["type"] == "http.response.start"
        headers = list(start["headers"])
        if start["status"] == 200 and len(body) >= SMALL_BYTES:
            etag = dict(headers).get(b"etag", b"")
            key = (path, etag or str(hash(body)).encode())
            if key not in self._packed:
                if len(self._packed) >= FILES_MAX:
                    self._packed.clear()
                self._packed[key] = await asyncio.to_thread(gzip.compress, body, 9, mtime=0)
            body = self._packed[key]
            headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
            headers += [
                (b"content-length", str(len(body)).encode()),
                (b"content-encoding", b"gzip"),
                (b"vary", b"accept-encoding"),
            ]
        await send({"type": "http.response.start", "status": start["status"], "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

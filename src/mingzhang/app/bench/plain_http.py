"""A small HTTP/1.1 client for loopback load: one connection, one request at a time, next to no CPU."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from mingzhang.kit.errors import Kind, Problem

_LENGTH: Final = b"content-length: "
_STREAMED: Final = b"transfer-encoding: chunked"
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"


class Said(NamedTuple):
    """An answer."""

    status: int
    body: bytes


class Line(asyncio.Protocol):
    """One kept-alive connection. Raises Problem `bench_failed` when the other side hangs up."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Said] | None = None
        self._came = b""

    async def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> Said:
        """Send one request, wait for its whole answer. ``headers``: further lines, each ended by CRLF."""
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._transport, _ = await loop.create_connection(lambda: self, self._host, self._port)
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{length}{headers}\r\n"
        self._waiting, self._came = loop.create_future(), b""
        self._transport.write(head.encode("latin-1") + body)
        return await self._waiting

    def data_received(self, data: bytes) -> None:
        """A piece of the answer; the last one ends the waiting."""
        self._came += data
        head, end, body = self._came.partition(b"\r\n\r\n")
        if end and self._waiting is not None and _is_whole(head, body) and not self._waiting.done():
            self._waiting.set_result(Said(int(head[9:12]), body))

    def connection_lost(self, _error: Exception | None) -> None:
        """The other side hung up, or we did."""
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Problem("bench_failed", Kind.UNAVAILABLE, "connection lost"))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


def _is_whole(head: bytes, body: bytes) -> bool:
    """Whether the body has come to its end; of a streamed one (a file as it is made) that is an empty chunk."""
    if _STREAMED in head.lower():
        return body.endswith(_LAST_CHUNK)
    return len(body) >= _length(head)


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(_LENGTH)
    return int(lower[at + len(_LENGTH) :].partition(b"\r\n")[0]) if at >= 0 else 0

"""A small HTTP/1.1 client for loopback load: one connection, one request at a time, next to no CPU."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from mingzhang.kit.errors import Kind, Problem


class Said(NamedTuple):
    """An answer."""

    status: int
    body: bytes


class Line:
    """One kept-alive connection. Raises Problem `bench_failed` when the other side hangs up."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> Said:
        """Send one request, wait for its whole answer. ``headers``: further lines, each ended by CRLF."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Length: {len(body)}\r\n"
        )
        self._writer.write(f"{head}{headers}\r\n".encode("latin-1") + body)
        try:
            answer = await self._reader.readuntil(b"\r\n\r\n")
            length = _length(answer)
            return Said(int(answer[9:12]), await self._reader.readexactly(length) if length else b"")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Problem("bench_failed", Kind.UNAVAILABLE, f"{path}: connection lost") from error

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 : lower.index(b"\r\n", at)]) if at >= 0 else 0

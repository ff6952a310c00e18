"""A party on loopback that answers exactly what a test tells it to, byte by byte, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class OutsideParty:
    """`answers` are given in turn, the last one for ever; None hangs up without a word, b"" never answers."""

    url: str = ""
    answers: list[bytes | None] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (
                    int(line.split(":")[1])
                    for line in head.split("\r\n")
                    if line.lower().startswith("content-length")
                ),
                0,
            )
            self.bodies.append(await reader.readexactly(length))
            self.heads.append(head)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == b"":
                await reader.read()  # until the caller gives up
            elif answer is not None:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


def http(body: bytes, status: str = "200 OK", content_type: str = "application/json") -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


@asynccontextmanager
async def outside_party(*answers: bytes | None) -> AsyncIterator[OutsideParty]:
    """Start one on a free port."""
    party = OutsideParty(answers=list(answers))
    server = await asyncio.start_server(party.serve, "127.0.0.1", 0)
    party.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/gateway"
    async with server:
        yield party


async def refused_url() -> str:
    """An address on which nobody listens any more."""
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}/gateway"

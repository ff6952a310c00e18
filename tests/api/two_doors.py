"""One desk behind two servers: the web as it is served, and the framework alone. Requests go byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from house import free_port
from mingzhang.app.bench.inbound_parties import APP_ID, SELLER_ID, Keys
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.http import create_app
from mingzhang.app.http_protocol import thin_protocol
from mingzhang.app.http_server import plain_config, web_config
from mingzhang.app.http_thin import Call, Reader, ThinCalls, Work
from mingzhang.app.settings import Settings

WAIT_S = 30.0


@dataclass(frozen=True)
class Reply:
    """An answer without the time of day."""

    status: int
    headers: dict[str, str]
    body: bytes


class Door:
    """One kept connection; requests may be written ahead of the answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        """Write, piece by piece."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(pause_s)

    async def reply(self) -> Reply:
        """The next answer."""
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), WAIT_S)
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), lines
        assert headers.pop("date")
        if "allow" in headers:  # a set, in whatever order
            headers["allow"] = ", ".join(sorted(headers["allow"].split(", ")))
        body = await self._reader.readexactly(int(headers["content-length"]))
        return Reply(int(first.split()[1]), headers, body)

    async def at_end(self) -> bool:
        """Whether the other side hung up."""
        return await asyncio.wait_for(self._reader.read(1), WAIT_S) == b""

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class Watched(ThinCalls):
    """The hot calls, counting which were taken."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.taken: list[str] = []

    def reader(self, method: bytes, url: bytes) -> Reader | None:
        found = super().reader(method, url)
        return None if found is None else lambda call: self._note(found, call)

    def _note(self, reader: Reader, call: Call) -> Work | None:
        work = reader(call)
        if work is not None:
            self.taken.append(f"{call.method} {call.url.decode('latin-1')}")
        return work


@dataclass
class Doors:
    """Both servers, the desk behind them, and the outside keys."""

    desk: Desk
    keys: Keys
    calls: Watched
    ports: tuple[int, int]
    open: list[Door] = field(default_factory=list)

    async def door(self, which: int) -> Door:
        """A connection: 0 as served, 1 the framework alone."""
        made = Door(*await asyncio.open_connection("127.0.0.1", self.ports[which]))
        self.open.append(made)
        return made

    async def both(self, request: bytes) -> tuple[Reply, Reply]:
        """The same request at both, on connections of their own."""
        answers = []
        for which in (0, 1):
            door = await self.door(which)
            await door.send(request)
            answers.append(await door.reply())
        return answers[0], answers[1]


@asynccontextmanager
async def two_doors(database_url: str, folder: Path) -> AsyncIterator[Doors]:
    """Alipay's addresses are signed here and nobody is asked, so no outside party is needed."""
    keys = Keys(folder)
    desk = await open_desk(
        Settings(
            limits="off",
            database_url=database_url,
            secret_key=b"t" * 32,
            adapters={
                "alipay_gateway": "http://127.0.0.1:9/gateway.do",
                "alipay_app_id": APP_ID,
                "alipay_seller_id": SELLER_ID,
                "alipay_private_key_path": str(keys.merchant),
                "alipay_public_key_path": str(keys.channel),
            },
        )
    )
    await desk.set_up_sample_shop()
    calls, ports = Watched(desk), (free_port(), free_port())
    thin = web_config(desk, "127.0.0.1", ports[0])
    thin.http = thin_protocol(calls)
    servers = [uvicorn.Server(thin), uvicorn.Server(plain_config(create_app(desk), "127.0.0.1", ports[1]))]
    serving = [asyncio.create_task(server.serve()) for server in servers]
    doors = Doors(desk, keys, calls, ports)
    try:
        while not all(server.started for server in servers):  # noqa: ASYNC110 - the server offers no event for it
            await asyncio.sleep(0.01)
        yield doors
    finally:
        for door in doors.open:
            door.close()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)
        await desk.aclose()

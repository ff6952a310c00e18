"""However a connection breaks, what is raised says that the database is away: nothing 500s, no process ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from mingzhang.kit.database import DATABASE_AWAY, connect, when_ready
from mingzhang.kit.errors import Problem

pytestmark = pytest.mark.crash


@asynccontextmanager
async def late_end(dsn: str) -> AsyncIterator[str]:
    """A relay that hands on the server's last words but not the end of its stream, as a slow network does."""
    server, writers = urlsplit(dsn), set[asyncio.StreamWriter]()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, thence = await asyncio.open_connection(server.hostname, server.port)
        writers.update((writer, thence))
        await asyncio.gather(relay(reader, thence), relay(there, writer), return_exceptions=True)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield server._replace(netloc=f"{server.username}:{server.password}@127.0.0.1:{port}").geturl()
    finally:
        for writer in writers:
            writer.close()
        listener.close()
        await listener.wait_closed()


async def test_the_last_words_of_a_server_are_told_as_the_database_away(database_url: str) -> None:
    """The server has said goodbye and the stream has not ended: the driver's own error means the same."""
    other = await connect(database_url)
    async with late_end(database_url) as dsn:
        connection = await connect(dsn)
        await other.execute("SELECT pg_terminate_backend($1, 5000)", connection.get_server_pid())
        await asyncio.sleep(0.2)
        with pytest.raises(asyncpg.InternalClientError) as met:
            await connection.fetchval("SELECT 1")
        connection.terminate()
    await other.close()
    assert isinstance(met.value, DATABASE_AWAY)


@pytest.mark.parametrize(
    "error", [asyncpg.InterfaceError("connection is closed"), asyncpg.InternalClientError("in progress")]
)
async def test_a_connection_that_breaks_while_it_is_opened_is_opened_again(error: Exception) -> None:
    tries = 0

    async def attempt() -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise error
        return "open"

    assert await when_ready(attempt) == "open"
    assert tries == 2


async def test_what_waiting_does_not_mend_comes_through(database_url: str) -> None:
    wrong = urlsplit(database_url)._replace(path="/no_such_database").geturl()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await when_ready(lambda: connect(wrong), wait_seconds=1.0)
    with pytest.raises(Problem):
        await when_ready(lambda: connect("postgresql://x:y@127.0.0.1:1/z"), wait_seconds=0.2)

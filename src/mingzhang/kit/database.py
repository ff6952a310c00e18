"""The connection pool, and the one way to open a transaction (only the edge does).

All timeouts here are real seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem

COMMAND_TIMEOUT_SECONDS: Final = 30.0
CONNECT_TIMEOUT_SECONDS: Final = 10.0
ACQUIRE_TIMEOUT_SECONDS: Final = 10.0
WAIT_SECONDS_MAX: Final = 30.0
_BACKOFF_FIRST_SECONDS: Final = 0.05
_BACKOFF_MAX_SECONDS: Final = 1.0

_SERVER_SETTINGS: Final = {
    "application_name": "mingzhang",
    "jit": "off",  # compiling costs more than any of our short statements
    "timezone": "UTC",
}

# What a starting, restarting or unreachable server answers with. A wrong password or database name is not
# among them: waiting would not help.
NOT_READY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InternalClientError,  # what the driver says between the server's last words and the stream's end
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)

# What a statement meets when the server goes away under it: wait, the same work can be done later.
DATABASE_AWAY: Final = (*NOT_READY, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # the server's
_MICROSECOND: Final = timedelta(microseconds=1)

Result = TypeVar("Result")


def _encode_jsonb(value: object) -> bytes:
    # The binary form of jsonb is a version byte and the text. `msgspec.Raw` passes through as it is.
    return b"\x01" + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    return msgspec.json.decode(memoryview(data)[1:])


@lru_cache(maxsize=1024)
def _encode_time(at: datetime) -> tuple[int]:
    # A step names the same moment in many rows, and the driver's own way takes three times as long.
    return ((at - _EPOCH) // _MICROSECOND,)


def _decode_time(data: tuple[int]) -> datetime:
    return _EPOCH + timedelta(microseconds=data[0])


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """Give a connection our codecs: jsonb through msgspec, and aware UTC times; a naive time is a TypeError."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=_encode_time, decoder=_decode_time, format="tuple"
    )


async def _leave_as_it_is(connection: Any) -> None:
    """For giving a connection back. The driver ends what transaction is open; session settings, cursors, advisory locks
    and LISTEN, which its own reset would undo by four statements each time, are used on no pooled connection."""


async def connect(dsn: str, *, command_timeout: float | None = COMMAND_TIMEOUT_SECONDS) -> asyncpg.Connection:
    """One connection with the pool's settings and codecs, for migrations, LISTEN and the batcher."""
    connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=command_timeout,
        server_settings=_SERVER_SETTINGS,
    )
    await prepare_connection(connection)
    return connection


async def when_ready(
    attempt: Callable[[], Awaitable[Result]], *, wait_seconds: float = WAIT_SECONDS_MAX
) -> Result:
    """Run `attempt` until the server answers, backing off up to a second between tries.

    After `wait_seconds` (real) raises `database_unavailable`. Errors that waiting does not mend (wrong
    password, no such database) come through at once.
    """
    give_up = time.monotonic() + wait_seconds
    pause = _BACKOFF_FIRST_SECONDS
    while True:
        try:
            return await attempt()
        except (*NOT_READY, asyncpg.InterfaceError) as error:
            if isinstance(error, ValueError):
                raise  # a DSN that cannot be meant, not a connection that broke
            if time.monotonic() + pause > give_up:
                raise Problem(
                    "database_unavailable", Kind.UNAVAILABLE, f"no answer in {wait_seconds:g} s: {error!r}"
                ) from error
        await asyncio.sleep(pause)
        pause = min(pause * 2, _BACKOFF_MAX_SECONDS)


async def open_pool(
    dsn: str, min_size: int = 1, max_size: int = 10, *, wait_seconds: float = WAIT_SECONDS_MAX
) -> asyncpg.Pool:
    """Open a pool of `min_size` to `max_size` connections, waiting for the database to come up."""

    async def attempt() -> asyncpg.Pool:
        return await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            statement_cache_size=512,
            max_cached_statement_lifetime=0,
            max_inactive_connection_lifetime=300.0,
            server_settings=_SERVER_SETTINGS,
            init=prepare_connection,
            reset=_leave_as_it_is,
        )

    return await when_ready(attempt, wait_seconds=wait_seconds)


@asynccontextmanager
async def transaction(
    pool: asyncpg.Pool, isolation: Literal["read_committed", "repeatable_read"] = "read_committed"
) -> AsyncIterator[asyncpg.Connection]:
    """A connection inside a transaction: commits at the end, rolls back on any exception.

    ``repeatable_read``: all its statements see one moment.
    Never make a network call inside. When no connection is free in time: `database_busy`.
    """
    try:
        connection = await pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise Problem("database_busy", Kind.UNAVAILABLE, "no free connection") from error
    try:
        async with connection.transaction(isolation=isolation):
            yield connection
    finally:
        await pool.release(connection)

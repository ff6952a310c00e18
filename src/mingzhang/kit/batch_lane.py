"""One connection of the batcher and one call over it: repeated after a loss or a conflict, halved where it fails.

All durations here are real seconds: they are about sockets and locks, not about promises to people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import asyncpg

from mingzhang.kit.database import ACQUIRE_TIMEOUT_SECONDS
from mingzhang.kit.errors import Kind, Problem

_LOST_PAUSE_FIRST_SECONDS: Final = 0.05
_LOST_PAUSE_MAX_SECONDS: Final = 1.0
_CONFLICT_PAUSE_SECONDS: Final = 0.005
_CLOSE_TIMEOUT_SECONDS: Final = 5.0

# After these the outcome of the call is not known, or this server cannot take it: a fresh connection.
_LOST: Final = (
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
# Rolled back for certain, through no fault of an item: the same again is likely to pass.
_CONFLICT: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.InvalidCachedStatementError,
)


Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(slots=True)
class BatcherCounts:
    """Counters since the batcher was made, for the metrics page."""

    flushes: int = 0
    calls: int = 0  # execute and record calls tried, retries and halves included
    items: int = 0  # answered, well or badly
    failed: int = 0  # of these: answered with an error
    refused: int = 0  # not taken in: queue full or closing
    bisections: int = 0
    lost: int = 0  # connections lost, or not to be had
    retries: int = 0  # calls repeated after a lost connection or a conflict


class Flush:
    """What one flush went through; its bounds are counted here."""

    __slots__ = ("bisections", "buckets", "conflicts", "failed", "retries")

    def __init__(self) -> None:
        self.bisections = 0
        self.buckets = 0
        self.conflicts = 0
        self.failed = 0
        self.retries = 0


class GivenUp(Exception):  # noqa: N818 - carries the problem past the bisection, never leaves the batcher
    """The database can't be had: everything in the flush is answered with `problem`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


@dataclass(frozen=True, slots=True)
class Line:
    """Where a lane's connections come from (one of `pool` and `connect`), and how often it tries again."""

    pool: asyncpg.Pool | None
    connect: Callable[[], Awaitable[asyncpg.Connection]] | None
    lost_retries_max: int
    conflict_retries_max: int
    counts: BatcherCounts


class Lane:
    """One connection and what is remembered about its health between flushes."""

    __slots__ = ("_connection", "_failures", "_index", "_line")

    def __init__(self, line: Line, index: int) -> None:
        self._line = line
        self._index = index
        self._connection: asyncpg.Connection | None = None
        # Losses since the last call that worked. It outlives the flush, so that during an outage the first
        # flush waits for the database and those behind it try once and say so at once.
        self._failures = 0

    async def call(
        self,
        flush: Flush,
        call: Callable[[asyncpg.Connection, Sequence[Item]], Awaitable[Value]],
        items: Sequence[Item],
    ) -> Value:
        """One call, repeated after a lost connection or a conflict, within bounds."""
        while True:
            connection = await self._connected(flush)
            self._line.counts.calls += 1
            try:
                value = await call(connection, items)
            except Exception as error:
                if _is_lost(error, connection):
                    await self._lose(flush, error)
                    continue
                if connection.is_in_transaction():  # begun by hand and left: only the server can undo it now
                    await self.disconnect(abort=True)
                if not isinstance(error, _CONFLICT):
                    raise
                if flush.conflicts >= self._line.conflict_retries_max:
                    raise Problem("database_busy", Kind.UNAVAILABLE, repr(error)) from error
                flush.conflicts += 1
                flush.retries += 1
                # Lanes pause unequally: two that deadlocked with each other should not meet again.
                await asyncio.sleep(_CONFLICT_PAUSE_SECONDS * 2**flush.conflicts * (1 + self._index))
                continue
            if not _is_dead(connection) and connection.is_in_transaction():
                await self.disconnect(abort=True)
                raise Problem("transaction_left_open", Kind.INTERNAL, "the call returned before its commit")
            self._failures = 0
            return value

    async def _connected(self, flush: Flush) -> asyncpg.Connection:
        while True:
            if self._connection is not None:
                if not _is_dead(self._connection):
                    return self._connection
                await self.disconnect(abort=True)  # died while idle: nothing was in flight
            try:
                if self._line.pool is not None:
                    self._connection = await self._line.pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS)
                elif self._line.connect is not None:
                    self._connection = await self._line.connect()
            except Exception as error:  # noqa: BLE001 - for the caller every cause means: no database now
                await self._lose(flush, error)

    async def _lose(self, flush: Flush, error: Exception) -> None:
        """Drop the connection and wait a little; after too many losses in a row give the flush up."""
        await self.disconnect(abort=True)
        self._failures += 1
        self._line.counts.lost += 1
        if self._failures > self._line.lost_retries_max:
            problem = Problem("database_unavailable", Kind.UNAVAILABLE, repr(error))
            problem.__cause__ = error
            raise GivenUp(problem) from error
        flush.retries += 1
        pause = _LOST_PAUSE_FIRST_SECONDS * 2.0 ** (self._failures - 1)
        await asyncio.sleep(min(pause, _LOST_PAUSE_MAX_SECONDS))

    async def disconnect(self, *, abort: bool) -> None:
        """Give the connection back; `abort`: nobody waits for what it is doing."""
        connection: Any = self._connection
        self._connection = None
        if connection is None:
            return
        try:
            if abort and not _is_dead(connection):
                connection.terminate()
            if self._line.pool is not None:
                await self._line.pool.release(connection, timeout=_CLOSE_TIMEOUT_SECONDS)
            elif not abort:
                await connection.close(timeout=_CLOSE_TIMEOUT_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if not _is_dead(connection):
                connection.terminate()


def _is_lost(error: Exception, connection: asyncpg.Connection) -> bool:
    if isinstance(error, asyncpg.QueryCanceledError):
        return False  # of the operator's family, but rolled back for certain and the connection lives
    return isinstance(error, _LOST) or _is_dead(connection)


def _is_dead(connection: Any) -> bool:
    """Whether it can't be used any more. A pool's connection that dies while idle is taken back by the pool
    itself, and from then on even asking it raises."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True

"""The self-clocked micro-batcher: many callers, few connections, one call per bucket and flush.

It knows no slice and no SQL (design: stack.md "So, for the steps every order takes", scale rule 14). There is
no timer: a flush starts whenever one of its connections is free and something waits, so batches grow by
themselves with the load and an idle shop answers at once.

What it promises to whoever submits an item:

* the answer comes after the commit, never before;
* items with one `order_key` are applied in the order they were submitted, never in two flushes at once;
* one item's error is that item's own: a failed batch is halved until the poisoned item stands alone;
* a lost connection is not an answer: its commit may have happened, so the same items are sent again, by key,
  over a fresh connection, a bounded number of times;
* nothing waits without bound: a full queue refuses at once (`busy`), every retry is counted.

All durations here are real seconds: they are about sockets and locks, not about promises to people.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeAlias, TypeVar

import asyncpg

from mingzhang.kit.database import ACQUIRE_TIMEOUT_SECONDS
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ready_queue import ReadyQueue

CONNECTIONS: Final = 2
BATCH_MAX: Final = 256
QUEUE_MAX: Final = 10_000
LOST_RETRIES_MAX: Final = 8  # with the pauses below: about 4.5 s until `database_unavailable`
CONFLICT_RETRIES_MAX: Final = 5  # deadlocks and their like, per flush
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


class BatchItem(Protocol):
    """What the batcher reads of an item.

    `key` identifies the item for ever (its idempotency key, at most one result). `order_key` is what must
    stay in order, as a rule the order's id; it belongs to one bucket. Equal keys have equal order keys.
    An item may also carry `needs_record: bool` (absent: false) to take part in the evidence call.
    """

    @property
    def bucket(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def order_key(self) -> Hashable: ...


Item = TypeVar("Item", bound=BatchItem)
Result = TypeVar("Result")
Value = TypeVar("Value")
# What a call answers for one item (an exception is raised to its submitter), and for all it was given.
Answer: TypeAlias = Result | Exception
Answers: TypeAlias = Sequence[Result | Exception] | Mapping[str, Result | Exception]


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


@dataclass(frozen=True, slots=True)
class FlushReport:
    """One flush, as told to `observe`: `seconds` from taking the items to the last answer."""

    items: int
    buckets: int
    failed: int
    bisections: int
    retries: int
    queue_length: int
    seconds: float


class _Entry(Generic[Item, Result]):
    """One submitted item. `next` is the item of the same order submitted after it."""

    __slots__ = ("future", "item", "last", "next", "settled")

    def __init__(self, item: Item, future: asyncio.Future[Result]) -> None:
        self.item = item
        self.future = future
        self.next: _Entry[Item, Result] | None = None
        self.last = True  # the last of its order in its flush: when it is settled the next may go
        self.settled = False


class _Lane:
    """One connection and what is remembered about its health between flushes."""

    __slots__ = ("connection", "failures", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self.connection: asyncpg.Connection | None = None
        # Losses since the last call that worked. It outlives the flush, so that during an outage the first
        # flush waits for the database and those behind it try once and say so at once.
        self.failures = 0


class _Flush:
    __slots__ = ("bisections", "conflicts", "failed", "retries")

    def __init__(self) -> None:
        self.bisections = 0
        self.conflicts = 0
        self.failed = 0
        self.retries = 0


class _GivenUp(Exception):  # noqa: N818 - carries the problem past the bisection, never leaves this module
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


class Batcher(Generic[Item, Result]):
    """Gathers items and applies them in batches: `result = await batcher.submit(item)`.

    `execute(connection, bucket, items)` applies the items of one bucket in ONE transaction, which has
    committed when it returns: a single autocommitted statement, or a transaction it opens itself. Raising
    means that nothing was applied. It must be idempotent by `item.key`. It returns the results as a sequence
    parallel to the items or a mapping by key; a result that is an exception (a `Problem`) is raised to its
    submitter.

    `record(connection, items)` is the evidence call: made before execute, once a flush, over all buckets,
    for the items with `needs_record`, under the same rules. It may return a mapping of keys to results: those
    items are answered with them and not executed (a fact already bound to something else, say).

    `one_per_order=False` is for an `execute` that applies several items of one order in the order given.

    `group`: a flush takes items of one group only, that of the item which has waited longest; for an `execute`
    whose cost is mostly by kind of item.

    `connect` is used when there is no `pool`. `observe` hears of every flush. `crash_point` is called with
    the name of each place where a kill must lose nothing: "fact_to_apply" (recorded, not executed),
    "mid_bisect" (one half answered, the other to come), "batch_half_applied" (between two buckets),
    "commit_to_reply" (committed, nobody told).
    """

    def __init__(
        self,
        execute: Callable[
            [asyncpg.Connection, int, Sequence[Item]],
            Awaitable[Answers[Result]],
        ],
        *,
        record: Callable[[asyncpg.Connection, Sequence[Item]], Awaitable[Mapping[str, Answer[Result]] | None]]
        | None = None,
        pool: asyncpg.Pool | None = None,
        connect: Callable[[], Awaitable[asyncpg.Connection]] | None = None,
        connections: int = CONNECTIONS,
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        one_per_order: bool = True,
        group: Callable[[Item], Hashable] | None = None,
        lost_retries_max: int = LOST_RETRIES_MAX,
        conflict_retries_max: int = CONFLICT_RETRIES_MAX,
        observe: Callable[[FlushReport], None] | None = None,
        crash_point: Callable[[str], None] | None = None,
    ) -> None:
        if (pool is None) == (connect is None):
            raise ValueError("a batcher needs a pool or a connection factory, and not both")
        if min(connections, batch_max, queue_max) < 1 or min(lost_retries_max, conflict_retries_max) < 0:
            raise ValueError("connections, batch_max and queue_max start at 1, retries at 0")
        self._execute = execute
        self._record = record
        self._pool = pool
        self._connect = connect
        self._connections = connections
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._one_per_order = one_per_order
        self._lost_retries_max = lost_retries_max
        self._conflict_retries_max = conflict_retries_max
        self._observe = observe
        self._crash_point = crash_point
        self.counts = BatcherCounts()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes: list[asyncio.Task[None]] = []
        self._idle: deque[asyncio.Future[None]] = deque()
        # The first waiting item of every order that has none in flight; the others hang on it by `next`.
        self._ready: ReadyQueue[_Entry[Item, Result]] = ReadyQueue(
            lambda entry: group(entry.item) if group is not None else None
        )
        # The newest item of every order that waits or is in flight.
        self._tails: dict[Hashable, _Entry[Item, Result]] = {}
        self._queued = 0
        self._closing = False

    @property
    def queue_length(self) -> int:
        """Items taken in and not yet in a flush."""
        return self._queued

    async def submit(self, item: Item) -> Result:
        """Wait until the item is committed, and return its result.

        Raises the item's own error; `busy` (queue full) and `shutting_down` (closing) before it was taken in;
        `database_busy` (conflicts outlasted the retries: rolled back); `database_unavailable` (the commit
        may have happened: ask again with the same key). All four are of kind unavailable. Cancelling the
        waiter does not take the item back.
        """
        if self._closing:
            self.counts.refused += 1
            raise Problem("shutting_down", Kind.UNAVAILABLE, "the batcher is closing")
        if self._queued >= self._queue_max:
            self.counts.refused += 1
            raise Problem("busy", Kind.UNAVAILABLE, f"{self._queued} items are waiting")
        loop = self._loop or self._start()
        entry: _Entry[Item, Result] = _Entry(item, loop.create_future())
        order_key = item.order_key
        before = self._tails.get(order_key)
        self._tails[order_key] = entry
        self._queued += 1
        if before is not None:
            before.next = entry
        else:
            self._ready.append(entry)
            if len(self._ready) == 1:
                self._wake()
        return await entry.future

    async def close(self) -> None:
        """Refuse new items, finish those taken in, give the connections back. May be called twice."""
        self._closing = True
        while self._idle:
            self._wake()
        if self._lanes:
            await asyncio.wait(self._lanes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = loop = asyncio.get_running_loop()
        self._lanes = [
            loop.create_task(self._run(_Lane(index)), name=f"batcher-{index}")
            for index in range(self._connections)
        ]
        return loop

    def _wake(self) -> None:
        """Wake one idle lane. A lane that leaves work behind wakes the next, so one is enough."""
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _run(self, lane: _Lane) -> None:
        assert self._loop is not None
        abort = True
        try:
            while True:
                entries = self._take()
                if entries:
                    await self._flush(lane, entries)
                elif self._closing:
                    abort = False
                    return  # what still hangs on an order in flight is taken by the lane that flies it
                else:
                    waiter = self._loop.create_future()
                    self._idle.append(waiter)
                    await waiter
        except asyncio.CancelledError:  # the loop is going down
            self._closing = True
            while entries := self._take():
                self._settle_rest(_Flush(), entries, Problem("shutting_down", Kind.UNAVAILABLE, "not begun"))
            raise
        finally:
            await self._disconnect(lane, abort=abort)

    def _take(self) -> list[_Entry[Item, Result]]:
        """The next batch. Several of one order only where allowed, and never two with one key."""
        entries: list[_Entry[Item, Result]] = []
        room = self._batch_max
        self._ready.begin()
        while room > 0 and (entry := self._ready.pop()) is not None:
            entries.append(entry)
            room -= 1
            if self._one_per_order:
                continue
            keys = {entry.item.key}
            following = entry.next
            while room > 0 and following is not None and following.item.key not in keys:
                entry.last = False
                entry, following = following, following.next
                keys.add(entry.item.key)
                entries.append(entry)
                room -= 1
        self._queued -= len(entries)
        if self._ready:
            self._wake()
        return entries

    async def _flush(self, lane: _Lane, entries: list[_Entry[Item, Result]]) -> None:
        """Record, then apply bucket by bucket; whatever happens, every entry is settled at the end."""
        started = time.perf_counter()
        flush = _Flush()
        self.counts.flushes += 1
        buckets: dict[int, list[_Entry[Item, Result]]] = {}
        try:
            if self._record is not None:
                await self._record_all(lane, flush, entries)
            for entry in entries:
                if not entry.settled:
                    buckets.setdefault(entry.item.bucket, []).append(entry)
            for number, (bucket, part) in enumerate(buckets.items()):
                if number:
                    self._reach("batch_half_applied")
                await self._apply(lane, flush, bucket, part)
        except _GivenUp as error:
            self._settle_rest(flush, entries, error.problem)
        except asyncio.CancelledError:
            self._settle_rest(flush, entries, Problem("shutting_down", Kind.UNAVAILABLE, "cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - a fault outside the calls must not leave callers waiting
            await self._disconnect(lane, abort=True)
            self._settle_rest(flush, entries, error)
        self._report(flush, len(entries), len(buckets), time.perf_counter() - started)

    async def _record_all(self, lane: _Lane, flush: _Flush, entries: list[_Entry[Item, Result]]) -> None:
        assert self._record is not None
        wanted = [entry for entry in entries if getattr(entry.item, "needs_record", False)]
        if not wanted:
            return

        def done(part: list[_Entry[Item, Result]], answers: Mapping[str, Answer[Result]] | None) -> None:
            for entry in part if answers else ():
                assert answers is not None
                if entry.item.key in answers:
                    self._settle(flush, [entry], [answers[entry.item.key]])

        await self._each_part(lane, flush, self._record, wanted, done)
        self._reach("fact_to_apply")

    async def _apply(
        self, lane: _Lane, flush: _Flush, bucket: int, entries: list[_Entry[Item, Result]]
    ) -> None:
        def call(connection: asyncpg.Connection, items: Sequence[Item]) -> Awaitable[Answers[Result]]:
            return self._execute(connection, bucket, items)

        def done(
            part: list[_Entry[Item, Result]],
            results: Answers[Result],
        ) -> None:
            self._reach("commit_to_reply")
            self._settle(flush, part, _in_order([entry.item.key for entry in part], results))

        await self._each_part(lane, flush, call, entries, done)

    async def _each_part(
        self,
        lane: _Lane,
        flush: _Flush,
        call: Callable[[asyncpg.Connection, Sequence[Item]], Awaitable[Value]],
        entries: list[_Entry[Item, Result]],
        done: Callable[[list[_Entry[Item, Result]], Value], None],
    ) -> None:
        """Make the call with all entries, or with ever smaller halves where it fails. Keeps their order."""
        parts = [entries]
        while parts:
            part = parts.pop()
            try:
                value = await self._attempt(lane, flush, call, [entry.item for entry in part])
            except _GivenUp:
                raise
            except Exception as error:  # noqa: BLE001 - whatever one item provokes is that item's answer
                if len(part) > 1:
                    flush.bisections += 1
                    half = len(part) // 2
                    parts += (part[half:], part[:half])
                    continue
                self._settle(flush, part, [error])
            else:
                done(part, value)
            if parts:
                self._reach("mid_bisect")

    async def _attempt(
        self,
        lane: _Lane,
        flush: _Flush,
        call: Callable[[asyncpg.Connection, Sequence[Item]], Awaitable[Value]],
        items: list[Item],
    ) -> Value:
        """One call, repeated after a lost connection or a conflict, within bounds."""
        while True:
            connection = await self._connected(lane, flush)
            self.counts.calls += 1
            try:
                value = await call(connection, items)
            except Exception as error:
                if _is_lost(error, connection):
                    await self._lose(lane, flush, error)
                    continue
                if connection.is_in_transaction():  # begun by hand and left: only the server can undo it now
                    await self._disconnect(lane, abort=True)
                if not isinstance(error, _CONFLICT):
                    raise
                if flush.conflicts >= self._conflict_retries_max:
                    raise Problem("database_busy", Kind.UNAVAILABLE, repr(error)) from error
                flush.conflicts += 1
                flush.retries += 1
                # Lanes pause unequally: two that deadlocked with each other should not meet again.
                await asyncio.sleep(_CONFLICT_PAUSE_SECONDS * 2**flush.conflicts * (1 + lane.index))
                continue
            if not _is_dead(connection) and connection.is_in_transaction():
                await self._disconnect(lane, abort=True)
                raise Problem("transaction_left_open", Kind.INTERNAL, "the call returned before its commit")
            lane.failures = 0
            return value

    async def _connected(self, lane: _Lane, flush: _Flush) -> asyncpg.Connection:
        while True:
            if lane.connection is not None:
                if not _is_dead(lane.connection):
                    return lane.connection
                await self._disconnect(lane, abort=True)  # died while idle: nothing was in flight
            try:
                if self._pool is not None:
                    lane.connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS)
                elif self._connect is not None:
                    lane.connection = await self._connect()
            except Exception as error:  # noqa: BLE001 - for the caller every cause means: no database now
                await self._lose(lane, flush, error)

    async def _lose(self, lane: _Lane, flush: _Flush, error: Exception) -> None:
        """Drop the connection and wait a little; after too many losses in a row give the flush up."""
        await self._disconnect(lane, abort=True)
        lane.failures += 1
        self.counts.lost += 1
        if lane.failures > self._lost_retries_max:
            problem = Problem("database_unavailable", Kind.UNAVAILABLE, repr(error))
            problem.__cause__ = error
            raise _GivenUp(problem) from error
        flush.retries += 1
        pause = _LOST_PAUSE_FIRST_SECONDS * 2.0 ** (lane.failures - 1)
        await asyncio.sleep(min(pause, _LOST_PAUSE_MAX_SECONDS))

    async def _disconnect(self, lane: _Lane, *, abort: bool) -> None:
        connection: Any = lane.connection
        lane.connection = None
        if connection is None:
            return
        try:
            if abort and not _is_dead(connection):
                connection.terminate()
            if self._pool is not None:
                await self._pool.release(connection, timeout=_CLOSE_TIMEOUT_SECONDS)
            elif not abort:
                await connection.close(timeout=_CLOSE_TIMEOUT_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if not _is_dead(connection):
                connection.terminate()

    def _settle(
        self, flush: _Flush, entries: list[_Entry[Item, Result]], results: Sequence[Answer[Result]]
    ) -> None:
        """Answer the entries and let the next of their orders go; wakes at most one lane for all of them."""
        ready = self._ready
        was_empty = not ready
        self.counts.items += len(entries)
        for entry, result in zip(entries, results, strict=True):
            entry.settled = True
            if entry.last:
                if entry.next is None:
                    del self._tails[entry.item.order_key]
                else:
                    ready.append(entry.next)
            failed = isinstance(result, Exception)
            flush.failed += failed
            if entry.future.done():  # its submitter was cancelled; the item counts all the same
                continue
            if isinstance(result, Exception):
                entry.future.set_exception(result)
            else:
                entry.future.set_result(result)
        if was_empty and ready:
            self._wake()

    def _settle_rest(self, flush: _Flush, entries: list[_Entry[Item, Result]], error: Exception) -> None:
        rest = [entry for entry in entries if not entry.settled]
        # One exception each: an instance raised in many tasks would gather all their tracebacks.
        self._settle(flush, rest, [_copy_of(error) for _ in rest])

    def _report(self, flush: _Flush, items: int, buckets: int, seconds: float) -> None:
        counts = self.counts
        counts.failed += flush.failed
        counts.bisections += flush.bisections
        counts.retries += flush.retries
        if self._observe is None:
            return
        report = FlushReport(
            items, buckets, flush.failed, flush.bisections, flush.retries, self._queued, seconds
        )
        try:
            self._observe(report)
        except Exception as error:  # noqa: BLE001 - a broken gauge must not stop the shop
            assert self._loop is not None
            self._loop.call_exception_handler({"message": "batcher observer failed", "exception": error})

    def _reach(self, point: str) -> None:
        if self._crash_point is not None:
            self._crash_point(point)


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


def _in_order(keys: Sequence[str], results: Answers[Value]) -> Sequence[Answer[Value]]:
    """The results in the order of the keys. What is missing becomes `result_missing`: the call has committed,
    so neither a retry nor a bisection would tell more."""
    if isinstance(results, Mapping):
        return [results[key] if key in results else _missing(key) for key in keys]
    return results if len(results) == len(keys) else [_missing(key) for key in keys]


def _missing(key: str) -> Problem:
    return Problem("result_missing", Kind.UNKNOWN_OUTCOME, f"execute gave no result for {key}")


def _copy_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        copy = Problem(error.code, error.kind, error.detail, error.params)
    else:
        copy = Problem("batch_failed", Kind.INTERNAL, repr(error))
    copy.__cause__ = error.__cause__ if isinstance(error, Problem) else error
    return copy

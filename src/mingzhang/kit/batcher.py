"""The self-clocked micro-batcher: many callers, few connections, large batches.

It knows no slice and no SQL (design: stack.md "So, for the steps every order takes", scale rule 14). There is
no timer: a call goes out as soon as no other is under way and something waits, so batches grow by themselves with
the load and an idle shop answers at once. Items that have something to record pass two stages, each with lanes of
its own. What a call costs is mostly its own price, not its items': so a second call goes out beside another one only
when it carries enough to be worth that (`batch_stages.py`), and those just answered may submit what they do next
before a batch is taken (decision 0092).

What it promises to whoever submits an item:

* the answer comes after the commit, never before;
* items with one `order_key` are applied in the order they were submitted, never in two flushes at once;
* one item's error is that item's own: a failed batch is halved until the poisoned item stands alone;
* a lost connection is not an answer: its commit may have happened, so the same items are sent again, by key,
  over a fresh connection, a bounded number of times;
* nothing waits without bound: a full queue refuses at once (`busy`), every retry is counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeAlias, TypeVar

import asyncpg

from mingzhang.kit.batch_lane import BatcherCounts, Flush, GivenUp, Lane, Line
from mingzhang.kit.batch_stages import Stage, Stages
from mingzhang.kit.errors import Kind, Problem

CONNECTIONS: Final = 2
BATCH_MAX: Final = 256
ROUNDS_TO_SPEAK: Final = 2  # of the event loop: a caller that was answered is resumed, and submits
QUEUE_MAX: Final = 10_000
LOST_RETRIES_MAX: Final = 8  # with the lane's pauses: about 4.5 s until `database_unavailable`
CONFLICT_RETRIES_MAX: Final = 5  # deadlocks and their like, per flush


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


@dataclass(frozen=True, slots=True)
class FlushReport:
    """One flush through one stage, as told to `observe`: `items` it answered, `buckets` it applied (none where it
    recorded), `seconds` from taking the items to the last answer."""

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


class Batcher(Generic[Item, Result]):
    """Gathers items and applies them in batches: `result = await batcher.submit(item)`.

    `execute(connection, bucket, items)` applies the items of one bucket in ONE transaction, which has
    committed when it returns: a single autocommitted statement, or a transaction it opens itself. Raising
    means that nothing was applied. It must be idempotent by `item.key`. It returns the results as a sequence
    parallel to the items or a mapping by key; a result that is an exception (a `Problem`) is raised to its
    submitter.

    `record(connection, items)` is the evidence call: made before execute, over all buckets, for the items with
    `needs_record`, under the same rules. It may return a mapping of keys to results: those items are answered
    with them and not executed (a fact already bound to something else, say). It has a lane of its own, which is
    one of the `connections`; there is at least one more.

    `one_per_order=False` is for an `execute` that applies several items of one order in the order given; only
    without `record`.

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
        lost_retries_max: int = LOST_RETRIES_MAX,
        conflict_retries_max: int = CONFLICT_RETRIES_MAX,
        observe: Callable[[FlushReport], None] | None = None,
        crash_point: Callable[[str], None] | None = None,
    ) -> None:
        if (pool is None) == (connect is None):
            raise ValueError("a batcher needs a pool or a connection factory, and not both")
        if min(connections, batch_max, queue_max) < 1 or min(lost_retries_max, conflict_retries_max) < 0:
            raise ValueError("connections, batch_max and queue_max start at 1, retries at 0")
        if record is not None and not one_per_order:
            raise ValueError("what is recorded goes one item of an order at a time")
        self._execute = execute
        self._record = record
        self._connections = connections
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._one_per_order = one_per_order
        self._observe = observe
        self._crash_point = crash_point
        self.counts = BatcherCounts()
        self._line = Line(pool, connect, lost_retries_max, conflict_retries_max, self.counts)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes: list[asyncio.Task[None]] = []
        # In the stages wait the first items of the orders that have none in flight; the others hang on them by `next`.
        self._stages: Stages[_Entry[Item, Result]] = Stages()
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
            self._route(entry)
        return await entry.future

    async def close(self) -> None:
        """Refuse new items, finish those taken in, give the connections back. May be called twice."""
        self._closing = True
        self._stages.wake_all()
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
        stages = [self._stages.applying] * self._connections
        if self._record is not None:
            stages = (
                [self._stages.recording, *stages[:-1]]
                if self._connections > 1
                else [self._stages.recording, *stages]
            )
        self._lanes = [
            loop.create_task(self._run(Lane(self._line, index), stage), name=f"batcher-{index}")
            for index, stage in enumerate(stages)
        ]
        return loop

    def _route(self, entry: _Entry[Item, Result]) -> None:
        """Let it wait where it must pass first."""
        first = self._record is not None and getattr(entry.item, "needs_record", False)
        self._stages.add(self._stages.recording if first else self._stages.applying, entry)

    async def _run(self, lane: Lane, stage: Stage[_Entry[Item, Result]]) -> None:
        assert self._loop is not None
        abort = True
        try:
            while True:
                for _ in range(ROUNDS_TO_SPEAK):
                    await asyncio.sleep(0)
                if self._stages.is_due(stage):
                    await self._flush_once(lane, stage)
                elif self._closing and not self._tails:
                    abort = False
                    return
                else:
                    waiter = self._loop.create_future()
                    stage.idle.append(waiter)
                    await waiter
        except asyncio.CancelledError:  # the loop is going down
            self._closing = True
            for each in (self._stages.recording, self._stages.applying):
                while entries := self._take(each):
                    self._settle_rest(
                        Flush(), entries, Problem("shutting_down", Kind.UNAVAILABLE, "not begun")
                    )
            self._stages.wake_all()
            raise
        finally:
            await lane.disconnect(abort=abort)

    async def _flush_once(self, lane: Lane, stage: Stage[_Entry[Item, Result]]) -> None:
        assert self._loop is not None
        self._stages.begin(stage, self._loop)
        try:
            await self._flush(lane, stage, self._take(stage))
        finally:
            self._stages.end()

    def _take(self, stage: Stage[_Entry[Item, Result]]) -> list[_Entry[Item, Result]]:
        """The next batch. Several of one order only where allowed, and never two with one key."""
        entries: list[_Entry[Item, Result]] = []
        waiting, room = stage.waiting, self._batch_max
        while waiting and room > 0:
            entry = waiting.popleft()
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
        self._stages.wake_due(stage)
        return entries

    async def _flush_records(self, lane: Lane, flush: Flush, entries: list[_Entry[Item, Result]]) -> int:
        """Record; what that does not answer goes on to be applied."""
        assert self._record is not None

        def done(part: list[_Entry[Item, Result]], answers: Mapping[str, Answer[Result]] | None) -> None:
            for entry in part if answers else ():
                assert answers is not None
                if entry.item.key in answers:
                    self._settle(flush, [entry], [answers[entry.item.key]])

        await self._each_part(lane, flush, self._record, entries, done)
        self._reach("fact_to_apply")
        recorded = [entry for entry in entries if not entry.settled]
        self._queued += len(recorded)
        for entry in recorded:
            self._stages.add(self._stages.applying, entry)
        return len(recorded)

    async def _flush_steps(self, lane: Lane, flush: Flush, entries: list[_Entry[Item, Result]]) -> int:
        """Apply bucket by bucket."""
        buckets: dict[int, list[_Entry[Item, Result]]] = {}
        for entry in entries:
            buckets.setdefault(entry.item.bucket, []).append(entry)
        flush.buckets = len(buckets)
        for number, (bucket, part) in enumerate(buckets.items()):
            if number:
                self._reach("batch_half_applied")
            await self._apply(lane, flush, bucket, part)
        return 0

    async def _flush(
        self, lane: Lane, stage: Stage[_Entry[Item, Result]], entries: list[_Entry[Item, Result]]
    ) -> None:
        """One batch through a stage; whatever happens, every entry is passed on or settled at the end."""
        started, flush, passed = time.perf_counter(), Flush(), 0
        work = self._flush_records if stage is self._stages.recording else self._flush_steps
        try:
            passed = await work(lane, flush, entries)
        except GivenUp as error:
            self._settle_rest(flush, entries, error.problem)
        except asyncio.CancelledError:
            self._settle_rest(flush, entries, Problem("shutting_down", Kind.UNAVAILABLE, "cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - a fault outside the calls must not leave callers waiting
            await lane.disconnect(abort=True)
            self._settle_rest(flush, entries, error)
        self._report(flush, len(entries) - passed, time.perf_counter() - started)

    async def _apply(
        self, lane: Lane, flush: Flush, bucket: int, entries: list[_Entry[Item, Result]]
    ) -> None:
        def call(connection: asyncpg.Connection, items: Sequence[Item]) -> Awaitable[Answers[Result]]:
            return self._execute(connection, bucket, items)

        def done(part: list[_Entry[Item, Result]], results: Answers[Result]) -> None:
            self._reach("commit_to_reply")
            self._settle(flush, part, _in_order([entry.item.key for entry in part], results))

        await self._each_part(lane, flush, call, entries, done)

    async def _each_part(
        self,
        lane: Lane,
        flush: Flush,
        call: Callable[[asyncpg.Connection, Sequence[Item]], Awaitable[Value]],
        entries: list[_Entry[Item, Result]],
        done: Callable[[list[_Entry[Item, Result]], Value], None],
    ) -> None:
        """Make the call with all entries, or with ever smaller halves where it fails. Keeps their order."""
        parts = [entries]
        while parts:
            part = parts.pop()
            try:
                value = await lane.call(flush, call, [entry.item for entry in part])
            except GivenUp:
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

    def _settle(
        self, flush: Flush, entries: list[_Entry[Item, Result]], results: Sequence[Answer[Result]]
    ) -> None:
        """Answer the entries and let the next of their orders go."""
        self.counts.items += len(entries)
        for entry, result in zip(entries, results, strict=True):
            entry.settled = True
            if entry.last:
                if entry.next is None:
                    del self._tails[entry.item.order_key]
                else:
                    self._route(entry.next)
            failed = isinstance(result, Exception)
            flush.failed += failed
            if entry.future.done():  # its submitter was cancelled; the item counts all the same
                continue
            if isinstance(result, Exception):
                entry.future.set_exception(result)
            else:
                entry.future.set_result(result)
        if self._closing and not self._tails:
            self._stages.wake_all()

    def _settle_rest(self, flush: Flush, entries: list[_Entry[Item, Result]], error: Exception) -> None:
        rest = [entry for entry in entries if not entry.settled]
        # One exception each: an instance raised in many tasks would gather all their tracebacks.
        self._settle(flush, rest, [_copy_of(error) for _ in rest])

    def _report(self, flush: Flush, items: int, seconds: float) -> None:
        counts = self.counts
        counts.flushes += 1
        counts.failed += flush.failed
        counts.bisections += flush.bisections
        counts.retries += flush.retries
        if self._observe is None:
            return
        report = FlushReport(
            items, flush.buckets, flush.failed, flush.bisections, flush.retries, self._queued, seconds
        )
        try:
            self._observe(report)
        except Exception as error:  # noqa: BLE001 - a broken gauge must not stop the shop
            assert self._loop is not None
            self._loop.call_exception_handler({"message": "batcher observer failed", "exception": error})

    def _reach(self, point: str) -> None:
        if self._crash_point is not None:
            self._crash_point(point)


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

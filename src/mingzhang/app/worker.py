"""The worker: no queue, the row is the job. It visits what is due, bucket by bucket, and asks nobody's leave."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import asyncpg
import structlog

from mingzhang.app import complaint_watch, metrics, reconcile_watch
from mingzhang.app.console.fill import fill
from mingzhang.app.coverage_watch import ensure_coverage
from mingzhang.app.keys import watch_terms
from mingzhang.app.stock_watch import watch_stock
from mingzhang.app.treasury import look as look_at_treasury
from mingzhang.app.wind_down import look_at_wind_down
from mingzhang.app.wiring import APPLY
from mingzhang.disputes.store import SQL as DISPUTES
from mingzhang.disputes.visit import work_dispute
from mingzhang.evidence import store as evidence
from mingzhang.evidence.store import Waiting
from mingzhang.fulfilment import store as fulfilment
from mingzhang.kit import lease
from mingzhang.kit.database import DATABASE_AWAY, transaction
from mingzhang.kit.errors import Problem
from mingzhang.kit.statistics import keep_fresh
from mingzhang.orders import ask, claims, correct, notify, passes, pay, supply, watch
from mingzhang.orders import store as orders
from mingzhang.orders.context import Context
from mingzhang.payments import claim_store
from mingzhang.payments import store as payments
from mingzhang.refunds import items, overdue
from mingzhang.refunds import store as refund_store
from mingzhang.settlement import earn
from mingzhang.settlement.store import SQL as SETTLEMENT
from mingzhang.transfers import flow as transfers

log = structlog.get_logger()
BATCH_MAX = 64
AT_ONCE_MAX = 32
FACTS_AT_ONCE_MAX = 4  # of a pool of connections that visits share
POLL_REAL_S = 0.1
RETRY_S = (30, 60, 120, 300, 600)  # a fact that could not be applied is tried again, ever more slowly
CHORES_REAL_S = 2.0  # between looks whether a daily chore is due
TREASURY_REAL_S = 0.25  # between two looks at custody and settlement
WATCH_REAL_S = 0.5  # between two looks for suppliers that are due

Visit = Callable[[Context, str], Awaitable[None]]


async def _ring(ctx: Context, order_id: str) -> None:
    """An order's own clock rang: unpaid ones expire, silent suppliers open the buyer's choice, unmended ones go back."""
    await pay.expire(ctx, order_id)
    await supply.ring(ctx, order_id)
    await correct.ring(ctx, order_id)


# What is claimed, by which statement, the key it returns, and who visits it. What is paid comes before what may
# never be (R27); each kind takes at most half of what is free, so that a flood of one starves no other.
ROUNDS: tuple[tuple[str, str, Visit], ...] = (
    (fulfilment.SQL.claim_ahead, "ahead_no", supply.work_attempt),
    (fulfilment.SQL.claim_attempts, "attempt_no", supply.work_attempt),
    (payments.SQL.claim_hints, "hint", notify.ask_trade),
    (refund_store.SQL.claim_refunds, "refund_no", transfers.work),
    (payments.SQL.claim_payments, "payment_no", ask.ask_channel),
    (payments.SQL.claim_suspense, "item_id", items.work_item),
    (fulfilment.SQL.claim_watches, "watched_no", supply.work_attempt),
    (claim_store.SQL.claim_claims, "claim_id", claims.work_claim),
    (orders.SQL.claim_orders, "order_id", _ring),
    (SETTLEMENT.claim_earnings, "earning_of", earn.work_earning),
    (DISPUTES.claim_disputes, "dispute_id", work_dispute),
)


class Pulse:
    """Signs of life of one worker: when it last looked for due rows, and whether the database answered then."""

    def __init__(self) -> None:
        self._looked = time.monotonic()
        self.database = False

    def beat(self, *, database: bool, at: float | None = None) -> None:
        """It looked just now, or `at` a moment of the monotonic clock."""
        self._looked, self.database = time.monotonic() if at is None else at, database
        metrics.LOOKS.labels("done" if database else "database_away").inc()

    def age_s(self) -> float:
        """Real seconds since it last looked."""
        return time.monotonic() - self._looked


class Worker:
    """Claims due rows of every bucket ever used and visits them, at most `AT_ONCE_MAX` at a time."""

    def __init__(self, ctx: Context, rounds: Sequence[tuple[str, str, Visit]] = ROUNDS) -> None:
        self._ctx = ctx
        self._rounds = rounds
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)
        self._passes_known = False
        self._watched_at: float | None = None
        self._chores_looked = -CHORES_REAL_S
        self._treasury_looked = -TREASURY_REAL_S
        self._coverage_known = False
        self._planned = reconcile_watch.Planned()
        self._closing = reconcile_watch.Closing()
        self._reconciled_at = -CHORES_REAL_S
        self._complaints_at = -CHORES_REAL_S

    async def round(self) -> int:
        """One look at everything that is due; returns how many rows were taken.

        Over one connection, each claim a transaction of its own: most looks find nothing and must cost next to it.
        """
        ctx = self._ctx
        if not self._passes_known:
            await passes.ensure_passes(ctx)
            await complaint_watch.ensure(ctx)
            self._passes_known = True
        taken = 0
        async with ctx.pool.acquire() as conn:
            for record in await conn.fetch(orders.SQL.list_buckets):
                bucket = record["bucket"]
                taken += await overdue.hand_over(ctx, bucket)
                taken += await self._apply_all(await self._claim_facts(conn, bucket))
                for claim, key, visit in self._rounds:
                    rows = await self._claim(conn, claim, bucket)
                    taken += len(rows)
                    for row in rows:
                        await self._start(visit, row[key], row.get("lease_generation"))
            lists = await conn.fetch(
                payments.SQL.claim_passes, ctx.now(), list(ctx.channels), ctx.worker_name, ctx.lease_end()
            )
        for row in lists:
            await self._start(passes.pass_over, row["channel"])
        taken += len(lists) + await self._do_chores() + await self._watch_suppliers()
        taken += await self._look_at_complaints()
        return taken + await self._look_at_treasury() + await self._reconcile()

    async def _do_chores(self) -> int:
        """What is looked at seldom: keys once a day, low stock, what the console reads."""
        if time.monotonic() - self._chores_looked < CHORES_REAL_S:
            return 0
        self._chores_looked = time.monotonic()
        ctx = self._ctx
        looked = await watch_terms(ctx) + await watch_stock(ctx) + await fill(ctx)
        await self._start(look_at_wind_down, "wind_down")  # many refunds hold up no other round
        return looked

    async def _look_at_treasury(self) -> int:
        """Visit what is due of statements, bank lines, batches and instructions."""
        if not self._coverage_known:
            await ensure_coverage(self._ctx)
            self._coverage_known = True
        if time.monotonic() < self._treasury_looked + TREASURY_REAL_S:
            return 0
        self._treasury_looked = time.monotonic()

        async def start(work: Callable[[], Awaitable[None]], key: str) -> None:
            await self._start(lambda _ctx, _key: work(), key)

        return await look_at_treasury(self._ctx, start)

    async def _reconcile(self) -> int:
        """Days whose bills are due, and differences whose clock rang."""
        if time.monotonic() - self._reconciled_at < reconcile_watch.LOOK_REAL_S:
            return 0
        self._reconciled_at = time.monotonic()
        await self._planned.plan(self._ctx)
        days, breaks = await reconcile_watch.claim(self._ctx)
        for day in days:
            await self._start(reconcile_watch.visit_day, day)
        for break_id in breaks:
            await self._start(reconcile_watch.visit_break, break_id)
        if day := await self._closing.due(self._ctx):
            await self._start(reconcile_watch.close_day, day)
        return len(days) + len(breaks)

    async def _look_at_complaints(self) -> int:
        """Channels' lists of complaints, and complaints that are due or whose case went on."""
        if time.monotonic() - self._complaints_at < complaint_watch.LOOK_REAL_S:
            return 0
        self._complaints_at = time.monotonic()
        lists, complaints = await complaint_watch.claim(self._ctx)
        for channel in lists:
            await self._start(complaint_watch.visit_list, channel)
        for key, generation in complaints:
            await self._start(complaint_watch.visit, key, generation)
        return len(lists) + len(complaints)

    async def _watch_suppliers(self) -> int:
        """Visit the suppliers and channels whose balances and sums are due."""
        if self._watched_at is None:
            await watch.ensure_watches(self._ctx)
        elif time.monotonic() < self._watched_at + WATCH_REAL_S:
            return 0
        self._watched_at = time.monotonic()
        due = await watch.claim_watches(self._ctx)
        for supplier in due:
            await self._start(watch.look, supplier)
        channels = await watch.claim_channels(self._ctx)
        for channel in channels:
            await self._start(watch.look_at_channel, channel)
        return len(due) + len(channels)

    async def _claim(self, conn: asyncpg.Connection, statement: str, bucket: int) -> list[asyncpg.Record]:
        ctx = self._ctx
        free = AT_ONCE_MAX - len(self._tasks)
        if free <= 0:
            return []
        rows: list[asyncpg.Record] = await conn.fetch(
            statement, bucket, ctx.now(), (free + 1) // 2, ctx.worker_name, ctx.lease_end()
        )
        return rows

    async def _claim_facts(self, conn: asyncpg.Connection, bucket: int) -> list[Waiting]:
        ctx = self._ctx
        return await evidence.claim(conn, bucket, ctx.now(), BATCH_MAX, ctx.worker_name, ctx.lease_end())

    async def apply_facts(self, bucket: int) -> int:
        """Apply the due facts of one bucket, then take them out of the inbox; returns how many were taken."""
        async with self._ctx.pool.acquire() as conn:
            waiting = await self._claim_facts(conn, bucket)
        return await self._apply_all(waiting)

    async def _apply_all(self, waiting: list[Waiting]) -> int:
        at_once = asyncio.Semaphore(FACTS_AT_ONCE_MAX)

        async def apply(fact: Waiting) -> None:
            async with at_once:
                await self._apply(fact)

        if waiting:
            await asyncio.gather(*(apply(fact) for fact in waiting))
        return len(waiting)

    async def _apply(self, fact: Waiting) -> None:
        ctx = self._ctx
        try:
            await APPLY[fact.kind](ctx, fact)
            async with ctx.pool.acquire() as conn:
                await evidence.complete(conn, fact)
        except (asyncpg.PostgresConnectionError, asyncpg.InternalClientError):
            raise
        except Exception as error:
            log.exception("fact_not_applied", kind=fact.kind, subject=fact.subject)
            again = ctx.now() + timedelta(seconds=RETRY_S[min(fact.asked, len(RETRY_S)) - 1])
            async with transaction(ctx.pool) as conn:
                await evidence.postpone(conn, fact, again, type(error).__name__)

    async def _start(self, visit: Visit, key: str, generation: int | None = None) -> None:
        await self._slots.acquire()
        task = asyncio.create_task(self._visit(visit, key, generation))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()

    async def _visit(self, visit: Visit, key: str, generation: int | None = None) -> None:
        lease.begin(generation)  # of this task alone
        try:
            await visit(self._ctx, key)
            metrics.VISITS.labels("done").inc()
        except Problem as problem:
            # The row keeps its lease and is visited again when that ends.
            metrics.VISITS.labels("refused").inc()
            log.warning("visit_refused", row=key, code=problem.code)
        except Exception:
            metrics.VISITS.labels("failed").inc()
            log.exception("visit_failed", row=key)

    async def drain(self) -> None:
        """Wait for the visits under way."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))


async def run_worker(ctx: Context, stop: asyncio.Event, pulse: Pulse | None = None) -> None:
    """Work until `stop`: look, and look again at once while there is something, else after a short pause.

    A database that is down makes orders wait; the loop goes on and resumes by itself.
    """
    worker = Worker(ctx)
    pulse = pulse or Pulse()
    statistics = asyncio.create_task(keep_fresh(ctx.pool, stop))
    while not stop.is_set():
        taken = 0
        try:
            taken = await worker.round()
            metrics.ROWS.inc(taken)
            pulse.beat(database=True)
        except (*DATABASE_AWAY, asyncpg.PostgresError, Problem) as error:
            pulse.beat(database=False)
            log.warning("database_unavailable", error=type(error).__name__)
        if not taken:
            try:
                await asyncio.wait_for(stop.wait(), POLL_REAL_S)
            except TimeoutError:
                continue
    await worker.drain()
    await statistics

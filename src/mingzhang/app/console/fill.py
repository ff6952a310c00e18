"""Fills what the console reads and the hot path does not write: keys to find orders by, sums by place, outcomes.

The worker does a bounded bit of it between its rounds. Orders are followed by their numbers, which hold the time
they were placed; because a number may be older than its row (a placing that was repeated), a second walk goes round
all orders for ever and keeps complete what the first one missed. Slots are closed half a minute after their end,
when nothing dated inside them can be committed any more; `audit` compares the newest with the journal.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import structlog

from mingzhang.kit.database import transaction
from mingzhang.kit.ids import first_order_id
from mingzhang.kit.sql import load
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL as ORDERS

SQL: Final = load("mingzhang.app.console", "fill")
log = structlog.get_logger()
KEYS_AT_ONCE_MAX: Final = 10_000
SWEEP_AT_ONCE_MAX: Final = 1_000
MARGIN_REAL_S: Final = (
    30.0  # later than any statement may last (kit.database), so that what is dated before is committed
)
BUSY_REAL_S_MAX: Final = 0.25
AGAIN_REAL_S: Final = 2.0
SWEEP_REAL_S: Final = 5.0
SLOT: Final = timedelta(minutes=10)
SLOTS: Final = "slots"
SPAN_SLOTS_MAX: Final = 144
SPAN_REAL_S: Final = 0.5
ARRIVED: Final = ("delivered", "partly_delivered", "late_success")
OUTCOMES: Final = (
    *ARRIVED,
    "supplier_refused",
    "supplier_reversed",
    "supplier_unknown",
    "payment_contradicted",
    "payment_frozen",
    "needs_person",
    "correction_asked",
    "deadline_missed",
    "refund_arrived",
    "refund_refused",
    "refund_abnormal",
)


async def fill(ctx: Context, margin_real_s: float = MARGIN_REAL_S) -> int:
    """Fill on what is due, for a quarter of a second at most; returns 0: this work never makes the worker hurry."""
    began = time.monotonic()
    async with transaction(ctx.pool) as conn:
        buckets = [row["bucket"] for row in await conn.fetch(ORDERS.list_buckets)]
        wanted = [SLOTS, *(f"{kind}:{bucket}" for bucket in buckets for kind in ("keys", "round"))]
        await conn.execute(SQL.ensure_marks, wanted, ctx.now())
        due = await conn.fetch(SQL.claim_marks, ctx.now(), ctx.worker_name, ctx.lease_end())
    for row in due:
        kind, _, bucket = row["mark"].partition(":")
        if kind == SLOTS:
            await _fill_slots(ctx, row["done_to"], began, margin_real_s)
        elif kind == "keys":
            await _follow(ctx, row["mark"], int(bucket), row["done_to"], margin_real_s)
        else:
            await _go_round(ctx, row["mark"], int(bucket), row["done_to"])
    return 0


async def fill_all(ctx: Context, margin_real_s: float = MARGIN_REAL_S) -> None:
    """Everything that is due, without a pause: after a large history was loaded."""
    await fill(ctx, margin_real_s)
    marks = await _marks(ctx)
    for mark in [name for name in marks if name.startswith("keys:")]:
        done_to = None
        while done_to != marks[mark]:
            done_to = marks[mark]
            await _follow(ctx, mark, int(mark.partition(":")[2]), done_to, margin_real_s)
            marks = await _marks(ctx)
    await _fill_slots(ctx, marks[SLOTS], float("inf"), margin_real_s)


async def _marks(ctx: Context) -> dict[str, str]:
    async with ctx.pool.acquire() as conn:
        return {row["mark"]: row["done_to"] for row in await conn.fetch(SQL.list_marks)}


def _later(ctx: Context, real_s: float) -> datetime:
    return ctx.now() + timedelta(seconds=real_s * ctx.clock.speed)


async def _follow(ctx: Context, mark: str, bucket: int, done_to: str, margin_real_s: float) -> None:
    """Keys of new orders; the mark stays so far back that an order that is being committed is not passed over."""
    closed = first_order_id(bucket, ctx.now() - timedelta(seconds=margin_real_s * ctx.clock.speed))
    async with transaction(ctx.pool) as conn:
        found = await conn.fetchrow(SQL.find_last_order, bucket, done_to, KEYS_AT_ONCE_MAX)
        if found["n"]:
            await conn.execute(SQL.fill_keys, bucket, done_to, found["last"])
            done_to = max(done_to, min(found["last"], closed))
        again = 0.0 if found["n"] == KEYS_AT_ONCE_MAX else AGAIN_REAL_S
        await conn.execute(SQL.set_mark, mark, done_to, _later(ctx, again))


async def _go_round(ctx: Context, mark: str, bucket: int, done_to: str) -> None:
    """A piece of the walk round all orders: what is missing is added, and an account corrected since."""
    async with transaction(ctx.pool) as conn:
        found = await conn.fetchrow(SQL.find_last_order, bucket, done_to, SWEEP_AT_ONCE_MAX)
        if found["n"]:
            await conn.execute(SQL.fill_keys, bucket, done_to, found["last"])
        done_to = found["last"] if found["n"] == SWEEP_AT_ONCE_MAX else ""
        await conn.execute(SQL.set_mark, mark, done_to, _later(ctx, SWEEP_REAL_S))


async def _fill_slots(ctx: Context, done_to: str, began: float, margin_real_s: float) -> None:
    """Close as many slots as are over, in the order of time; a span of them in a transaction of its own.

    Spans begin with one slot and grow while they are quick: so a long history does not take a transaction each ten
    minutes of it, and in a shop whose slots are heavy no statement runs into its timeout.
    """
    async with ctx.pool.acquire() as conn:
        first = await conn.fetchval(SQL.find_first_moment) if not done_to else None
    at = datetime.fromisoformat(done_to) if done_to else _slot_of(first) if first else None
    closed = ctx.now() - timedelta(seconds=margin_real_s * ctx.clock.speed)
    many = 1
    while at is not None and at + SLOT <= closed and time.monotonic() - began < BUSY_REAL_S_MAX:
        ends_at, since = at + min(many, (closed - at) // SLOT) * SLOT, time.monotonic()
        if not await _close_slots(ctx, at, ends_at, done_to):
            return
        many = _next_span(many, time.monotonic() - since)
        at, done_to = ends_at, ends_at.isoformat()
    async with transaction(ctx.pool) as conn:
        await conn.execute(SQL.set_mark, SLOTS, done_to, _later(ctx, AGAIN_REAL_S))


def _next_span(many: int, took_real_s: float) -> int:
    """How many slots to close next, after that many took so long."""
    if took_real_s < SPAN_REAL_S:
        return min(2 * many, SPAN_SLOTS_MAX)
    return max(many // 2, 1) if took_real_s > 4 * SPAN_REAL_S else many


async def _close_slots(ctx: Context, begins_at: datetime, ends_at: datetime, done_to: str) -> bool:
    """Roll up slots that are over; False when another worker was faster."""
    async with transaction(ctx.pool) as conn:
        if await conn.fetchval(SQL.advance_mark, SLOTS, done_to, ends_at.isoformat()) is None:
            return False
        await conn.execute(SQL.fill_money, begins_at, ends_at, SLOT)
        await conn.execute(SQL.fill_outcomes, begins_at, ends_at, list(OUTCOMES), list(ARRIVED))
    return True


def _slot_of(moment: datetime) -> datetime:
    """The beginning of the slot that a moment lies in."""
    seconds = int(moment.timestamp()) // int(SLOT.total_seconds()) * int(SLOT.total_seconds())
    return datetime.fromtimestamp(seconds, UTC)


async def fill_anew(conn: asyncpg.Connection, now: datetime) -> None:
    """Forget all roll-ups and marks: the worker makes them again. For history that was loaded, and for the audit."""
    await conn.execute(SQL.forget_money)
    await conn.execute(SQL.forget_outcomes)
    await conn.execute(SQL.reset_marks, now)


async def check_rollup(ctx: Context) -> bool:
    """Hold the newest slot against the whole journal; where they differ, everything is made anew. True: they agree.

    A roll-up is derived: what is dated back after its slot was closed is no finding about money, only about it.
    """
    async with ctx.pool.acquire() as conn:
        marks = {row["mark"]: row["done_to"] for row in await conn.fetch(SQL.list_marks)}
        done_to = marks.get(SLOTS, "")
        differing = await conn.fetch(SQL.compare_money, datetime.fromisoformat(done_to)) if done_to else []
    if not differing:
        return True
    log.warning("rollup_made_anew", slot=done_to, differing=len(differing))
    async with transaction(ctx.pool) as conn:
        await fill_anew(conn, ctx.now())
    return False

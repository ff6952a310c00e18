"""The watch over suppliers: our balance there, how long it lasts, how each did lately; one chore (R14, R20).

The alarm goes out once, when a supplier's standing turns worse. A supplier without a prefund (own stock, manual
work) is not asked for one.
"""

from datetime import datetime, timedelta
from typing import Final

import asyncpg

from mingzhang.evidence import store as evidence
from mingzhang.fulfilment.figures import (
    SAMPLE_MAX,
    WINDOW_S,
    Standing,
    figures_of,
    runway,
    spending,
    standing_of,
)
from mingzhang.fulfilment.health import SQL
from mingzhang.fulfilment.schedule import DOWN_ASK_S
from mingzhang.fulfilment.suppliers.base import BalanceAnswer
from mingzhang.kit.database import transaction
from mingzhang.kit.ids import first_order_id
from mingzhang.notices import flow as notices
from mingzhang.notices.model import Facts, Template
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.payments import register

PER_BUCKET_MIN: Final = 50
REAL_S_MIN: Final = 2.0  # real seconds: a fast clock must not make the chore the worker's only work
ALARM: Final = frozenset({Standing.LOW, Standing.STOP})


async def ensure_watches(ctx: Context) -> None:
    """Have every connected supplier and channel watched, the first time at once."""
    async with transaction(ctx.pool) as conn:
        for name in ctx.suppliers:
            await conn.execute(SQL.ensure_watch, name, ctx.now())
        for name in ctx.channels:
            await conn.execute(register.SQL.ensure_channel_watch, name, ctx.now())


async def claim_watches(ctx: Context) -> list[str]:
    """Suppliers that are due."""
    async with transaction(ctx.pool) as conn:
        rows = await conn.fetch(
            SQL.claim_watch, ctx.now(), list(ctx.suppliers), ctx.worker_name, ctx.lease_end()
        )
    return [row["supplier"] for row in rows]


async def claim_channels(ctx: Context) -> list[str]:
    """Channels whose day is due to be summed up."""
    async with transaction(ctx.pool) as conn:
        rows = await conn.fetch(
            register.SQL.claim_channel_watch, ctx.now(), list(ctx.channels), ctx.worker_name, ctx.lease_end()
        )
    return [row["channel"] for row in rows]


async def look_at_channel(ctx: Context, channel: str) -> None:
    """What a channel took today; summed up only where the register has a limit for the day."""
    await ctx.health.refresh(ctx.pool)
    terms = ctx.health.terms.get(channel)
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        buckets = [row["bucket"] for row in await conn.fetch(ORDERS.list_buckets)]
        limited = terms is not None and terms.day_fen > 0
        taken = await register.sum_taken(conn, buckets, channel, now) if limited else 0
        await conn.execute(
            register.SQL.set_channel_watch,
            channel,
            register.beijing_day(now)[0],
            taken,
            now,
            now + timedelta(seconds=max(register.DAY_ASK_S, REAL_S_MIN * ctx.clock.speed)),
        )


async def look(ctx: Context, supplier: str) -> None:
    """Ask one supplier for our balance, sum up what it did lately, and write both down."""
    adapter = ctx.suppliers[supplier]
    # Own stock and manual work hold no money of ours: nothing to ask, nothing to run out.
    prefunded = bool(getattr(adapter, "prefunded", True))
    answer = await adapter.balance() if prefunded else BalanceAnswer(known=True)
    if answer.known:
        await ctx.standing.answered(ctx.pool, supplier, ctx.now())
    elif supplier in ctx.standing.down(ctx.now()):
        await ctx.standing.open(ctx.pool, supplier, "no_balance", ctx.now())
    async with transaction(ctx.pool) as conn:
        rows = await _recent(conn, ctx.now())
        await _write_figures(conn, supplier, rows, ctx.now())
        await _write_watch(ctx, conn, supplier, rows, answer if prefunded else None)
    ctx.standing.forget()


async def _recent(conn: asyncpg.Connection, now: datetime) -> list[asyncpg.Record]:
    """The sample: the newest attempts of every bucket, bounded."""
    buckets = [row["bucket"] for row in await conn.fetch(ORDERS.list_buckets)]
    each = max(PER_BUCKET_MIN, SAMPLE_MAX // max(1, len(buckets)))
    since = now - timedelta(seconds=WINDOW_S)
    rows: list[asyncpg.Record] = []
    for bucket in buckets:
        rows += await conn.fetch(SQL.list_recent, bucket, first_order_id(bucket, since), each)
    return rows


async def _write_figures(
    conn: asyncpg.Connection, supplier: str, rows: list[asyncpg.Record], now: datetime
) -> None:
    for figure in figures_of(row for row in rows if row["supplier"] == supplier):
        await conn.execute(
            SQL.set_figure,
            figure.supplier,
            figure.supplier_product,
            figure.n,
            figure.succeeded,
            figure.median_s,
            figure.since,
            now,
        )
    await conn.execute(SQL.drop_figures, supplier, now)


async def _write_watch(
    ctx: Context,
    conn: asyncpg.Connection,
    supplier: str,
    rows: list[asyncpg.Record],
    answer: BalanceAnswer | None,
) -> None:
    now = ctx.now()
    before = await conn.fetchrow(SQL.read_watch, supplier)
    spent_fen, spent_s = spending(rows, supplier, now)
    known = answer is not None and answer.known
    free_fen = answer.free_fen if answer is not None and answer.known else before["free_fen"]
    lasts = runway(free_fen, spent_fen, spent_s)
    standing = Standing(before["standing"])
    if answer is None:
        standing, lasts = Standing.UNKNOWN, None
    elif known:
        standing = standing_of(free_fen, lasts, alarm_h=ctx.prefund_alarm_h, stop_h=ctx.prefund_stop_h)
    evidence_id = ""
    if answer is not None and known and free_fen != before["free_fen"]:
        evidence_id = await evidence.keep_all(conn, ctx.rng, now, answer.messages)
    wait = ctx.balance_every_s if answer is None or known else DOWN_ASK_S
    wait = max(wait, REAL_S_MIN * ctx.clock.speed)
    await conn.execute(
        SQL.set_watch,
        supplier,
        standing.value,
        free_fen,
        spent_fen,
        spent_s,
        now if known else None,
        lasts,
        now,
        now + timedelta(seconds=wait),
        evidence_id,
    )
    if standing in ALARM and standing != before["standing"] and before["standing"] != Standing.STOP:
        await _alarm(ctx, conn, supplier, standing, now, lasts)


async def _alarm(
    ctx: Context,
    conn: asyncpg.Connection,
    supplier: str,
    standing: Standing,
    now: datetime,
    lasts: int | None,
) -> None:
    """Tell the shop, once for each time it turns worse."""
    told = Facts(
        order_id=f"supplier-{supplier}",
        title_zh=supplier,
        title_en=supplier,
        until=now + timedelta(seconds=lasts) if lasts is not None else None,
    )
    template = Template.PREFUND_STOP if standing is Standing.STOP else Template.PREFUND_LOW
    key = f"{template.value}:{int(now.timestamp())}"
    await notices.enqueue(conn, ctx.rng, now, template, key, told)

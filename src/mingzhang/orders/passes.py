"""The day-end pass over a channel's own list: what nobody told and no question by number could show (R10, F15)."""

from datetime import timedelta

import asyncpg

from mingzhang.evidence import store as evidence
from mingzhang.kit.database import transaction
from mingzhang.kit.ids import new_id
from mingzhang.orders.context import Context
from mingzhang.orders.notify import NOWHERE, payment_named
from mingzhang.orders.pay import paid_fact
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.payments import store as payments
from mingzhang.payments.channels.base import ListsTrades, Outcome, TradeAnswer, TradesAnswer, TradeState
from mingzhang.payments.schedule import HINT_MAX_S, PASS_KNOWN_PAGES, PASS_PAGE, PASS_PAGES_MAX, PASS_RETRY_S


async def ensure_passes(ctx: Context) -> None:
    """Have every channel that has a list passed over, a first time after one interval."""
    due = ctx.now() + timedelta(seconds=ctx.list_every_s)
    async with transaction(ctx.pool) as conn:
        for name, channel in ctx.channels.items():
            if isinstance(channel, ListsTrades):
                await conn.execute(payments.SQL.ensure_pass, name, due)


async def pass_over(ctx: Context, channel: str) -> None:
    """Read the list from its newest page on, until nothing new is left; every unknown paid trade becomes a fact."""
    adapter = ctx.channels[channel]
    if not isinstance(adapter, ListsTrades):
        return
    began, known, code = ctx.now(), 0, ""
    for page in range(PASS_PAGES_MAX):
        answer = await adapter.list_trades(page * PASS_PAGE, PASS_PAGE)
        if answer.outcome is not Outcome.OK:
            code = answer.code or "unknown"
            break
        known = 0 if await _learn(ctx, channel, answer) else known + 1
        if len(answer.trades) < PASS_PAGE or known >= PASS_KNOWN_PAGES:
            break
    wait = PASS_RETRY_S if code else ctx.list_every_s
    async with transaction(ctx.pool) as conn:
        await conn.execute(
            payments.SQL.set_pass,
            channel,
            code[:64],
            None if code else began,
            ctx.now() + timedelta(seconds=wait),
        )


async def _learn(ctx: Context, channel: str, answer: TradesAnswer) -> int:
    """State what is not on record yet; returns how many. A page without news is not kept: it is other buyers' too."""
    paid = [trade for trade in answer.trades if trade.state is TradeState.PAID and trade.transaction_id]
    if not paid:
        return 0
    async with ctx.pool.acquire() as conn:
        rows = await conn.fetch(
            evidence.SQL.list_known, channel, "paid", [trade.transaction_id for trade in paid]
        )
        await _hasten(conn, ctx, channel, rows)
    known = {row["external_id"] for row in rows}
    fresh = [trade for trade in paid if trade.transaction_id not in known]
    if not fresh:
        return 0
    now = ctx.now()
    facts, foreign = [], []
    for trade in fresh:
        payment = await payment_named(ctx, channel, trade.payment_no)
        if payment is not None:
            facts.append(paid_fact(payment, trade))
        else:
            foreign.append(trade)
    async with transaction(ctx.pool) as conn:
        await conn.execute(ORDERS.ensure_bucket, NOWHERE, now)
        for fact in facts:
            # Each cites a copy of its own: what a fact moved is found by its evidence.
            evidence_id = await evidence.keep_all(conn, ctx.rng, now, answer.messages)
            await evidence.state_fact(conn, fact, evidence_id, now)
        if foreign:
            await _ask_about(conn, ctx, channel, foreign, answer)
    return len(fresh)


async def _ask_about(
    conn: asyncpg.Connection, ctx: Context, channel: str, trades: list[TradeAnswer], page: TradesAnswer
) -> None:
    """A line under a number that is none of ours may be another shop's: the channel is asked by the trade's own number,
    and only its answer is the word (row 23)."""
    now = ctx.now()
    evidence_id = await evidence.keep_all(conn, ctx.rng, now, page.messages)
    for trade in trades:
        await conn.execute(
            payments.SQL.insert_hint,
            NOWHERE,
            new_id(now, ctx.rng),
            channel,
            trade.transaction_id,
            trade.payment_no[:64],
            now,
            now + timedelta(seconds=HINT_MAX_S),
            evidence_id,
        )


async def _hasten(conn: asyncpg.Connection, ctx: Context, channel: str, rows: list[asyncpg.Record]) -> None:
    """What the list calls paid and we hold for denied is asked about now (F4): the answer, not the list, is the word."""
    now, buckets = ctx.now(), sorted({row["bucket"] for row in rows})
    if not rows:
        return
    doubted = await conn.fetch(payments.SQL.list_doubted, buckets, [row["payment_no"] for row in rows])
    for row in doubted:
        await conn.execute(payments.SQL.set_due, row["bucket"], row["order_id"], now)
    await conn.execute(payments.SQL.set_item_due, buckets, channel, [row["external_id"] for row in rows], now)

"""A line of a settlement list whose trade nobody knows yet: its batch waits for it alone, all other lines are booked.

The channel is asked about the trade. Found, it is an order's payment, or money with a name of its own (row 23). When the
batch's time is over and the channel still says nothing of it, its own list is the word: it settled that money to us.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

import asyncpg

from mingzhang.evidence import store as evidence
from mingzhang.evidence.store import Fact
from mingzhang.kit.database import transaction
from mingzhang.kit.ids import bucket_of, is_suspense_id, new_id, new_suspense_id
from mingzhang.orders.context import Context
from mingzhang.orders.notify import NOWHERE
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.payments.schedule import HINT_MAX_S
from mingzhang.payments.store import SQL as PAYMENTS
from mingzhang.settlement.model import Part
from mingzhang.settlement.store import SQL, Batch, Waiting, lock_member

MARK: Final = "?"


def name_of(trade: str) -> str:
    """A member that is known by its trade's number alone."""
    return f"{MARK}{trade}"


def is_unknown(subject: str) -> bool:
    """Whether it is such a member."""
    return subject.startswith(MARK)


async def whose(conn: asyncpg.Connection, channel: str, trades: Sequence[str]) -> dict[str, list[Part]]:
    """The subjects of those of the trades that are known, and how much of each is whose."""
    aside: dict[str, list[Part]] = {}
    for row in await conn.fetch(SQL.find_items, channel, trades):
        part = Part(subject=row["item_id"], amount_fen=row["amount_fen"])
        aside.setdefault(row["transaction_id"], []).append(part)
    parts: dict[str, list[Part]] = {}
    for row in await conn.fetch(SQL.find_trades, channel, trades):
        items = aside.get(row["external_id"], [])
        left = row["amount_fen"] - sum(item.amount_fen for item in items)
        # A fact about nobody's money names its item before the item is there.
        known = left > 0 and not is_suspense_id(row["subject"])
        own = [Part(subject=row["subject"], amount_fen=left)] if known else []
        if own or items:
            parts[row["external_id"]] = [*own, *items]
    return parts


async def ask_about(
    conn: asyncpg.Connection, rng: Random, now: datetime, channel: str, trades: Iterable[str], cited: str
) -> None:
    """Have the channel asked about each of them, as about any trade that somebody told of."""
    for trade in trades:
        await conn.execute(ORDERS.ensure_bucket, NOWHERE, now)
        until = now + timedelta(seconds=HINT_MAX_S)
        await conn.execute(
            PAYMENTS.insert_hint, NOWHERE, new_id(now, rng), channel, trade, "", now, until, cited
        )


async def look(ctx: Context, batch: Batch, member: Waiting) -> Waiting | None:
    """The member under its real subject, once the trade is known as one subject's; None while it is not."""
    trade = member.subject.removeprefix(MARK)
    gross = member.net_fen + member.fee_fen + member.back_fen
    async with transaction(ctx.pool) as conn:
        parts = (await whose(conn, batch.channel, [trade])).get(trade, [])
        if len(parts) == 1 and parts[0].amount_fen == gross:
            return await _replace(conn, batch, member, parts[0].subject)
        if not parts and batch.next_actor == "person":
            await _believe(ctx, conn, batch, trade, gross)
    return None


async def _replace(conn: asyncpg.Connection, batch: Batch, member: Waiting, subject: str) -> Waiting | None:
    n = await conn.fetchval(SQL.drop_unknown, member.bucket, batch.channel, batch.batch_id, member.subject)
    if n is None:
        return None
    amounts = ([it] for it in (member.fee_fen, member.back_fen, member.charged_fen, member.net_fen))
    bucket = bucket_of(subject)
    await conn.execute(
        SQL.insert_members, batch.channel, batch.batch_id, [bucket], [subject], [n], *amounts, ["listed"]
    )
    known = Waiting(
        bucket=bucket,
        subject=subject,
        n=n,
        fee_fen=member.fee_fen,
        back_fen=member.back_fen,
        charged_fen=member.charged_fen,
        net_fen=member.net_fen,
        state="listed",
        code="",
    )
    return await lock_member(conn, batch, known)


async def _believe(ctx: Context, conn: asyncpg.Connection, batch: Batch, trade: str, fen: int) -> None:
    """The channel's own list says that this was paid, and paid out: money with no order, put aside (row 23)."""
    now = ctx.now()
    fact = Fact(
        party=batch.channel,
        kind="paid",
        external_id=trade,
        subject=new_suspense_id(NOWHERE, now, ctx.rng),
        content={"payment_no": "", "amount_fen": fen, "buyer_mask": ""},
        numbers=(("transaction", trade),),
    )
    await conn.execute(ORDERS.ensure_bucket, NOWHERE, now)
    await evidence.state_fact(conn, fact, batch.evidence_id, now)

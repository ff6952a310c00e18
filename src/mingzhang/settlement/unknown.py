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


async def look(ctx: Context, batch: Batch, member: Waiting) -> list[Waiting]:
    """The member under its real subjects, once the trade is known: an order's, money put aside, or both. Empty till then."""
    trade = member.subject.removeprefix(MARK)
    gross = member.net_fen + member.fee_fen + member.back_fen
    async with transaction(ctx.pool) as conn:
        parts = (await whose(conn, batch.channel, [trade])).get(trade, [])
        if parts and sum(part.amount_fen for part in parts) == gross:
            return await _replace(conn, batch, member, parts)
        if not parts and batch.next_actor == "person":
            await _believe(ctx, conn, batch, trade, gross)
    return []


def shares(member: Waiting, parts: Sequence[Part]) -> list[Waiting]:
    """The member's amounts among its subjects, as `model.members` deals them: the largest bears the fee and what came
    back; only what it cannot bear of that is the next one's. ``n``: the member's own, for all of them.
    """
    back, charged = member.back_fen, member.charged_fen
    found = []
    for first, part in enumerate(sorted(parts, key=lambda it: -it.amount_fen)):
        fee = 0 if first else member.fee_fen
        own_back = max(0, min(back, part.amount_fen - fee))
        own_charged = min(charged, own_back)
        back, charged = back - own_back, charged - own_charged
        found.append(
            Waiting(
                bucket=bucket_of(part.subject),
                subject=part.subject,
                n=member.n,
                fee_fen=fee,
                back_fen=own_back,
                charged_fen=own_charged,
                net_fen=max(0, part.amount_fen - fee - own_back),
                state="listed",
                code="",
            )
        )
    return found


async def _replace(
    conn: asyncpg.Connection, batch: Batch, member: Waiting, parts: Sequence[Part]
) -> list[Waiting]:
    dropped = await conn.fetchval(
        SQL.drop_unknown, member.bucket, batch.channel, batch.batch_id, member.subject
    )
    if dropped is None:
        return []
    known = shares(member, parts)
    # The first takes the member's place among the lines; no two members have one number.
    last = int(await conn.fetchval(SQL.read_last_member, batch.channel, batch.batch_id) or 0)
    numbers = [member.n, *range(max(last, member.n) + 1, max(last, member.n) + len(known))]
    await conn.execute(
        SQL.insert_members,
        batch.channel,
        batch.batch_id,
        [it.bucket for it in known],
        [it.subject for it in known],
        numbers,
        [it.fee_fen for it in known],
        [it.back_fen for it in known],
        [it.charged_fen for it in known],
        [it.net_fen for it in known],
        [it.state for it in known],
    )
    locked = [await lock_member(conn, batch, it) for it in known]
    return [it for it in locked if it is not None]


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

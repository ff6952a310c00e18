"""Whether a supplier's balance shows that top-ups on their way arrived (row 2, last step).

A balance does not say which orders it was charged for, so what is reserved makes it a range: an order that was not
charged, or got its money back without our having heard, stands in the balance beside what is free. Only more than all
that proves that no top-up is missing. In a shop with much under way that may never be so; then an order which the
supplier said is in process counts as charged, and two looks half an hour apart must agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from mingzhang.evidence.messages import Message
from mingzhang.kit.sql import load
from mingzhang.orders.context import Context

SQL: Final = load("mingzhang.custody", "arrivals")
LOOK_AGAIN: Final = timedelta(minutes=30)


class Arrival(StrEnum):
    """What a balance says of the top-ups on their way."""

    NOT_SHOWN = "not_shown"
    LIKELY = "likely"  # unless orders in process got their money back unheard
    SURE = "sure"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What of ours is at a supplier by the ledger, fen.

    ``reserved_fen``: for orders that it may not have charged yet; ``doubtful_fen``: of that, what it did not say to be
    in process. ``under_way``: every top-up that the bank paid out and that has not arrived.
    """

    free_fen: int
    reserved_fen: int
    doubtful_fen: int
    under_way: Sequence[int]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look: what it says, and the supplier's answer."""

    arrival: Arrival
    messages: tuple[Message, ...] = ()


def judge(balance_fen: int, before: Held, after: Held) -> Arrival:
    """Hold a balance against the ledger as it was around the question.

    If one of the top-ups were missing, the balance could hold at most what is free, all uncharged orders and the
    others. Orders that begin, succeed or fail during the question move the ledger; the larger of both readings counts.
    """
    under_way = before.under_way
    if not under_way:
        return Arrival.NOT_SHOWN
    all_of_it, others = sum(under_way), sum(under_way) - min(under_way)
    free = max(before.free_fen, after.free_fen)
    if balance_fen < free + all_of_it:
        return Arrival.NOT_SHOWN
    if balance_fen > max(it.free_fen + it.reserved_fen for it in (before, after)) + others:
        return Arrival.SURE
    if balance_fen > max(it.free_fen + it.doubtful_fen for it in (before, after)) + others:
        return Arrival.LIKELY
    return Arrival.NOT_SHOWN


async def look(ctx: Context, supplier: str) -> Look:
    """Ask a supplier for its balance, and judge it. A supplier without an adapter, or an answer, shows nothing."""
    adapter = ctx.suppliers.get(supplier)
    if adapter is None:
        return Look(arrival=Arrival.NOT_SHOWN)
    asked_at = ctx.now()
    before = await _held(ctx, supplier, asked_at)
    answer = await adapter.balance()
    if not answer.known:
        return Look(arrival=Arrival.NOT_SHOWN)
    after = await _held(ctx, supplier, asked_at)
    return Look(arrival=judge(answer.free_fen, before, after), messages=answer.messages)


async def _held(ctx: Context, supplier: str, asked_at: datetime) -> Held:
    async with ctx.pool.acquire() as conn:
        return Held(**dict(await conn.fetchrow(SQL.read_supplier_money, supplier, asked_at)))

"""While the shop winds down: every order that can lawfully be given back is, by the ordinary refund (rows 13, 20; R29).

What a supplier works on within its promised time is waited for; after it the refund is at the shop's risk, as if its
buyer had chosen it. Money that is held or in doubt waits for its outcome.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.fulfilment.store import OPEN, list_attempts
from mingzhang.kit.database import transaction
from mingzhang.kit.sql import load
from mingzhang.ledger.places import HOLD, MISSING, O
from mingzhang.orders import give_back, suspense
from mingzhang.orders.choose import may_choose
from mingzhang.orders.context import Context
from mingzhang.orders.store import Turn, open_turn
from mingzhang.orders.suspense import open_item

SQL: Final = load("mingzhang.orders", "wind_down")
PAGE_MAX: Final = 100
FROM: Final = frozenset({"paid", "supplying", "needs_buyer", "needs_person"})


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What two people decided for the whole shop; each refund that rests on it cites it."""

    wind_down_id: str
    approval_id: str
    proposed_by: str
    decided_by: str
    reason: str


async def list_waiting(conn: asyncpg.Connection, bucket: int) -> AsyncIterator[str]:
    """Orders of a bucket that wait for somebody else than their supplier, soonest deadline first."""
    after: datetime | None = None
    last = ""
    while True:
        rows = await conn.fetch(SQL.list_waiting, bucket, after, last, PAGE_MAX)
        for row in rows:
            yield row["order_id"]
        if len(rows) < PAGE_MAX:
            return
        after, last = rows[-1]["deadline_at"], rows[-1]["order_id"]


async def give_order_back(ctx: Context, order_id: str, word: Word) -> bool:
    """Begin the order's refund if it is lawful now; whether it began. Raises what `give_back` raises."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        if not await _is_free(turn):
            return False
        evidence_id = await evidence.keep(conn, ctx.rng, turn.now, _said(word, order_id))
        await give_back.give_back(ctx, turn, evidence_id)
        await turn.finish()
    return True


async def _is_free(turn: Turn) -> bool:
    order = turn.order
    if order.state not in FROM or order.paid_at is None:
        return False
    if any(account.place in (HOLD, MISSING) and account.owner == O for account in await turn.balances()):
        return False
    attempts = await list_attempts(turn.conn, order.order_id)
    sent = [each for each in attempts if each.state in OPEN and each.state != "ready"]
    if any(each.due_at is None for each in sent):
        return False  # the answer is here and about to be applied
    return not sent or may_choose(order) or order.state == "needs_person"


async def give_item_back(ctx: Context, item_id: str, word: Word) -> bool:
    """Money put aside that waits for a person goes back the way it came. Raises `suspense_not_open`."""
    async with transaction(ctx.pool) as conn:
        turn = await open_item(conn, item_id, ctx.now(), ctx.rng)
        names = (word.proposed_by, word.decided_by)
        await suspense.send_back(turn, word.approval_id, names, word.reason)
        await turn.finish()
    return True


async def list_items(conn: asyncpg.Connection, bucket: int) -> AsyncIterator[str]:
    """Money put aside that waits for a person, in one bucket, oldest first: all of it, however much is refused."""
    last = ""
    while True:
        rows = await conn.fetch(SQL.list_items, bucket, last, PAGE_MAX)
        for row in rows:
            yield row["item_id"]
        if len(rows) < PAGE_MAX:
            return
        last = rows[-1]["item_id"]


def _said(word: Word, order_id: str) -> Message:
    return Message(
        party="staff",
        kind="wind_down",
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=msgspec.json.encode({"order": order_id, **msgspec.to_builtins(word)}),
        content_type="application/json",
    )

"""Supplier attempts and delivered cards: the only SQL that writes them."""

from datetime import datetime
from random import Random
from typing import Any

import asyncpg
import msgspec

from mingzhang.kit.ids import bucket_of, new_id
from mingzhang.kit.sql import load

SQL = load("mingzhang.fulfilment", "store")
OPEN = frozenset({"ready", "sending", "processing", "unknown"})
# Asked again after their last word: a success may be taken back, a refusal may be none (F19).
WATCHED = frozenset({"succeeded", "refused", "reversed"})

SHOP_COST = "shop_cost"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One order at one supplier. States: ready, sending, processing, unknown, succeeded, refused, reversed, cancelled.

    ``choice``: why this supplier (``why``: first, scored, refused, closed, prefund, shop_cost), after which attempt
    and reason, whom it passed over, and the scores where they decided. ``units``: how many came when fewer than
    ordered. ``extra``: succeeded after the order had ended otherwise.
    ``ahead``: claimed before new ones, because its buyer proved who they are (R27).
    """

    bucket: int
    attempt_no: str
    order_id: str
    n: int
    supplier: str
    supplier_product: str
    kind: str
    quantity: int
    cost_fen: int
    state: str
    reason: str
    code: str
    supplier_order_id: str
    serial: str
    feedback: dict[str, Any]
    asked: int
    asked_at: datetime | None
    answered_at: datetime | None
    due_at: datetime | None
    deadline_at: datetime | None
    planned_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None
    choice: dict[str, Any] = {}
    units: int | None = None
    extra: bool = False
    next_actor: str = "supplier"
    since: datetime | None = None
    ahead: bool = False

    @property
    def waits_for_prefund(self) -> bool:
        """Planned again because our balance at the supplier was short (F10)."""
        return self.state == "ready" and self.choice.get("why") == "prefund"

    @property
    def is_held(self) -> bool:
        """Not sent yet, because everybody who could supply it is closed for now (R20)."""
        return self.state == "ready" and self.sent_at is None and "held" in self.choice

    @property
    def at_shop_cost(self) -> bool:
        """Paid by the shop (商家承担补发): its refusal is no reason to refund the buyer by itself."""
        return self.choice.get("why") == SHOP_COST


async def list_attempts(conn: asyncpg.Connection, order_id: str) -> list[Attempt]:
    """An order's attempts, newest first."""
    rows = await conn.fetch(SQL.list_attempts, bucket_of(order_id), order_id)
    return [Attempt(**dict(row)) for row in rows]


async def find_attempt(conn: asyncpg.Connection, order_id: str, attempt_no: str) -> Attempt | None:
    """One attempt of an order by its number."""
    for attempt in await list_attempts(conn, order_id):
        if attempt.attempt_no == attempt_no:
            return attempt
    return None


async def keep_view(
    conn: asyncpg.Connection, rng: Random, now: datetime, order_id: str, viewer: str, via: str, cards: int
) -> None:
    """Put on record that somebody (buyer, or staff:<name>) is about to see so many codes of an order."""
    values = bucket_of(order_id), order_id, new_id(now, rng), viewer, via, cards, now
    await conn.execute(SQL.insert_view, *values)

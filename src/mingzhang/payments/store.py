"""Payment attempts, suspense items, hints: the only SQL that writes them."""

from datetime import datetime

import asyncpg
import msgspec

from mingzhang.kit.ids import bucket_of, order_of_number
from mingzhang.kit.sql import load

SQL = load("mingzhang.payments", "store")


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to pay at one channel. States: intent, open, paid, closed, failed, contradicted, unpaid.

    ``known_as``: the number under which the channel knows the trade, where it is another's (row 23).
    """

    bucket: int
    payment_no: str
    order_id: str
    n: int
    channel: str
    method: str
    amount_fen: int
    state: str
    url: str
    transaction_id: str
    paid_fen: int
    buyer_mask: str
    asked: int
    asked_at: datetime | None
    due_at: datetime | None
    deadline_at: datetime | None
    opened_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    next_actor: str = "channel"
    since: datetime | None = None
    code: str = ""
    known_as: str = ""

    @property
    def outside_no(self) -> str:
        """Our number as the channel has it."""
        return self.known_as or self.payment_no


class Item(msgspec.Struct, kw_only=True):
    """Money put aside (挂账). ``trade_fen``: the whole trade it came with. States: see `states.SUSPENSE`.

    ``for_order``: the order that two people gave it to, until the channel has confirmed the trade once more.
    """

    bucket: int
    item_id: str
    seq: int
    state: str
    cause: str
    reason: str
    channel: str
    transaction_id: str
    payment_no: str
    order_id: str
    amount_fen: int
    trade_fen: int
    asked: int
    holder: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None
    known_at: datetime
    since: datetime
    for_order: str = ""


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """A trade that somebody told of. States: waiting, found, denied."""

    bucket: int
    hint_id: str
    channel: str
    transaction_id: str
    payment_no: str
    state: str
    asked: int
    known_at: datetime
    deadline_at: datetime | None
    next_actor: str


async def list_payments(conn: asyncpg.Connection, order_id: str) -> list[Payment]:
    """An order's attempts, newest first."""
    rows = await conn.fetch(SQL.list_payments, bucket_of(order_id), order_id)
    return [Payment(**dict(row)) for row in rows]


async def read_payment(conn: asyncpg.Connection, payment_no: str) -> Payment | None:
    """One attempt by our number, or None."""
    row = await conn.fetchrow(SQL.read_payment, bucket_of(order_of_number(payment_no)), payment_no)
    return Payment(**dict(row)) if row is not None else None


async def list_items(conn: asyncpg.Connection, order_id: str) -> list[Item]:
    """What was put aside beside an order, oldest first."""
    rows = await conn.fetch(SQL.list_suspense_of, bucket_of(order_id), order_id)
    return [Item(**dict(row)) for row in rows]


async def read_item(conn: asyncpg.Connection, item_id: str) -> Item | None:
    """One suspense item without its lock, or None."""
    row = await conn.fetchrow(SQL.read_suspense, bucket_of(item_id), item_id)
    return Item(**dict(row)) if row is not None else None


async def read_hint(conn: asyncpg.Connection, key: str) -> Hint | None:
    """One hint by the key that `claim_hints` gives."""
    bucket, _, hint_id = key.partition(":")
    row = await conn.fetchrow(SQL.read_hint, int(bucket), hint_id)
    return Hint(**dict(row)) if row is not None else None

"""Payment attempts and suspense items: the only SQL that writes them."""

from datetime import datetime

import asyncpg
import msgspec

from mingzhang.kit.ids import bucket_of, order_of_number
from mingzhang.kit.sql import load

SQL = load("mingzhang.payments", "store")


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to pay at one channel. States: intent, open, paid, closed, failed, contradicted."""

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


async def list_payments(conn: asyncpg.Connection, order_id: str) -> list[Payment]:
    """An order's attempts, newest first."""
    rows = await conn.fetch(SQL.list_payments, bucket_of(order_id), order_id)
    return [Payment(**dict(row)) for row in rows]


async def read_payment(conn: asyncpg.Connection, payment_no: str) -> Payment | None:
    """One attempt by our number, or None."""
    row = await conn.fetchrow(SQL.read_payment, bucket_of(order_of_number(payment_no)), payment_no)
    return Payment(**dict(row)) if row is not None else None

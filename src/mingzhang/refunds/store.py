"""Refunds: the only SQL that writes them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load
from mingzhang.ledger.moves import Spot
from mingzhang.ledger.places import CHANNEL, CUSTODY

SQL = load("mingzhang.refunds", "store")
TRANSFER: Final = "transfer"


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """One refund (退款). States: see `states.TRANSITIONS`. ``way``: channel, the way the money came, or transfer, by the
    bank ``channel`` to the payee ``payee_n`` under the EndToEndId ``instruction_id`` (row 17).
    """

    bucket: int
    refund_no: str
    order_id: str
    n: int
    payment_no: str
    transaction_id: str
    channel: str
    amount_fen: int
    total_fen: int
    cause: str
    state: str
    code: str
    destination: str
    reference: str
    asked: int
    asked_at: datetime | None
    due_at: datetime | None
    deadline_at: datetime | None
    promised_at: datetime
    planned_at: datetime
    accepted_at: datetime | None
    arrived_at: datetime | None
    next_actor: str
    way: str
    payee_n: int
    approval_id: str
    instruction_id: str

    @property
    def spot(self) -> Spot:
        """Where its money is gathered: at the channel, or in custody for a transfer."""
        return (CUSTODY if self.way == TRANSFER else CHANNEL), self.channel


async def list_refunds(conn: asyncpg.Connection, order_id: str) -> list[Refund]:
    """An order's refunds, newest first: every one that is at no end, and the newest fifty."""
    rows = await conn.fetch(SQL.list_refunds, bucket_of(order_id), order_id)
    return [Refund(**dict(row)) for row in rows]


async def find_refund(conn: asyncpg.Connection, order_id: str, refund_no: str) -> Refund | None:
    """One refund of an order by its number."""
    row = await conn.fetchrow(SQL.find_refund, bucket_of(order_id), refund_no, order_id)
    return Refund(**dict(row)) if row is not None else None


def next_n(before: Sequence[Refund]) -> int:
    """The count in the number of an order's next refund; ``before``: as `list_refunds` gives them."""
    return max((refund.n for refund in before), default=0) + 1

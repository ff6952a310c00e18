"""What is still to be told: noted with the event itself, taken by a worker (decision 0009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.ids import bucket_of
from mingzhang.notices.model import Audience, Template
from mingzhang.notices.store import SQL
from mingzhang.notices.webhook_types import TYPES

# Which event is told by which notice. `paid` and `delivered` are noted by `apply_batch` as well (0019).
OCCASIONS: Final[dict[str, Template]] = {
    "paid": Template.PAID,
    "paid_late": Template.PAID,
    "delivered": Template.DELIVERED,
    "supplier_refused": Template.REFUSED,
    "supplier_reversed": Template.REFUSED,
    "waiting_prefund": Template.NEEDS_PERSON,  # the alarm: money at the supplier mends it (F10)
    "refund_arrived": Template.REFUNDED,
    "refund_waiting_float": Template.NEEDS_PERSON,  # the alarm: a reserve at the channel mends it (row 13)
    "choice_open": Template.CHOICE_OPEN,
    "correction_asked": Template.NEEDS_BUYER,
    "needs_person": Template.NEEDS_PERSON,
    "claim_needs_person": Template.NEEDS_PERSON,
    "request_made": Template.NEEDS_PERSON,
    "refund_refused": Template.PAYEE_NEEDED,
    "remedy_offered": Template.REMEDY_CHOICE,
    "refund_returned": Template.PAYEE_NEEDED,
    "payee_named": Template.NEEDS_PERSON,
    "payment_contradicted": Template.NEEDS_PERSON,
    "payment_frozen": Template.NEEDS_PERSON,
    "deadline_missed": Template.NEEDS_PERSON,
    "refund_abnormal": Template.NEEDS_PERSON,
    "dispute_opened": Template.DISPUTE_OPENED,
    "dispute_message": Template.DISPUTE_ANSWERED,  # whoever else speaks presses the shop: see `template_of`
    "dispute_asked": Template.DISPUTE_ANSWERED,
    "dispute_offered": Template.DISPUTE_ANSWERED,
    "dispute_accepted": Template.DISPUTE_PRESSES,
    "dispute_refused": Template.DISPUTE_PRESSES,
    "dispute_reopened": Template.DISPUTE_PRESSES,
    "dispute_due_soon": Template.DISPUTE_PRESSES,
    "dispute_breached": Template.DISPUTE_PRESSES,
    "dispute_remedy_failed": Template.DISPUTE_PRESSES,
    "dispute_remedy": Template.DISPUTE_SETTLED,
    "dispute_closed": Template.DISPUTE_SETTLED,
}
TOLD: Final = frozenset(OCCASIONS) | frozenset(TYPES)
TAKEN_MAX: Final = 64


def template_of(kind: str, data: Mapping[str, object]) -> Template | None:
    """Which notice an event is told by, None for none."""
    if kind == "dispute_message" and data.get("speaker") != Audience.SHOP:
        return Template.DISPUTE_PRESSES
    return OCCASIONS.get(kind)


class Occasion(msgspec.Struct, frozen=True):
    """One event of one order that is to be told."""

    order_id: str
    seq: int
    kind: str

    @property
    def key(self) -> str:
        """Names the occasion within the order, for ever: told again, no notice is written."""
        return f"{self.kind}:{self.seq}"


async def note(
    conn: asyncpg.Connection, order_id: str, events: Sequence[tuple[int, str]], now: datetime
) -> None:
    """Note which of these events (number, kind) are to be told, in the transaction that writes them."""
    told = [(seq, kind) for seq, kind in events if kind in TOLD]
    if told:
        await conn.execute(
            SQL.insert_untold,
            bucket_of(order_id),
            order_id,
            now,
            [seq for seq, _ in told],
            [kind for _, kind in told],
        )


async def buckets(conn: asyncpg.Connection) -> list[int]:
    """Buckets in which something is still to be told."""
    return [row["bucket"] for row in await conn.fetch(SQL.list_untold_buckets)]


async def take(conn: asyncpg.Connection, bucket: int, limit: int = TAKEN_MAX) -> list[Occasion]:
    """Take occasions out, in the transaction that writes their notices: rolled back, they are still there."""
    locked = await conn.fetch(SQL.lock_untold, bucket, limit)
    if not locked:
        return []
    rows = await conn.fetch(
        SQL.take_untold, bucket, [row["order_id"] for row in locked], [row["seq"] for row in locked]
    )
    return sorted((Occasion(**dict(row)) for row in rows), key=lambda it: (it.order_id, it.seq))

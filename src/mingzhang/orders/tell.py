"""From events to notices (F16, R23, R39): a worker reads what was noted and queues the letters, once each."""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec

from mingzhang.kit.database import transaction
from mingzhang.notices import flow as notices
from mingzhang.notices import untold
from mingzhang.notices.model import Buyer, Facts, Template
from mingzhang.notices.untold import Occasion, template_of
from mingzhang.notices.webhook_types import TYPES
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL, Order, order_of_row


async def tell(ctx: Context, bucket: int) -> int:
    """Queue the notices of one bucket's noted events; returns how many events were taken.

    Events and letters change hands in one transaction: a crash leaves the events noted.
    """
    async with transaction(ctx.pool) as conn:
        occasions = await untold.take(conn, bucket)
        ids = sorted({occasion.order_id for occasion in occasions})
        orders = {
            row["order_id"]: order_of_row(row) for row in await conn.fetch(SQL.read_orders, bucket, ids)
        }
        for occasion in occasions:
            if occasion.order_id in orders:
                await _tell(ctx, conn, orders[occasion.order_id], occasion)
    return len(occasions)


async def _tell(ctx: Context, conn: asyncpg.Connection, order: Order, occasion: Occasion) -> None:
    events = await conn.fetch(SQL.list_events, order.bucket, order.order_id, occasion.seq - 1)
    if not events or events[0]["seq"] != occasion.seq:
        return  # no such event: nothing to say, and nothing that may stop the others
    first = events[0]
    facts = _facts(order, first["data"])
    if occasion.kind in TYPES:
        event = msgspec.structs.replace(
            facts, event=occasion.kind, seq=occasion.seq, at=first["at"], state=order.state
        )
        await notices.enqueue_webhook(conn, ctx.rng, ctx.now(), occasion.key, event)
    template = template_of(occasion.kind, first["data"])
    if template is Template.REFUSED and not _refund_began(events):
        return  # "your money is on its way back" would not be true: another road was taken
    if template is not None:
        await notices.enqueue(conn, ctx.rng, ctx.now(), template, occasion.key, facts, _buyer(order))


def _refund_began(events: list[asyncpg.Record]) -> bool:
    """Whether the turn of the first event also asked for the refund."""
    return any(row["kind"] == "refund_asked" and row["at"] == events[0]["at"] for row in events)


def _facts(order: Order, data: dict[str, Any]) -> Facts:
    return Facts(
        order_id=order.order_id,
        title_zh=order.title_zh,
        title_en=order.title_en,
        amount_fen=int(data.get("amount_fen", order.price_fen)),  # an event that tells of a part names it
        reason=str(data.get("reason", "")) or order.reason,
        place=order.holder,
        until=order.deadline_at,
    )


def _buyer(order: Order) -> Buyer:
    return Buyer(
        contact_enc=order.contact_enc,
        contact_mask=order.contact_mask,
        contact_hash=order.contact_hash,
        language=order.language,
    )

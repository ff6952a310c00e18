"""What passed its deadline goes to a person, with the breach on record, in one transaction: nothing is late in silence.

It stands here because this is the highest slice that owns rows with a clock. The row stays due: who visits it asks
once more, by the pace of its new turn.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg
import structlog

from mingzhang.fulfilment.schedule import LATE_MAX_S
from mingzhang.fulfilment.store import OPEN
from mingzhang.fulfilment.store import SQL as FULFILMENT
from mingzhang.kit.database import DATABASE_AWAY, transaction
from mingzhang.kit.ids import is_order_id
from mingzhang.orders.breaches import Late, list_overdue, note_breach
from mingzhang.orders.context import Context
from mingzhang.orders.states import PERSON_MAX_S
from mingzhang.orders.store import Turn, open_turn
from mingzhang.orders.suspense import open_item
from mingzhang.payments.claim_store import SQL as CLAIMS
from mingzhang.payments.policy import Case
from mingzhang.payments.store import SQL as PAYMENTS
from mingzhang.refunds.store import SQL as REFUNDS

log = structlog.get_logger()
HAND_OVER: Final = {
    "payment": PAYMENTS.hand_payment_over,
    "supply": FULFILMENT.hand_attempt_over,
    "refund": REFUNDS.hand_refund_over,
    "hint": PAYMENTS.hand_hint_over,
    "claim": CLAIMS.hand_claim_over,
}


async def hand_over(ctx: Context, bucket: int) -> int:
    """Hand on every row of one bucket that is past its deadline; returns how many were.

    Each by itself: one that cannot be handed on is logged, and holds up neither the others nor the worker's round.
    """
    async with ctx.pool.acquire() as conn:
        late_rows = await list_overdue(conn, bucket, ctx.now())
    done = 0
    for late in late_rows:
        try:
            async with transaction(ctx.pool) as conn:
                if late.kind == "suspense":
                    await _item(ctx, conn, late)
                else:
                    await _row(ctx, conn, bucket, late)
            done += 1
        except DATABASE_AWAY:
            raise
        except Exception:
            log.exception("not_handed_over", kind=late.kind, row=late.key)
    return done


def _next(late: Late) -> tuple[str, int]:
    """Who is next, for how many seconds at most."""
    if late.kind == "supply" and late.state in OPEN and late.actor == "supplier":
        return (
            "shop",
            LATE_MAX_S,
        )  # the promise is broken; the supplier is still asked, and its word still counts
    return "person", PERSON_MAX_S


async def _row(ctx: Context, conn: asyncpg.Connection, bucket: int, late: Late) -> None:
    turn = await open_turn(conn, late.subject, ctx.now(), ctx.rng) if is_order_id(late.subject) else None
    now = ctx.now()
    actor, longest_s = _next(late)
    if late.kind in HAND_OVER:
        until = now + timedelta(seconds=longest_s)
        fresh = await conn.fetchval(
            HAND_OVER[late.kind], bucket, late.key, late.deadline_at, actor, now, until
        )
        if fresh is None:
            return
    await note_breach(conn, late, actor, now, bucket)
    if turn is not None and actor == "person":
        _tell(turn, late)
        await turn.finish()


def _tell(turn: Turn, late: Late) -> None:
    """On the order's timeline; an order that waits for nothing but this row waits for the person, too."""
    turn.event("deadline_missed", row=late.kind)
    order = turn.order
    unsent = late.kind == "supply" and order.next_actor == "shop" and order.state in {"paid", "supplying"}
    stuck = late.kind == "refund" and order.state == "refunding"
    if unsent or stuck:
        turn.to_person()


async def _item(ctx: Context, conn: asyncpg.Connection, late: Late) -> None:
    turn = await open_item(conn, late.key, ctx.now(), ctx.rng)
    item = turn.item
    if item.deadline_at != late.deadline_at or item.state == "refunded":
        return
    if item.state == "open" and item.next_actor == "shop":
        turn.to_person(Case(item.cause))
    else:
        turn.event("deadline_missed", row="suspense")
        turn.move(
            item.state,
            holder=item.holder,
            next_actor="person",
            deadline_at=turn.now + timedelta(seconds=PERSON_MAX_S),
        )
    await note_breach(conn, late._replace(subject=late.key), "person", turn.now)
    await turn.finish()

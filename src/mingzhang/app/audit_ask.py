"""Where state and money disagree, the outside parties know better: their rows become due now (invariant 8)."""

from __future__ import annotations

from collections.abc import Iterable

from mingzhang.fulfilment import store as fulfilment
from mingzhang.kit.database import transaction
from mingzhang.kit.ids import bucket_of, is_order_id
from mingzhang.orders.context import Context
from mingzhang.payments import store as payments


async def ask_again(ctx: Context, subjects: Iterable[str]) -> list[str]:
    """Make every payment and attempt of these orders due that may still be asked about; returns the orders.

    Asking changes nothing by itself: what the answer says comes in as evidence, like any other. Subjects that
    are not orders are passed over; refunds are asked for by their own clock.
    """
    asked = []
    for subject in subjects:
        if not is_order_id(subject):
            continue
        bucket = bucket_of(subject)
        async with transaction(ctx.pool) as conn:
            now = ctx.now()
            await conn.execute(payments.SQL.set_due, bucket, subject, now)
            for attempt in await fulfilment.list_attempts(conn, subject):
                await conn.execute(fulfilment.SQL.set_asked_now, bucket, attempt.attempt_no, now)
        asked.append(subject)
    return asked

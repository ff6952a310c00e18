"""Further parts of the order page: a changed estimate with its reason, requests to the shop, what may be asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import asyncpg

from mingzhang.orders.requests import Request, may_ask
from mingzhang.orders.states import FINAL
from mingzhang.orders.store import Order
from mingzhang.orders.typical import Typical, TypicalTimes
from mingzhang.web.model import EstimateChange, RequestPanel, TimelineItem

SAMPLE_MIN: Final = 5
CHANGE_S_MIN: Final = 30.0
CHANGE_SHARE_MIN: Final = 0.2
# Events after which the promised time runs anew, and what the page says of it.
ANEW: Final = {
    "buyer_chose_wait": "chose_wait",
    "account_corrected": "corrected",
    "resupply_started": "resupplied",
}


async def estimate_changes(
    conn: asyncpg.Connection,
    times: TypicalTimes,
    order: Order,
    timeline: Sequence[TimelineItem],
    typical: Typical,
) -> tuple[EstimateChange, ...]:
    """What differs from what the buyer was told when they ordered, and why; nothing for an order at its end."""
    if order.state in FINAL or order.paid_at is None:
        return ()
    then = await times.as_of(conn, order.product_id, order.placed_at)
    changes = [*_of_span(then, typical, timeline), *_of_promise(order, timeline)]
    return tuple(changes)


def _of_span(then: Typical, now: Typical, timeline: Sequence[TimelineItem]) -> list[EstimateChange]:
    if then.p90 is None or now.p90 is None or min(then.n, now.n) < SAMPLE_MIN:
        return []
    if abs(now.p90 - then.p90) < max(CHANGE_S_MIN, then.p90 * CHANGE_SHARE_MIN):
        return []
    rerouted = any(item.kind == "rerouted" for item in timeline)
    why = "rerouted" if rerouted else "slower" if now.p90 > then.p90 else "faster"
    return [EstimateChange(kind="span", why=why, old_s=then.p90, new_s=now.p90, old_n=then.n, new_n=now.n)]


def _of_promise(order: Order, timeline: Sequence[TimelineItem]) -> list[EstimateChange]:
    if order.paid_at is None or order.state != "supplying":
        return []
    until, found = order.paid_at + timedelta(seconds=order.promise_s), []
    for item in timeline:
        if item.kind in ANEW:
            after = item.at + timedelta(seconds=order.promise_s)
            found.append(EstimateChange(kind="until", why=ANEW[item.kind], old_at=until, new_at=after))
            until = after
    return found


def request_panel(request: Request) -> RequestPanel:
    """A request as its buyer reads it; not who answered."""
    return RequestPanel(
        request_id=request.request_id,
        wish=request.wish,
        cause=request.cause,
        state=request.state,
        made_at=request.made_at,
        deadline_at=request.deadline_at,
        answer=request.answer,
        answer_text=request.answer_text,
        answered_at=request.answered_at,
    )


def support_actions(order: Order, requests: Sequence[Request]) -> tuple[str, ...]:
    """What the buyer may always ask for, beside what the order's state offers."""
    return ("request",) if may_ask(order, requests) else ()

"""商家承担补发: deliver once more at the shop's cost, after two people agreed (ledger row 4 with a = 0; R35).

Never beside a request whose result is open: unknown is asked about, not sent again. The buyer's own money stays where
it is. When the supplier refuses this one, a person is next; nothing goes back to the buyer by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.store import OPEN, SHOP_COST, Attempt, list_attempts
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import attempt_number
from mingzhang.ledger import postings
from mingzhang.orders.context import Context
from mingzhang.orders.store import Order, Turn

FROM: Final = frozenset({"delivered", "needs_person"})
ATTEMPTS_MAX: Final = 10
# Money in doubt is no payment to deliver for.
DOUBTED: Final = "payment_contradicted"


def is_open(order: Order, attempts: Sequence[Attempt]) -> bool:
    """Whether the order may be delivered once more: paid, not in doubt, and no result is still open."""
    return (
        order.paid_at is not None
        and order.state in FROM
        and order.reason != DOUBTED
        and 0 < len(attempts) < ATTEMPTS_MAX
        and not any(attempt.state in OPEN for attempt in attempts)
    )


async def check(ctx: Context, turn: Turn) -> int:
    """The number of the attempt it would be. Raises Problem `resupply_refused`."""
    attempts = await list_attempts(turn.conn, turn.order.order_id)
    if not is_open(turn.order, attempts) or turn.order.supplier not in ctx.suppliers:
        raise Problem("resupply_refused", Kind.CONFLICT)
    return attempts[0].n + 1


async def start(turn: Turn, n: int, approval_id: str, names: tuple[str, str], reason: str) -> None:
    """Book it, plan the attempt, due at once. The approval is used up in this very transaction."""
    order = turn.order
    told = Message(
        party="staff",
        kind="approval",
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=msgspec.json.encode(
            {
                "approval": approval_id,
                "action": "deliver_at_shop_cost",
                "order": order.order_id,
                "amount_fen": order.cost_fen,
                "proposed_by": names[0],
                "decided_by": names[1],
                "reason": reason,
            }
        ),
        content_type="application/json",
    )
    evidence_id = await evidence.keep(turn.conn, turn.rng, turn.now, told)
    posting = postings.dispatched_at_shop_cost(
        order.order_id,
        await turn.balances(),
        supplier=order.supplier,
        attempt=n,
        cost_fen=order.cost_fen,
    )
    turn.event("resupply_started", evidence_id, supplier=order.supplier)
    await turn.post(posting, evidence_id)
    deadline = turn.now + timedelta(seconds=order.promise_s)
    await turn.conn.execute(
        fulfilment.SQL.insert_next_attempt,
        order.bucket,
        attempt_number(order.order_id, n),
        order.order_id,
        n,
        order.supplier,
        order.supplier_product,
        order.kind,
        order.quantity,
        order.cost_fen,
        turn.now,
        turn.now,
        deadline,
        {"why": SHOP_COST, "approval": approval_id},
    )
    order.finished_at = None
    turn.move(
        "supplying",
        holder="supplier.reserved",
        next_actor="supplier",
        due_at=deadline,
        deadline_at=deadline,
        reason="",
    )

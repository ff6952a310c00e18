"""What two people agree to in a dispute, and what becomes of it: carried out, or put before the buyer (R35)."""

from __future__ import annotations

from typing import Any, Final

from mingzhang.disputes import flow, money, store
from mingzhang.disputes.store import Dispute
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders import decision, give_back, resupply
from mingzhang.orders.context import Context
from mingzhang.orders.decision import Decided
from mingzhang.orders.store import Turn
from mingzhang.refunds import flow as refunds

SOLVABLE: Final = frozenset({"open", "working"})
Terms = dict[str, Any]


async def check_solve(ctx: Context, turn: Turn, terms: Terms) -> tuple[int, Terms]:
    """Amount and exact terms. ``terms``: dispute, remedy, amount_fen (0 or nothing: all that is left).

    Raises `unknown_dispute`, `dispute_closed`, `dispute_invalid`, `refund_not_open`, `over_refund`, `refund_open`,
    `resupply_refused`, `refund_whole_only`.
    """
    row = await store.read_dispute(turn.conn, str(terms.get("dispute", "")))
    if row.order_id != turn.order.order_id:
        raise Problem("unknown_dispute", Kind.NOT_FOUND)
    if row.state not in SOLVABLE:
        raise Problem("dispute_closed", Kind.CONFLICT)
    if terms.get("remedy") == "resupply":
        return await _check_resupply(ctx, turn, row)
    if terms.get("remedy") != "refund":
        raise Problem("dispute_invalid", Kind.INVALID, params={"field": "remedy"})
    return await _check_refund(ctx, turn, row, int(terms.get("amount_fen") or 0))


async def _check_refund(ctx: Context, turn: Turn, row: Dispute, wanted: int) -> tuple[int, Terms]:
    left = await money.refundable_fen(ctx, turn)
    if left <= 0:
        raise Problem("refund_not_open", Kind.CONFLICT)
    if wanted < 0 or wanted > left:
        raise Problem("over_refund", Kind.CONFLICT, f"{wanted} of {left}")
    amount = wanted or left
    if amount < left:
        await refunds.check_parts(ctx, turn, amount)
    exact = {
        "dispute": row.dispute_id,
        "remedy": "refund",
        "amount_fen": amount,
        "at_risk": await give_back.is_unknown(turn),
        "offer": amount < left or row.wish not in ("", "refund"),
    }
    return amount, exact


async def _check_resupply(ctx: Context, turn: Turn, row: Dispute) -> tuple[int, Terms]:
    if await refunds.is_under_way(turn):
        raise Problem("refund_open", Kind.CONFLICT)
    n = await resupply.check(ctx, turn)
    exact = {
        "dispute": row.dispute_id,
        "remedy": "resupply",
        "attempt": n,
        "offer": row.wish != "resupply",
    }
    return turn.order.cost_fen, exact


async def solve(ctx: Context, turn: Turn, decided: Decided, terms: Terms) -> None:
    """Carried out when it is what the buyer asked for; else the buyer decides."""
    evidence_id = await decision.keep(turn, decided)
    dispute_id, what = str(terms["dispute"]), str(terms["remedy"])
    named = {
        "approval": decided.approval_id,
        "proposed_by": decided.proposed_by,
        "decided_by": decided.decided_by,
        "reason": decided.reason,
    }
    amount = int(terms.get("amount_fen", 0))
    if terms["offer"]:
        await flow.offer_in(ctx, turn, dispute_id, what, amount, evidence_id, named)
    else:
        await flow.solve_in(ctx, turn, dispute_id, what, None, evidence_id, named)

"""Carrying a remedy out, once, and following it to its end (R35; rows 4, 13, 20).

The refund is the platform's own refund, bounded by what is left under the order's lock: a refund by other hands, or a
chargeback, leaves nothing for a second one. By itself a dispute never has anything delivered a second time.
"""

from __future__ import annotations

from typing import Any, Final

from mingzhang.disputes import money
from mingzhang.disputes.case import Case, Said
from mingzhang.fulfilment.store import find_attempt, list_attempts
from mingzhang.kit.errors import Kind, Problem
from mingzhang.ledger.places import CHARGEBACK
from mingzhang.orders import resupply, route
from mingzhang.refunds import flow as refunds
from mingzhang.refunds.store import find_refund, list_refunds

CAUSE: Final = "dispute"
SUPPLY_FAILED: Final = frozenset({"refused", "cancelled", "reversed"})


async def refund(case: Case, amount_fen: int | None, evidence_id: str) -> None:
    """Give it back now: all that is left, or a part. While the supplier is unknown at the shop's risk (row 20).

    Raises `refund_not_open`, `over_refund`, `refund_whole_only`.
    """
    turn = case.turn
    left = await money.refundable_fen(case.ctx, case.turn)
    if left <= 0:
        raise Problem("refund_not_open", Kind.CONFLICT)
    if amount_fen is not None and amount_fen > left:
        raise Problem("over_refund", Kind.CONFLICT, f"{amount_fen} of {left}")
    if amount_fen is not None:
        await refunds.check_parts(case.ctx, turn, amount_fen)
    await money.let_go(case)
    for attempt in await list_attempts(turn.conn, turn.order.order_id):
        if attempt.state == "ready":
            await route.cancel(turn, attempt, CAUSE)
    part = {"amount_fen": amount_fen} if amount_fen is not None else {}
    case.event("dispute_remedy", evidence_id, remedy="refund", **part)
    await case.ctx.start_refund(turn, CAUSE, evidence_id, amount_fen)
    newest = (await list_refunds(turn.conn, turn.order.order_id))[0]
    case.row.remedy, case.row.amount_fen = "refund", newest.amount_fen
    follow_refund(case, newest.refund_no)


def follow_refund(case: Case, refund_no: str) -> None:
    """From here on its end is the dispute's."""
    case.row.remedy, case.row.carried = "refund", refund_no
    case.enter("remedy", "channel")


async def deliver_again(case: Case, decided: dict[str, Any]) -> None:
    """补发 at the shop's cost, as two people agreed (row 4 with a = 0). ``decided``: approval, proposed_by, decided_by,
    reason. Raises `resupply_refused`, `refund_open`.
    """
    turn = case.turn
    if await refunds.is_under_way(turn):
        raise Problem("refund_open", Kind.CONFLICT)
    await money.let_go(case)
    n = await resupply.check(case.ctx, turn)
    names = (str(decided["proposed_by"]), str(decided["decided_by"]))
    await resupply.start(turn, n, str(decided["approval"]), names, str(decided["reason"]))
    newest = max(await list_attempts(turn.conn, turn.order.order_id), key=lambda attempt: attempt.n)
    case.event("dispute_remedy", remedy="resupply")
    case.row.remedy, case.row.carried, case.row.amount_fen = "resupply", newest.attempt_no, 0
    case.enter("remedy", "supplier")


async def automatic(case: Case, stage: str) -> bool:
    """What the policy does by itself at a missed term; false when nothing can be given back."""
    left = await money.refundable_fen(case.ctx, case.turn)
    if left <= 0:
        return False
    evidence_id = await case.own_word("automatic", stage=stage, remedy="refund", amount_fen=left)
    await case.note("automatic", remedy="refund", amount_fen=left, evidence_id=evidence_id, stage=stage)
    await refund(case, None, evidence_id)
    return True


async def follow(case: Case) -> None:
    """Look where the remedy stands: at its end the dispute is at its own; refused, it is the shop's again."""
    turn, row = case.turn, case.row
    if row.remedy == "resupply":
        attempt = await find_attempt(turn.conn, row.order_id, row.carried)
        if attempt is not None and attempt.state == "succeeded":
            await case.close("resupplied")
        elif attempt is None or attempt.state in SUPPLY_FAILED:
            await _failed(case)
        return
    found = await find_refund(turn.conn, row.order_id, row.carried)
    if found is not None and found.state == "arrived":
        whole = await refunds.left_fen(turn) <= 0
        await case.close("refunded" if whole else "part_refunded")
    elif found is None or found.state in refunds.NOTHING_GOES:
        await _failed(case)


async def _failed(case: Case) -> None:
    case.row.carried = ""
    await case.note("remedy_failed", remedy=case.row.remedy)
    case.event("dispute_remedy_failed")
    case.enter("working", "shop")


async def settle_by_itself(case: Case) -> None:
    """Everything went back by other hands meanwhile (the supplier refused, the buyer chose, the channel took it)."""
    turn, row = case.turn, case.row
    # Whoever says that a refund did not arrive is not answered by that refund.
    if row.state in ("remedy", "closed") or row.kind == "refund_not_arrived" or turn.order.paid_at is None:
        return
    if await refunds.left_fen(turn) > 0:
        return
    live = [it for it in await list_refunds(turn.conn, row.order_id) if it.state not in refunds.NOTHING_GOES]
    if row.round > 1 and all(it.arrived_at is not None and it.arrived_at < row.round_at for it in live):
        return  # whoever reopens it knows of the refund that was its end: a person answers
    await money.let_go(case)
    if live:
        await case.note("followed", remedy="refund", amount_fen=live[0].amount_fen)
        follow_refund(case, live[0].refund_no)
    elif any(account.place == CHARGEBACK for account in await turn.balances()):
        await case.close("charged_back")


def spoken(name: str, text: str) -> Said:
    """A word of the shop's, by a member of staff."""
    return Said(speaker="shop", text=text, by=name)

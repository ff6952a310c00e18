"""The supplier's last word, booked once (rows 7, 9, 10, 18, 19): delivered, in part, refused, taken back, too late."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from mingzhang.evidence import store as evidence
from mingzhang.evidence.store import Waiting
from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.routing import since_correction
from mingzhang.fulfilment.store import Attempt, find_attempt, list_attempts
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Refused
from mingzhang.ledger.places import RESERVED, SETTLED
from mingzhang.orders import correct, route, sourcing
from mingzhang.orders.breaches import Late, note_breach
from mingzhang.orders.context import Context
from mingzhang.orders.route import held
from mingzhang.orders.states import PERSON_MAX_S
from mingzhang.orders.store import Turn, open_turn

# What an attempt that had its last word becomes when it gets another.
TURNED: Final = {
    ("succeeded", "reversed"): "reversed",
    ("succeeded", "refused"): "reversed",  # a refusal after success takes it back
    ("refused", "succeeded"): "succeeded",
    ("reversed", "succeeded"): "succeeded",
    ("cancelled", "succeeded"): "succeeded",
}
PARTIAL_CREDIT: Final = "partial_credit"
DOUBTED: Final = "payment_contradicted"


async def apply_supply(ctx: Context, waiting: Waiting) -> None:
    """Book one last word under the order's lock."""
    await sourcing.warm(ctx)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, waiting.subject, ctx.now(), ctx.rng)
        if not await evidence.begin(conn, waiting, turn.now):
            return
        ctx.crash_point("fact_to_apply")
        attempt = await find_attempt(conn, waiting.subject, waiting.content["attempt_no"])
        if attempt is None:
            raise Problem("unknown_attempt", Kind.INTERNAL)
        said = waiting.content["state"]
        state = said if attempt.state in fulfilment.OPEN else TURNED.get((attempt.state, said), "")
        if state:
            await _close_attempt(turn, attempt, waiting.content, state)
        if said == "succeeded":
            await _succeed(ctx, turn, attempt, waiting)
        elif state == "reversed":
            await _reverse(ctx, turn, attempt, waiting)
        elif said == "refused":
            await _refuse(ctx, turn, attempt, waiting)
        else:
            turn.event("supplier_reversed", waiting.evidence_id, supplier=attempt.supplier)
        await turn.finish()


async def _close_attempt(turn: Turn, attempt: Attempt, content: dict[str, Any], state: str) -> None:
    """The fact is applied here, and so the attempt's row takes its last word now."""
    if (
        attempt.state in fulfilment.OPEN
        and attempt.deadline_at is not None
        and turn.now > attempt.deadline_at
    ):
        # Nobody looked between its deadline and its last word: late all the same, and on record (R34).
        late = Late(
            "supply",
            attempt.attempt_no,
            attempt.order_id,
            attempt.state,
            attempt.next_actor,
            attempt.deadline_at,
        )
        await note_breach(turn.conn, late, "", turn.now)
    details = content.get("details", {})
    await turn.conn.execute(fulfilment.SQL.count_question, attempt.bucket, attempt.attempt_no, turn.now)
    await turn.conn.execute(
        fulfilment.SQL.set_final,
        attempt.bucket,
        attempt.attempt_no,
        state,
        content["reason"],
        content["code"],
        details.get("supplier_order_id", ""),
        details.get("serial", ""),
        {**attempt.feedback, **details.get("feedback", {})},
        turn.now,
    )


def _open_for_success(turn: Turn, *, old: bool) -> bool:
    """Whether a success ends this order. Money in doubt (row 24) keeps its person, whatever the supplier does.

    `old`: it was sent to an account that its buyer has corrected since: that is no delivery.
    """
    order = turn.order
    if old:
        return False
    waits = order.state in {"supplying", "needs_buyer"}
    return waits or (order.state == "needs_person" and order.reason != DOUBTED)


async def _succeed(ctx: Context, turn: Turn, attempt: Attempt, waiting: Waiting) -> None:
    order, content = turn.order, waiting.content
    units = content.get("units")
    every = await list_attempts(turn.conn, order.order_id)
    old = attempt.n not in {each.n for each in since_correction(every)}
    ends = _open_for_success(turn, old=old)
    wanted = ends or (not old and order.state == "needs_person" and order.reason == DOUBTED)
    kind = ("delivered" if units is None else "partly_delivered") if wanted else "late_success"
    turn.event(kind, waiting.evidence_id, supplier=attempt.supplier)
    await _book_success(turn, attempt, waiting, in_part=units is not None)
    await turn.conn.execute(fulfilment.SQL.set_outcome, attempt.bucket, attempt.attempt_no, units, not wanted)
    if old:
        await _stop_corrected(turn, every, waiting.evidence_id)
    if not ends:
        return
    for other in every:
        if other.state == "ready":
            await route.cancel(turn, other, "delivered")
    if units is None:
        order.finished_at = turn.now
        turn.move("delivered", holder="supplier.settled", next_actor="", reason="")
    elif attempt.at_shop_cost:
        _needs_person(turn, "partly_delivered", waiting.evidence_id)
    else:
        back = postings.undelivered_price_fen(order.price_fen, order.quantity, units)
        order.reason = "partly_delivered"
        await ctx.start_refund(turn, "partly_delivered", waiting.evidence_id, back)


async def _stop_corrected(turn: Turn, every: Sequence[Attempt], evidence_id: str) -> None:
    """The account before the correction was topped up after all: nothing more goes out before a person has decided.

    What is with a supplier already has its own last word to come.
    """
    if turn.order.state not in {"supplying", "needs_buyer"}:
        return
    for other in every:
        if other.state == "ready":
            await route.cancel(turn, other, "late_success")
    if not any(other.state in fulfilment.OPEN and other.state != "ready" for other in every):
        _needs_person(turn, "late_success", evidence_id)


async def _book_success(turn: Turn, attempt: Attempt, waiting: Waiting, *, in_part: bool) -> None:
    """Row 7 (10 for a part) while money is reserved, row 19 when it came back before."""
    order_id, supplier, n = turn.order.order_id, attempt.supplier, attempt.n
    balances = await turn.balances()
    told = waiting.content["cost_fen"]
    cost = attempt.cost_fen if told is None else int(told)
    reserved = held(balances, RESERVED, attempt)
    if reserved and in_part and cost <= reserved:
        posting = postings.partly_delivered(
            order_id, balances, supplier=supplier, attempt=n, delivered_cost_fen=cost
        )
    elif reserved:
        posting = postings.supplier_succeeded(
            order_id, balances, supplier=supplier, attempt=n, actual_cost_fen=cost
        )
    elif cost and not held(balances, SETTLED, attempt):
        posting = postings.late_success(order_id, balances, supplier=supplier, attempt=n, cost_fen=cost)
    else:
        return
    await turn.post(posting, waiting.evidence_id)


async def _refuse(ctx: Context, turn: Turn, attempt: Attempt, waiting: Waiting) -> None:
    """Row 9, then the next supplier or the refund. What the supplier kept of its charge is the shop's loss."""
    order, content = turn.order, waiting.content
    reason = content["reason"] or "supplier_error"
    turn.event("supplier_refused", waiting.evidence_id, supplier=attempt.supplier, reason=reason)
    kept_part = content["code"] == PARTIAL_CREDIT
    if kept_part and content.get("credited_fen") is None:
        # How much came back is not said: nothing is freed until a person knows.
        _needs_person(turn, PARTIAL_CREDIT, waiting.evidence_id)
        return
    await _book_back(turn, attempt, waiting)
    if order.state != "supplying":
        return
    if attempt.at_shop_cost:
        _needs_person(turn, "resupply_refused", waiting.evidence_id)
    elif kept_part:
        await ctx.start_refund(turn, reason, waiting.evidence_id)
    elif correct.mends(order, await list_attempts(turn.conn, order.order_id), reason):
        correct.ask_buyer(turn, reason, waiting.evidence_id)
    else:
        await route.go_on(ctx, turn, attempt, reason, waiting.evidence_id)


async def _book_back(turn: Turn, attempt: Attempt, waiting: Waiting) -> None:
    """Row 9 on what came back of the reserve: all of it, or what is told to be credited; the rest was charged."""
    balances = await turn.balances()
    reserved = held(balances, RESERVED, attempt)
    credited = waiting.content.get("credited_fen")
    back = reserved if credited is None else min(reserved, int(credited))
    if not reserved:
        return
    if back < reserved:
        posting = postings.partly_delivered(
            turn.order.order_id,
            balances,
            supplier=attempt.supplier,
            attempt=attempt.n,
            delivered_cost_fen=reserved - back,
        )
    else:
        posting = postings.supplier_gave_back(
            turn.order.order_id, balances, supplier=attempt.supplier, attempt=attempt.n, amount_fen=back
        )
    await turn.post(posting, waiting.evidence_id)


async def _reverse(ctx: Context, turn: Turn, attempt: Attempt, waiting: Waiting) -> None:
    """Row 18: taken back after success. The buyer is refunded, whatever the supplier credits; the loss is ours."""
    order = turn.order
    turn.event(
        "supplier_reversed", waiting.evidence_id, supplier=attempt.supplier, reason="supplier_reversed"
    )
    balances = await turn.balances()
    if held(balances, RESERVED, attempt):
        if waiting.content.get("credited_fen") is None:
            _needs_person(turn, "supplier_reversed", waiting.evidence_id)
            return
        await _book_back(turn, attempt, waiting)
    elif not await _book_credit(turn, attempt, waiting):
        _needs_person(turn, "supplier_reversed", waiting.evidence_id)
        return
    if attempt.at_shop_cost:
        _needs_person(turn, "supplier_reversed", waiting.evidence_id)
        return
    for other in await list_attempts(turn.conn, order.order_id):
        if other.n != attempt.n and other.state == "succeeded" and not other.extra and other.units is None:
            return  # another attempt brought the goods
    lost = not attempt.extra and order.state in {"delivered", "supplying", "needs_person"}
    in_part = attempt.units is not None and order.state in {"refunding", "refunded"}
    if (lost and order.reason != DOUBTED) or in_part:
        await ctx.start_refund(turn, "supplier_reversed", waiting.evidence_id)


async def _book_credit(turn: Turn, attempt: Attempt, waiting: Waiting) -> bool:
    """Row 9 out of what was settled, as far as the supplier says that it gave it back; false when it cannot be booked."""
    balances = await turn.balances()
    credit = min(held(balances, SETTLED, attempt), int(waiting.content.get("credited_fen") or 0))
    if not credit:
        return True  # not credited: no supplier leg, the claim on the supplier stands in supplier.settled
    try:
        posting = postings.supplier_gave_back(
            turn.order.order_id,
            balances,
            supplier=attempt.supplier,
            attempt=attempt.n,
            amount_fen=credit,
            place=SETTLED,
        )
    except Refused:
        return False
    await turn.post(posting, waiting.evidence_id)
    return True


def _needs_person(turn: Turn, reason: str, evidence_id: str) -> None:
    turn.event("needs_person", evidence_id, reason=reason)
    deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
    if turn.order.state == "refunding":
        turn.to_person()  # the money is on its way back, and nothing may be delivered beside it
    elif turn.order.state in {"supplying", "needs_buyer", "delivered", "paid"}:
        turn.move(
            "needs_person", holder=turn.order.holder, next_actor="person", deadline_at=deadline, reason=reason
        )

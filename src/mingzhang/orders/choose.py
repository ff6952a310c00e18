"""What a buyer may choose: after the promised time refund or wait on; after a refusal refund or re-supply (R34, R35)."""

from datetime import timedelta

from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.store import list_attempts
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders import correct, remedy, sourcing
from mingzhang.orders.context import Context
from mingzhang.orders.store import Order, open_turn


def may_choose(order: Order) -> bool:
    """Whether the buyer may choose between a refund and waiting on (row 20)."""
    return order.state == "supplying" and order.next_actor in {"buyer", "person"}


async def choose(ctx: Context, order_id: str, choice: str) -> None:
    """The buyer's choice: after the deadline a refund at the shop's risk (row 20), or to go on waiting; after a refusal the
    refund, or the next supplier (`resupply`, R35).
    """
    if choice not in {"refund", "wait", "resupply"}:
        raise Problem("unknown_choice", Kind.INVALID)
    await sourcing.warm(ctx)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        if remedy.is_choice(turn.order) and choice != "wait":
            taken = remedy.choose_refund if choice == "refund" else remedy.choose_resupply
            await taken(ctx, turn)
            await turn.finish()
            return
        if turn.order.state == "needs_buyer" and choice == "refund":
            await correct.choose_refund(ctx, turn)
            await turn.finish()
            return
        if not may_choose(turn.order) or choice == "resupply":
            raise Problem("no_choice_open", Kind.CONFLICT)
        attempts = await list_attempts(conn, order_id)
        newest = attempts[0]
        told = newest.due_at is None and newest.state != "ready"
        if newest.state not in fulfilment.OPEN or told:
            raise Problem("no_choice_open", Kind.CONFLICT)  # the answer is here and about to be applied
        if choice == "wait":
            turn.event("buyer_chose_wait")
            until = turn.now + timedelta(seconds=turn.order.promise_s)
            turn.move(
                "supplying",
                holder=turn.order.holder,
                next_actor="supplier",
                due_at=until,
                deadline_at=until,
            )
        else:
            seq = turn.event("buyer_chose_refund")
            await ctx.start_refund(turn, "no_answer", f"{order_id}#{seq}")
        await turn.finish()

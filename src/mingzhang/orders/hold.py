"""Before an attempt goes out for the first time: may it, to whom, or does it wait (R14, R20).

What was never sent is free to go to another supplier; it then gets a number of its own, and the old one is never
used. What went out once, and was proved not sent, stays where it is. While everybody is closed the order waits,
with a clock: its money goes back when the promised time is over.
"""

from datetime import datetime, timedelta

import msgspec

from mingzhang.catalogue.cache import Sources
from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.closures import AS_REASON, Closure, Outlook, closed_to_sending
from mingzhang.fulfilment.routing import ATTEMPTS_MAX, Choice, Option, since_correction, told
from mingzhang.fulfilment.schedule import HELD_LOOK_S, next_look
from mingzhang.fulfilment.store import Attempt, list_attempts
from mingzhang.kit.database import transaction
from mingzhang.orders import route, sourcing
from mingzhang.orders.context import Context
from mingzhang.orders.store import Order, Turn, open_turn


async def before_sending(ctx: Context, order: Order, attempt: Attempt) -> Attempt | None:
    """The attempt as it may go out now; None when it waits or another was planned instead of it."""
    if attempt.sent_at is not None or attempt.at_shop_cost or attempt.waits_for_prefund:
        return attempt
    sources = await ctx.catalogue.sources(order.product_id, ctx.now())
    look = await sourcing.outlook(ctx, sources)
    closure = _closure(ctx, order, attempt, look)
    scored = sources.product is not None and sources.product.route_mode == "scored"
    dear = attempt.cost_fen > order.price_fen + sourcing.allowed_loss(order, sources)
    if closure is None and not dear and not (scored and attempt.choice.get("why") == "first"):
        return attempt
    return await _choose_again(ctx, attempt, sources, look, closure)


def _closure(ctx: Context, order: Order, attempt: Attempt, look: Outlook) -> Closure | None:
    if attempt.supplier not in ctx.suppliers:
        return Closure(why="not_connected")
    own = Option(
        supplier=attempt.supplier, supplier_product=attempt.supplier_product, cost_fen=attempt.cost_fen
    )
    return closed_to_sending(own, order.product_id, look)


async def _choose_again(
    ctx: Context, attempt: Attempt, sources: Sources, look: Outlook, closure: Closure | None
) -> Attempt | None:
    """Under the order's lock: keep it with its scores, plan another, or wait."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, attempt.order_id, ctx.now(), ctx.rng)
        every = await list_attempts(conn, attempt.order_id)
        fresh = next((each for each in every if each.attempt_no == attempt.attempt_no), None)
        if fresh is None or fresh.state != "ready" or fresh.sent_at is not None:
            return None
        others = [each for each in every if each is not fresh and each.state != "cancelled"]
        if turn.order.state not in {"paid", "supplying"} or any(
            each.state in fulfilment.OPEN for each in others
        ):
            return None
        tried = since_correction([each for each in every if each is not fresh])
        tried = [each for each in tried if each.state != "cancelled"]
        choice = sourcing.decide(ctx, turn.order, sources, look, tried)
        if len(every) >= ATTEMPTS_MAX:  # suppliers that come and go: from here on it waits where it is
            choice = msgspec.structs.replace(choice, option=None)
        if choice.option is None and closure is None:
            return fresh  # too dear, and nobody else: what follows says so
        if choice.option is None:
            assert closure is not None
            await _hold(turn, fresh, closure, choice)
        elif (choice.option.supplier, choice.option.supplier_product) == (
            fresh.supplier,
            fresh.supplier_product,
        ):
            why = told("scored", None, "", choice)
            await conn.execute(fulfilment.SQL.set_choice, fresh.bucket, fresh.attempt_no, why)
            return msgspec.structs.replace(fresh, choice=why)
        else:
            code = closure.why if closure is not None else "rescored"
            reason = AS_REASON[closure.why].value if closure is not None else ""
            await route.cancel(turn, fresh, code)
            why = told("closed" if closure is not None else "scored", fresh, reason, choice)
            await route.plan(turn, choice.option, every, why)
        await turn.finish()
    return None


async def _hold(turn: Turn, attempt: Attempt, closure: Closure, choice: Choice) -> None:
    """Wait, visibly and with a clock, until somebody can take it."""
    order = turn.order
    reason = AS_REASON[closure.why].value
    if not attempt.is_held:
        give_up = turn.now + timedelta(seconds=order.promise_s)
        turn.event("waiting_supplier", supplier=attempt.supplier, reason=reason)
        turn.move("supplying", holder=order.holder, next_actor="shop", due_at=give_up, deadline_at=give_up)
        order.reason = reason
    held = {"reason": reason, "until": _iso(closure.until), "passed": list(choice.passed)}
    # The order's clock ends the wait; the attempt's own lies a look behind it.
    until = (order.due_at or turn.now) + timedelta(seconds=HELD_LOOK_S)
    due = min(next_look(closure.until, turn.now), until)
    why = {**attempt.choice, "held": held}
    await turn.conn.execute(fulfilment.SQL.set_held, attempt.bucket, attempt.attempt_no, why, due, until)


def _iso(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at is not None else ""

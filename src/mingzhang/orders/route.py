"""After a refusal: the next supplier, the wait for our own prefund, or the refund (R14, R23, F10).

Only a positive refusal leads here. Every attempt has a number and a reserve of its own (ledger rows 4 and 9).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from mingzhang.evidence import store as evidence
from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.closures import AS_REASON
from mingzhang.fulfilment.routing import (
    ATTEMPTS_MAX,
    CORRECTED,
    MENDABLE,
    Option,
    short_of_prefund,
    since_correction,
    told,
)
from mingzhang.fulfilment.schedule import next_prefund
from mingzhang.fulfilment.store import Attempt, find_attempt, list_attempts
from mingzhang.fulfilment.suppliers.base import Reason
from mingzhang.kit.database import transaction
from mingzhang.kit.ids import attempt_number
from mingzhang.ledger import postings
from mingzhang.ledger.places import CHANNEL, RESERVED, Balances, attempt_party
from mingzhang.orders import sourcing
from mingzhang.orders.context import Context
from mingzhang.orders.states import CORRECTION_MAX_S, DISPATCH_MAX_S
from mingzhang.orders.store import SQL, Turn, open_turn


def held(balances: Balances, place: str, attempt: Attempt) -> int:
    """What stands with the supplier for this attempt, in fen."""
    party = attempt_party(attempt.supplier, attempt.n)
    return sum(fen for account, fen in balances.items() if account.place == place and account.party == party)


async def go_on(ctx: Context, turn: Turn, refused: Attempt, reason: str, evidence_id: str) -> None:
    """Decide what follows a refusal whose money is booked back."""
    order = turn.order
    before = await list_attempts(turn.conn, order.order_id)
    if any(attempt.state in fulfilment.OPEN for attempt in before):
        return
    order.reason = reason
    in_time = refused.sent_at is None or turn.now < refused.sent_at + timedelta(seconds=order.promise_s)
    if reason in MENDABLE and len(before) < ATTEMPTS_MAX:
        sources, look = sourcing.known(ctx, order.product_id)
        tried = [attempt for attempt in since_correction(before) if attempt.state != "cancelled"]
        choice = sourcing.decide(ctx, order, sources, look, tried)
        if choice.option is not None and sources.product is not None and sources.product.offer_choice:
            offer_choice(turn, reason, evidence_id)
            return
        if choice.option is not None and in_time:
            await plan(turn, choice.option, before, told("refused", refused, reason, choice))
            return
        short = short_of_prefund(tried)
        if short is not None and await _wait_for_prefund(
            turn, short, before, told("prefund", refused, reason, choice)
        ):
            return
    await ctx.start_refund(turn, reason, evidence_id)


async def begin_again(ctx: Context, turn: Turn, before: Sequence[Attempt]) -> bool:
    """With a corrected account (R19) every supplier may be asked again, the first first; false when none is left.

    One that is closed for now is planned all the same: it is waited for.
    """
    order = turn.order
    sources, look = sourcing.known(ctx, order.product_id)
    choice = sourcing.decide(ctx, order, sources, look, ())
    waits = any(each["why"] in AS_REASON for each in choice.passed)
    option = choice.option or (sourcing.own_option(order) if waits else None)
    if option is None or len(before) >= ATTEMPTS_MAX:
        return False
    deadline = turn.now + timedelta(seconds=min(DISPATCH_MAX_S, order.promise_s))
    why = told(CORRECTED, None, order.reason, choice)
    await _insert(turn, option, before, why, due=turn.now, deadline=deadline)
    turn.move("supplying", holder=order.holder, next_actor="shop", deadline_at=deadline, reason="")
    return True


async def start_over(ctx: Context, turn: Turn, channel: str, evidence_id: str, *, price_stands: bool) -> None:
    """The money is free again (rows 21, 24) and nothing is out: supplied now. Money that had come late goes back
    when the product is no longer sold at its price (F1).
    """
    order = turn.order
    kind = await turn.conn.fetchval(SQL.read_paid_kind, order.bucket, order.order_id)
    if kind == "paid_late" and not price_stands:
        await ctx.start_refund(turn, "no_longer_sold", evidence_id)
        return
    n = len(await list_attempts(turn.conn, order.order_id)) + 1
    deadline = turn.now + timedelta(seconds=DISPATCH_MAX_S)
    turn.move("supplying", holder=CHANNEL, next_actor="shop", deadline_at=deadline, reason="")
    await turn.conn.execute(
        fulfilment.SQL.insert_attempt,
        order.bucket,
        attempt_number(order.order_id, n),
        order.order_id,
        n,
        order.supplier,
        order.supplier_product,
        order.kind,
        order.quantity,
        order.cost_fen,
        channel,
        turn.now,
        deadline,
    )


def offer_choice(turn: Turn, reason: str, evidence_id: str = "") -> None:
    """退款 or 补发: the buyer's turn, with a clock whose end gives the money back (R35; `remedy.py`)."""
    until = turn.now + timedelta(seconds=CORRECTION_MAX_S)
    holder = CHANNEL if turn.order.holder.startswith("supplier") else turn.order.holder
    turn.event("remedy_offered", evidence_id, reason=reason)
    turn.move(
        "needs_buyer", holder=holder, next_actor="buyer", due_at=until, deadline_at=until, reason=reason
    )


async def plan(turn: Turn, option: Option, before: Sequence[Attempt], choice: dict[str, Any]) -> None:
    """The next supplier, due at once."""
    deadline = turn.now + timedelta(seconds=min(DISPATCH_MAX_S, turn.order.promise_s))
    turn.event("rerouted", supplier=option.supplier, reason=choice["reason"])
    await _insert(turn, option, before, choice, due=turn.now, deadline=deadline)
    turn.move("supplying", holder="channel", next_actor="shop", deadline_at=deadline)


async def _wait_for_prefund(
    turn: Turn, short: Attempt, before: Sequence[Attempt], choice: dict[str, Any]
) -> bool:
    """Wait, with a clock, until our balance there suffices; false when the promised time for it is over."""
    give_up = (short.finished_at or turn.now) + timedelta(seconds=turn.order.promise_s)
    looked = sum(1 for attempt in before if attempt.reason == Reason.PREFUND_SHORT) - 1
    due = next_prefund(looked, turn.now)
    if due >= give_up:
        return False
    if looked == 0:
        turn.event("waiting_prefund", supplier=short.supplier, reason=Reason.PREFUND_SHORT.value)
    option = Option(supplier=short.supplier, supplier_product=short.supplier_product, cost_fen=short.cost_fen)
    await _insert(turn, option, before, choice, due=due, deadline=give_up)
    turn.move("supplying", holder="channel", next_actor="shop", due_at=give_up, deadline_at=give_up)
    return True


async def _insert(
    turn: Turn, option: Option, before: Sequence[Attempt], choice: dict[str, Any], *, due: Any, deadline: Any
) -> None:
    order, n = turn.order, max(attempt.n for attempt in before) + 1
    await turn.conn.execute(
        fulfilment.SQL.insert_next_attempt,
        order.bucket,
        attempt_number(order.order_id, n),
        order.order_id,
        n,
        option.supplier,
        option.supplier_product,
        order.kind,
        order.quantity,
        option.cost_fen,
        turn.now,
        due,
        deadline,
        choice,
    )


async def prefund_suffices(ctx: Context, attempt: Attempt) -> bool:
    """Whether our balance at the supplier now carries this attempt; if not, the attempt is put off."""
    answer = await ctx.suppliers[attempt.supplier].balance()
    if answer.known and answer.free_fen >= attempt.cost_fen:
        return True
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        await evidence.keep_all(conn, ctx.rng, now, answer.messages)
        due = next_prefund(attempt.asked + 1, now)
        await conn.execute(fulfilment.SQL.set_postponed, attempt.bucket, attempt.attempt_no, due, now)
    return False


async def give_up(ctx: Context, turn: Turn) -> None:
    """Neither our money at the supplier nor the supplier came back in the promised time: the buyer's money goes back."""
    reason = Reason.PREFUND_SHORT.value
    for attempt in await list_attempts(turn.conn, turn.order.order_id):
        if attempt.state == "ready":
            reason = str(attempt.choice["held"]["reason"]) if attempt.is_held else reason
            await cancel(turn, attempt, reason)
    cited = await turn.conn.fetchval(SQL.read_last_evidence, turn.order.bucket, turn.order.order_id)
    await ctx.start_refund(turn, reason, cited)


async def cancel(turn: Turn, attempt: Attempt, code: str) -> None:
    """An attempt that was never sent will not be: what was reserved for it comes back (row 9)."""
    order = turn.order
    await turn.conn.execute(fulfilment.SQL.set_cancelled, attempt.bucket, attempt.attempt_no, code, turn.now)
    balances = await turn.balances()
    back = held(balances, RESERVED, attempt)
    if not back:
        return
    turn.event("supply_withdrawn", supplier=attempt.supplier)
    cited = await turn.conn.fetchval(SQL.read_last_evidence, order.bucket, order.order_id)
    posting = postings.supplier_gave_back(
        order.order_id, balances, supplier=attempt.supplier, attempt=attempt.n, amount_fen=back
    )
    await turn.post(posting, cited)


async def withdraw(ctx: Context, attempt: Attempt) -> None:
    """The order ended otherwise before this attempt went out."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, attempt.order_id, ctx.now(), ctx.rng)
        fresh = await find_attempt(conn, attempt.order_id, attempt.attempt_no)
        if fresh is None or fresh.state != "ready":
            return
        await cancel(turn, fresh, turn.order.state)
        await turn.finish()

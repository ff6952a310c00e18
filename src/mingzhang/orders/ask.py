"""Asking the channel about a payment: sweeps before and after expiry, and once more after a notify (R10, F1–F4)."""

from datetime import datetime, timedelta

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.kit import lease
from mingzhang.kit.database import transaction
from mingzhang.orders.context import Context
from mingzhang.orders.doubt import contradict, found
from mingzhang.orders.freeze import freeze, unfreeze
from mingzhang.orders.pay import paid_fact, price_stands, take_in_again
from mingzhang.orders.states import PERSON_MAX_S
from mingzhang.orders.store import Turn, open_turn
from mingzhang.payments import store as payments
from mingzhang.payments.channels.base import FROZEN, AsksByTransaction, Channel, TradeAnswer, TradeState
from mingzhang.payments.policy import Case
from mingzhang.payments.schedule import (
    ASK_MAX_S,
    CONFIRM_MAX_S,
    CONFIRM_S,
    UNANSWERED_S,
    next_denied,
    next_question,
)
from mingzhang.payments.store import Payment, read_payment

OTHER_CURRENCY = "wrong_currency"  # what an adapter says of an amount that is not in fen
CAME = frozenset({"paid", "contradicted", "unpaid"})
DOUBTED = frozenset({"contradicted", "unpaid"})
DENIALS = frozenset({TradeState.PENDING, TradeState.NOT_FOUND, TradeState.CLOSED})


async def ask_channel(ctx: Context, payment_no: str) -> None:
    """The sweep's question about one payment; what it says is evidence (R10, F1, F2).

    A payment whose time ended, or whose order another payment has paid meanwhile, is closed at the channel first.
    """
    async with ctx.pool.acquire() as conn:
        payment = await read_payment(conn, payment_no)
    if payment is None:
        return
    adapter = ctx.channels[payment.channel]
    if payment.state in {"intent", "open"} and await _is_over(ctx, payment):
        closing = await adapter.close(payment_no)
        async with transaction(ctx.pool) as conn:
            await evidence.keep_all(conn, ctx.rng, ctx.now(), closing.messages)
    answer = await _question(adapter, payment)
    await ctx.health.heard(ctx.pool, payment.channel, answer.outcome, answer.code, ctx.now())
    await _count_payer(ctx, payment, answer)
    held_up = payment.state in DOUBTED or payment.code == FROZEN
    stands = not held_up or await price_stands(ctx, payment.order_id)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, payment.order_id, ctx.now(), ctx.rng)
        fresh = await read_payment(conn, payment_no)
        if fresh is None:
            return
        evidence_id = await evidence.keep_all(conn, ctx.rng, turn.now, answer.messages)
        if await lease.is_lost(conn, payments.SQL.read_payment_lease, fresh.bucket, payment_no):
            return
        if fresh.state in CAME:
            # The money came while the question was under way: what it found before that denies nothing.
            same = answer.state is TradeState.PAID and answer.transaction_id == fresh.transaction_id
            if payment.state in CAME or same:
                await _confirm(ctx, turn, fresh, answer, evidence_id, price_stands=stands)
            else:
                await _learn(turn, fresh, answer, evidence_id)
        else:
            await _heard(turn, fresh, answer, evidence_id)
        await turn.finish()


async def _question(adapter: Channel, payment: Payment) -> TradeAnswer:
    """By the trade's own number once it is known: our number may have two trades (F15)."""
    if not payment.transaction_id or not isinstance(adapter, AsksByTransaction):
        return await adapter.query(payment.outside_no)
    answer = await adapter.query_transaction(payment.transaction_id)
    if payment.state in DOUBTED and answer.state in DENIALS:
        # That trade never was: perhaps our number was paid by another one since.
        other = await adapter.query(payment.outside_no)
        if other.state is TradeState.PAID:
            return msgspec.structs.replace(other, messages=(*answer.messages, *other.messages))
    return answer


async def _count_payer(ctx: Context, payment: Payment, answer: TradeAnswer) -> None:
    """Own limits (R22): who paid, when asking finds it before a notify told."""
    if ctx.limits is None or answer.state is not TradeState.PAID or payment.state in CAME:
        return
    await ctx.limits.check_payer(payment.channel, answer.payer, payment.order_id, answer.transaction_id)
    ctx.limits.count_payer(payment.channel, answer.payer, answer.amount_fen)


async def _is_over(ctx: Context, payment: Payment) -> bool:
    if ctx.now() >= payment.expires_at:
        return True
    order = await ctx.reader.order(payment.order_id)
    return order is not None and order.paid_at is not None


async def _learn(turn: Turn, payment: Payment, answer: TradeAnswer, evidence_id: str) -> None:
    if answer.state is TradeState.PAID and answer.transaction_id:
        await evidence.state_fact(turn.conn, paid_fact(payment, answer), evidence_id, turn.now)


async def _heard(turn: Turn, payment: Payment, answer: TradeAnswer, evidence_id: str) -> None:
    now = turn.now
    await _learn(turn, payment, answer, evidence_id)
    ended = now >= payment.expires_at or answer.state is TradeState.CLOSED
    state = "closed" if ended and payment.state != "failed" else payment.state
    due = next_question(payment.asked + 1, payment.expires_at, now)
    if answer.state is TradeState.UNKNOWN and now >= payment.expires_at:
        # No answer ends nothing: the schedule after expiry counts answers, and an outage gives none.
        again = now + timedelta(seconds=UNANSWERED_S)
        due = again if due is None else min(due, again)
    due, latest = _held(payment, due)
    if state == "closed" and payment.state != "closed":
        turn.event("payment_closed", evidence_id, channel=payment.channel)
    await turn.conn.execute(
        payments.SQL.set_asked,
        payment.bucket,
        payment.payment_no,
        state,
        now,
        due,
        latest if due else None,
        answer.code,
        payment.state,
    )
    if answer.code == OTHER_CURRENCY and payment.next_actor != "person" and due is not None:
        await _to_person(turn, payment, latest, evidence_id)


def _held(payment: Payment, due: datetime | None) -> tuple[datetime | None, datetime]:
    """When it is asked next, and the deadline: neither beyond the table's maximum. A person's deadline stays."""
    if payment.next_actor == "person":
        latest = payment.deadline_at or payment.expires_at
        return (latest if due and due > payment.expires_at else due), latest
    latest = payment.expires_at
    if due is not None and due > latest:
        latest = (payment.since or latest) + timedelta(seconds=ASK_MAX_S)
        due = min(due, latest)
    return due, latest


async def _to_person(turn: Turn, payment: Payment, deadline: datetime, evidence_id: str) -> None:
    """The channel names another currency: no rule can say what it is worth (policy: other_currency)."""
    until = turn.now + timedelta(seconds=PERSON_MAX_S)
    turn.event("needs_person", evidence_id, reason=Case.OTHER_CURRENCY.value)
    await turn.conn.execute(
        payments.SQL.hand_payment_over,
        payment.bucket,
        payment.payment_no,
        deadline,
        "person",
        turn.now,
        until,
    )


async def _confirm(
    ctx: Context, turn: Turn, payment: Payment, answer: TradeAnswer, evidence_id: str, *, price_stands: bool
) -> None:
    """A notify said paid; the channel is asked once more. A denial moves the money to doubt (F4, row 24)."""
    if answer.state is TradeState.PAID and answer.transaction_id not in ("", payment.transaction_id):
        await _learn(
            turn, payment, answer, evidence_id
        )  # a further trade on the number says nothing of this one
        await _asked_on(turn, payment, answer)
    elif payment.state != "paid":
        await _ask_on_denied(ctx, turn, payment, answer, evidence_id, price_stands=price_stands)
    elif answer.state in DENIALS:
        await contradict(turn, payment, evidence_id)
        await turn.conn.execute(
            payments.SQL.set_contradicted,
            payment.bucket,
            payment.payment_no,
            turn.now,
            next_denied(turn.now, turn.now),
            turn.now + timedelta(seconds=ASK_MAX_S),
            answer.code,
        )
    elif answer.state is TradeState.UNKNOWN or answer.code == FROZEN:
        if answer.code == FROZEN:
            await freeze(turn, payment.channel, evidence_id)
        await _asked_on(turn, payment, answer)
    else:
        if answer.state is TradeState.PAID:
            turn.event("paid_confirmed", evidence_id, channel=payment.channel)
            await unfreeze(ctx, turn, payment.channel, evidence_id, price_stands=price_stands)
        await _set_asked(turn, payment, answer, None, None)


async def _asked_on(turn: Turn, payment: Payment, answer: TradeAnswer) -> None:
    """No answer to this question yet: asked again at the pace of a confirmation, to its end."""
    from_when = max(payment.paid_at or turn.now, payment.since or payment.paid_at or turn.now)
    latest = from_when + timedelta(seconds=CONFIRM_MAX_S)
    due = min(turn.now + timedelta(seconds=CONFIRM_S[min(payment.asked, len(CONFIRM_S) - 1)]), latest)
    if payment.next_actor == "person":
        due = latest = payment.deadline_at or latest
    await _set_asked(turn, payment, answer, due, latest)


async def _set_asked(
    turn: Turn, payment: Payment, answer: TradeAnswer, due: datetime | None, latest: datetime | None
) -> None:
    await turn.conn.execute(
        payments.SQL.set_asked,
        payment.bucket,
        payment.payment_no,
        payment.state,
        turn.now,
        due,
        latest,
        answer.code,
        payment.state,
    )


async def _ask_on_denied(
    ctx: Context, turn: Turn, payment: Payment, answer: TradeAnswer, evidence_id: str, *, price_stands: bool
) -> None:
    """What was denied is asked about on: confirmed, its money is where it was; else again, ever more slowly."""
    if answer.state is TradeState.PAID and answer.transaction_id == payment.transaction_id:
        await turn.conn.execute(
            payments.SQL.set_found, payment.bucket, payment.payment_no, turn.now, answer.code
        )
        if payment.state == "unpaid":
            await take_in_again(ctx, turn, payment, evidence_id, price_stands=price_stands)
        else:
            await found(ctx, turn, payment, evidence_id, price_stands=price_stands)
        if answer.code == FROZEN:
            await freeze(turn, payment.channel, evidence_id)
        return
    latest = payment.deadline_at
    due = None if latest is None else min(next_denied(payment.since or turn.now, turn.now), latest)
    if payment.state == "unpaid":
        due = latest = None  # two people decided: asked once, as somebody wished
    elif payment.next_actor == "person":
        due = latest
    await _set_asked(turn, payment, answer, due, latest)

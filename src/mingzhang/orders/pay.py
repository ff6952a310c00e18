"""From the intent to pay until the money is booked (R2-R4, R10): open, learn, ask, apply, contradict."""

from datetime import datetime, timedelta
from typing import Any

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.evidence.store import Fact, Waiting
from mingzhang.fulfilment import store as fulfilment
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import attempt_number, new_suspense_id, order_of_number, payment_number
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.orders.context import Context
from mingzhang.orders.states import DISPATCH_MAX_S, PERSON_MAX_S
from mingzhang.orders.store import Turn, open_turn
from mingzhang.payments import store as payments
from mingzhang.payments.channels.base import (
    Notify,
    OpenAnswer,
    Outcome,
    PaymentRequest,
    TradeAnswer,
    TradeState,
)
from mingzhang.payments.schedule import CONFIRM_S, next_question
from mingzhang.payments.store import Payment, list_payments, read_payment

ATTEMPTS_MAX = 20


async def open_payment(
    ctx: Context, order_id: str, channel: str, method: str, return_url: str = ""
) -> Payment:
    """Open a payment, or give the one that is open. Intent first, commit, call, outcome.

    Raises unknown_order, unknown_channel, order_not_payable, too_many_payments, channel_refused,
    channel_unavailable (the intent stays and is asked about).
    """
    if channel not in ctx.channels or method not in {"qr", "page", "wap"}:
        raise Problem("unknown_channel", Kind.INVALID)
    now = ctx.now()
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, now, ctx.rng)
        order = turn.order
        if order.state != "awaiting_payment" or now >= order.expires_at:
            raise Problem("order_not_payable", Kind.CONFLICT)
        before = await list_payments(conn, order_id)
        for payment in before:
            if payment.state == "open" and payment.channel == channel and payment.method == method:
                return payment
        if len(before) >= ATTEMPTS_MAX:
            raise Problem("too_many_payments", Kind.TOO_MANY)
        payment_no = payment_number(order_id, len(before) + 1)
        due = next_question(0, order.expires_at, now)
        await conn.execute(
            payments.SQL.insert_payment,
            order.bucket,
            payment_no,
            order_id,
            len(before) + 1,
            channel,
            method,
            order.price_fen,
            due,
            now,
            order.expires_at,
        )
        await evidence.remember(conn, order_id, "payment", payment_no)
        turn.event("payment_opened", channel=channel)
        await turn.finish()
        subject = order.title_zh
    ctx.crash_point("intent_to_call")
    answer = await ctx.channels[channel].open(
        PaymentRequest(
            payment_no=payment_no,
            amount_fen=order.price_fen,
            subject=subject,
            method=method,
            expires_at=order.expires_at,
            notify_url=f"{ctx.base_url}/hooks/channels/{channel}",
            return_url=return_url,
        )
    )
    ctx.crash_point("call_to_outcome")
    return await _record_opening(ctx, order_id, payment_no, answer)


async def _record_opening(ctx: Context, order_id: str, payment_no: str, answer: OpenAnswer) -> Payment:
    state = {Outcome.OK: "open", Outcome.REFUSED: "failed"}.get(answer.outcome, "intent")
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        await evidence.keep_all(conn, ctx.rng, ctx.now(), answer.messages)
        await conn.execute(
            payments.SQL.set_opened, turn.order.bucket, payment_no, state, answer.url, answer.code
        )
        await turn.finish()
        payment = await read_payment(conn, payment_no)
    if payment is None or answer.outcome in {Outcome.UNKNOWN, Outcome.NOT_SENT}:
        raise Problem("channel_unavailable", Kind.UNAVAILABLE, answer.code)
    if payment.state == "failed":
        raise Problem("channel_refused", Kind.CONFLICT, answer.code)
    return payment


async def receive_notify(ctx: Context, channel: str, http: HttpMessage) -> Reply:
    """A notify (支付回调): evidence and fact committed, then acknowledged; a due row applies it (R4).

    Forged, foreign and mistaken ones are kept, get the channel's negative answer, and move nothing (F4, F5).
    """
    adapter = ctx.channels[channel]
    notify = adapter.read_notify(http)
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        payment = await _payment_named(conn, notify.payment_no)
        refusal = notify.refusal or _refuse(notify, payment, channel)
        message = notify.message
        if refusal:
            message = _marked(message, refusal)
        evidence_id = await evidence.keep(conn, ctx.rng, now, message)
        if not refusal and payment is not None and notify.state is TradeState.PAID:
            await evidence.state_fact(conn, paid_fact(payment, notify), evidence_id, now)
        elif payment is not None and not notify.refusal:
            # It may still be a hint that there is news: ask the channel soon.
            await conn.execute(payments.SQL.set_due, payment.bucket, payment.order_id, now)
    ctx.crash_point("commit_to_reply")
    return adapter.acknowledge(not refusal)


def _marked(message: Message, refusal: str) -> Message:
    standing = Standing.HINT if message.standing is Standing.HINT else Standing.FORGED
    return Message(
        party=message.party,
        kind=message.kind,
        direction=Direction.IN,
        standing=standing,
        body=message.body,
        content_type=message.content_type,
        occurred_at=message.occurred_at,
        note=refusal,
    )


async def _payment_named(conn: Any, payment_no: str) -> Payment | None:
    try:
        return await read_payment(conn, payment_no)
    except Problem:
        return None


def _refuse(notify: Notify, payment: Payment | None, channel: str) -> str:
    if notify.message.standing is not Standing.VERIFIED:
        return "not_verified"
    if payment is None or payment.channel != channel:
        return "unknown_payment"
    if notify.state is TradeState.PAID and notify.amount_fen != payment.amount_fen:
        return "wrong_amount"
    return ""


def paid_fact(payment: Payment, said: Notify | TradeAnswer) -> Fact:
    """The channel's word that money came, keyed by its own transaction id (row 3)."""
    return Fact(
        party=payment.channel,
        kind="paid",
        external_id=said.transaction_id,
        subject=payment.order_id,
        content={
            "payment_no": payment.payment_no,
            "amount_fen": said.amount_fen,
            "buyer_mask": said.buyer_mask,
        },
    )


async def ask_channel(ctx: Context, payment_no: str) -> None:
    """The sweep's question about one payment; what it says is evidence (R10, F1, F2)."""
    async with ctx.pool.acquire() as conn:
        payment = await read_payment(conn, payment_no)
    if payment is None:
        return
    adapter = ctx.channels[payment.channel]
    if payment.state in {"intent", "open"} and ctx.now() >= payment.expires_at:
        closing = await adapter.close(payment_no)
        async with transaction(ctx.pool) as conn:
            await evidence.keep_all(conn, ctx.rng, ctx.now(), closing.messages)
    answer = await adapter.query(payment_no)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, payment.order_id, ctx.now(), ctx.rng)
        fresh = await read_payment(conn, payment_no)
        if fresh is None:
            return
        evidence_id = await evidence.keep_all(conn, ctx.rng, turn.now, answer.messages)
        if fresh.state in {"paid", "contradicted"}:
            await _confirm(turn, fresh, answer, evidence_id)
        else:
            await _heard(turn, fresh, answer, evidence_id)
        await turn.finish()


async def _heard(turn: Turn, payment: Payment, answer: TradeAnswer, evidence_id: str) -> None:
    now = turn.now
    if answer.state is TradeState.PAID and answer.transaction_id:
        await evidence.state_fact(turn.conn, paid_fact(payment, answer), evidence_id, now)
    ended = now >= payment.expires_at or answer.state is TradeState.CLOSED
    state = "closed" if ended and payment.state != "failed" else payment.state
    due = next_question(payment.asked + 1, payment.expires_at, now)
    if state == "closed" and payment.state != "closed":
        turn.event("payment_closed", evidence_id, channel=payment.channel)
    await turn.conn.execute(
        payments.SQL.set_asked,
        payment.bucket,
        payment.payment_no,
        state,
        now,
        due,
        max(due, payment.expires_at) if due else None,
        answer.code,
        payment.state,
    )


async def _confirm(turn: Turn, payment: Payment, answer: TradeAnswer, evidence_id: str) -> None:
    """A notify said paid; the channel is asked once more. A denial moves the money to doubt (F4, row 24)."""
    due: datetime | None = None
    state = payment.state
    if answer.state in {TradeState.PENDING, TradeState.NOT_FOUND, TradeState.CLOSED}:
        if state == "paid":
            state = "contradicted"
            await _contradict(turn, payment, evidence_id)
    elif answer.state is TradeState.UNKNOWN and payment.asked < 12:
        due = turn.now + timedelta(seconds=CONFIRM_S[min(payment.asked, len(CONFIRM_S) - 1)])
    elif answer.state is TradeState.PAID and state == "paid":
        turn.event("paid_confirmed", evidence_id, channel=payment.channel)
    await turn.conn.execute(
        payments.SQL.set_asked,
        payment.bucket,
        payment.payment_no,
        state,
        turn.now,
        due,
        due,
        answer.code,
        payment.state,
    )


async def _contradict(turn: Turn, payment: Payment, evidence_id: str) -> None:
    turn.event("payment_contradicted", evidence_id, channel=payment.channel)
    balances = await turn.balances()
    await turn.post(postings.bill_lacks(turn.order.order_id, balances, channel=payment.channel), evidence_id)
    for attempt in await fulfilment.list_attempts(turn.conn, turn.order.order_id):
        if attempt.state == "ready":
            await turn.conn.execute(
                fulfilment.SQL.set_final,
                attempt.bucket,
                attempt.attempt_no,
                "cancelled",
                "",
                "payment_contradicted",
                "",
                "",
                {},
                turn.now,
            )
    if turn.order.state in {"paid", "supplying", "delivered"}:
        deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
        turn.move(
            "needs_person",
            holder="missing",
            next_actor="person",
            deadline_at=deadline,
            reason="payment_contradicted",
        )


async def apply_paid(ctx: Context, waiting: Waiting) -> None:
    """Book the money and plan the supply, once (row 3). Money that is not the order's goes to suspense (row 3b)."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, waiting.subject, ctx.now(), ctx.rng)
        if not await evidence.finish(conn, waiting):
            return
        ctx.crash_point("fact_to_apply")
        content = waiting.content
        await evidence.remember(conn, waiting.subject, "transaction", waiting.external_id)
        payment = await read_payment(conn, content["payment_no"])
        mine = payment is not None and content["amount_fen"] == turn.order.price_fen
        if not mine or turn.order.paid_at is not None:
            await _suspend(turn, waiting, "second_payment" if mine else "wrong_amount")
        else:
            await _book_payment(turn, waiting)
        if payment is not None:
            confirm = turn.now + timedelta(seconds=CONFIRM_S[0])
            await conn.execute(
                payments.SQL.set_paid,
                payment.bucket,
                payment.payment_no,
                waiting.external_id,
                content["amount_fen"],
                content["buyer_mask"],
                turn.now,
                confirm,
                confirm,
            )
        await turn.finish()


async def _book_payment(turn: Turn, waiting: Waiting) -> None:
    order, now = turn.order, turn.now
    late = order.state == "closed"
    turn.event("paid_late" if late else "paid", waiting.evidence_id, channel=waiting.party)
    await turn.post(
        postings.paid(order.order_id, channel=waiting.party, amount_fen=order.price_fen), waiting.evidence_id
    )
    order.paid_at = now
    deadline = now + timedelta(seconds=DISPATCH_MAX_S)
    turn.move("paid", holder="channel", next_actor="shop", deadline_at=deadline)
    n = len(await fulfilment.list_attempts(turn.conn, order.order_id)) + 1
    attempt_no = attempt_number(order.order_id, n)
    await turn.conn.execute(
        fulfilment.SQL.insert_attempt,
        order.bucket,
        attempt_no,
        order.order_id,
        n,
        order.supplier,
        order.supplier_product,
        order.kind,
        order.quantity,
        order.cost_fen,
        waiting.party,
        now,
        deadline,
    )
    await evidence.remember(turn.conn, order.order_id, "attempt", attempt_no)


async def _suspend(turn: Turn, waiting: Waiting, cause: str) -> None:
    order, now = turn.order, turn.now
    item_id = new_suspense_id(order.bucket, now, turn.rng)
    amount = int(waiting.content["amount_fen"])
    turn.event("excess_money", waiting.evidence_id, channel=waiting.party)
    await turn.conn.execute(
        payments.SQL.insert_suspense,
        order.bucket,
        item_id,
        cause,
        waiting.party,
        waiting.external_id,
        str(waiting.content["payment_no"]),
        order.order_id,
        amount,
        now + timedelta(seconds=PERSON_MAX_S),
        now,
    )
    posting = postings.excess(item_id, channel=waiting.party, amount_fen=amount)
    await ledger.write(turn.conn, item_id, {}, posting, seq=1, evidence_id=waiting.evidence_id, now=now)


async def expire(ctx: Context, order_id: str) -> None:
    """The payment window of an unpaid order is over; the channel goes on being asked (R25, F1)."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        if turn.order.state != "awaiting_payment":
            return
        turn.event("expired")
        turn.move("closed", holder="payer", next_actor="", reason="expired")
        await turn.finish()


async def ask_now(ctx: Context, order_id: str) -> None:
    """已付款,订单未更新: ask the channel about every open payment of the order at once."""
    order_of_number(order_id)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        await conn.execute(payments.SQL.set_due, turn.order.bucket, order_id, turn.now)
        turn.event("payment_asked")
        await turn.finish()

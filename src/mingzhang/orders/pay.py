"""From the intent to pay until the money is booked (R2-R4, R10): open, learn, ask, apply, contradict."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.evidence.store import Fact, Waiting
from mingzhang.fulfilment import store as fulfilment
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import attempt_number, new_id, new_suspense_id, order_of_number, payment_number
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.orders.batch import DONE, Snapshot, Step, fact_parts, message_rows
from mingzhang.orders.context import Context
from mingzhang.orders.states import DISPATCH_MAX_S, PERSON_MAX_S
from mingzhang.orders.store import Order, Turn, open_turn
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
    order = await ctx.reader.snapshot(order_id)
    if order is None:
        raise Problem("unknown_order", Kind.NOT_FOUND)
    intent = await intend_payment(ctx, order, channel, method)
    if intent.state == "open":
        return intent
    ctx.crash_point("intent_to_call")
    answer = await ctx.channels[channel].open(
        PaymentRequest(
            payment_no=intent.payment_no,
            amount_fen=intent.amount_fen,
            subject=order.title_zh,
            method=method,
            expires_at=intent.expires_at,
            notify_url=f"{ctx.base_url}/hooks/channels/{channel}",
            return_url=return_url,
        )
    )
    ctx.crash_point("call_to_outcome")
    return await record_opening(ctx, intent, answer)


async def intend_payment(ctx: Context, order: Snapshot, channel: str, method: str) -> Payment:
    """The intent on record, by the batch when it is the order's first; or the payment that is open."""
    now, order_id = ctx.now(), order.order_id
    payment_no = payment_number(order_id, 1)
    due = next_question(0, order.expires_at, now)
    step = Step(
        kind="open",
        key=f"open:{payment_no}:{new_id(now, ctx.rng)}",
        request_hash=evidence.request_hash(payment_no),
        order_id=order_id,
        row=(order_id, payment_no, channel, method, due, now),
    )
    if (await ctx.batch.submit(step)).result != DONE:
        return await _intend_again(ctx, order_id, channel, method)
    return _intent(order, payment_no, 1, channel, method, due=due, now=now)


def _intent(
    order: Order | Snapshot,
    payment_no: str,
    n: int,
    channel: str,
    method: str,
    *,
    due: datetime | None,
    now: datetime,
) -> Payment:
    return Payment(
        bucket=order.bucket,
        payment_no=payment_no,
        order_id=order.order_id,
        n=n,
        channel=channel,
        method=method,
        amount_fen=order.price_fen,
        state="intent",
        url="",
        transaction_id="",
        paid_fen=0,
        buyer_mask="",
        asked=0,
        asked_at=None,
        due_at=due,
        deadline_at=order.expires_at,
        opened_at=now,
        expires_at=order.expires_at,
        paid_at=None,
    )


async def _intend_again(ctx: Context, order_id: str, channel: str, method: str) -> Payment:
    """Under the order's lock: refuse, give the open payment, or record one more intent."""
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
        n = len(before) + 1
        payment_no = payment_number(order_id, n)
        due = next_question(0, order.expires_at, now)
        await conn.execute(
            payments.SQL.insert_payment,
            order.bucket,
            payment_no,
            order_id,
            n,
            channel,
            method,
            order.price_fen,
            due,
            now,
            order.expires_at,
        )
        turn.event("payment_opened", channel=channel)
        await turn.finish()
    return _intent(order, payment_no, n, channel, method, due=due, now=now)


async def record_opening(ctx: Context, intent: Payment, answer: OpenAnswer) -> Payment:
    state = {Outcome.OK: "open", Outcome.REFUSED: "failed"}.get(answer.outcome, "intent")
    now = ctx.now()
    evidence_ids = [new_id(now, ctx.rng) for _ in answer.messages]
    step = Step(
        kind="opened",
        key=f"opened:{intent.payment_no}:{new_id(now, ctx.rng)}",
        order_id=intent.order_id,
        row=(intent.order_id, intent.payment_no, state, answer.url, answer.code),
        evidence=message_rows(evidence_ids, answer.messages, now),
    )
    stands = (await ctx.batch.submit(step)).result
    if answer.outcome in {Outcome.UNKNOWN, Outcome.NOT_SENT}:
        raise Problem("channel_unavailable", Kind.UNAVAILABLE, answer.code)
    if stands == "failed":
        raise Problem("channel_refused", Kind.CONFLICT, answer.code)
    payment = msgspec.structs.replace(intent, state=stands, url=answer.url)
    ctx.reader.opened(payment)
    return payment


async def receive_notify(ctx: Context, channel: str, http: HttpMessage) -> Reply:
    """A notify (支付回调): evidence and fact committed and applied if plain, then acknowledged (R4).

    What is not plain is applied by its due row. Forged, foreign and mistaken ones are kept, get the channel's
    negative answer, and move nothing (F4, F5).
    """
    adapter = ctx.channels[channel]
    notify = adapter.read_notify(http)
    payment = await _payment_named(ctx, notify.payment_no)
    refusal = notify.refusal or _refuse(notify, payment, channel)
    message = _marked(notify.message, refusal) if refusal else notify.message
    if payment is None or notify.refusal:
        await _keep(ctx, message)
    elif not refusal and notify.state is TradeState.PAID:
        await learn_paid(ctx, payment, notify)
    else:
        # It may still be a hint that there is news: ask the channel soon.
        async with transaction(ctx.pool) as conn:
            await evidence.keep(conn, ctx.rng, ctx.now(), message)
            await conn.execute(payments.SQL.set_due, payment.bucket, payment.order_id, ctx.now())
    return adapter.acknowledge(not refusal)


async def _keep(ctx: Context, message: Message) -> None:
    """Evidence that moves nothing."""
    now = ctx.now()
    evidence_id = new_id(now, ctx.rng)
    row = evidence.evidence_row(message, evidence_id, now)
    await ctx.batch.submit(Step(kind="", key=evidence_id, order_id=evidence_id, evidence=(row,)))


async def learn_paid(ctx: Context, payment: Payment, notify: Notify) -> None:
    """Record the message and its fact; in the same flush the plain case is applied."""
    now, fact = ctx.now(), paid_fact(payment, notify)
    evidence_id = new_id(now, ctx.rng)
    step = _paid_step(
        payment.order_id, fact.key, fact.external_id, fact.party, fact.content, evidence_id, now
    )
    parts = fact_parts(fact, [evidence_id], [notify.message], now, ctx.soon())
    await ctx.batch.submit(msgspec.structs.replace(step, **parts))


def _paid_step(
    order_id: str,
    key: str,
    transaction_id: str,
    channel: str,
    content: dict[str, Any],
    evidence_id: str,
    now: datetime,
) -> Step:
    confirm = now + timedelta(seconds=CONFIRM_S[0])
    return Step(
        kind="paid",
        key=key,
        request_hash=evidence.request_hash(evidence_id),
        order_id=order_id,
        row=(
            order_id,
            channel,
            transaction_id,
            content["payment_no"],
            content["amount_fen"],
            content["buyer_mask"],
            attempt_number(order_id, 1),
            evidence_id,
            confirm,
            now + timedelta(seconds=DISPATCH_MAX_S),
            now,
        ),
    )


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


async def _payment_named(ctx: Context, payment_no: str) -> Payment | None:
    try:
        return await ctx.reader.opened_payment(order_of_number(payment_no), payment_no)
    except Problem as problem:
        if problem.code != "unknown_order":
            raise
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
        numbers=(("transaction", said.transaction_id),),
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
    ctx.crash_point("fact_to_apply")
    content, now = waiting.content, ctx.now()
    plain = _paid_step(
        waiting.subject, waiting.key, waiting.external_id, waiting.party, content, waiting.evidence_id, now
    )
    if (await ctx.batch.submit(plain)).result == DONE:
        return
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, waiting.subject, ctx.now(), ctx.rng)
        if not await evidence.begin(conn, waiting, turn.now):
            return
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

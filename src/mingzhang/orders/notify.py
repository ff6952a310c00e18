"""A channel's notify (支付回调): stored, answered, and believed only as far as its signature binds (R4, F4, F5)."""

from datetime import datetime, timedelta

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.evidence.store import Fact
from mingzhang.kit import lease
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import new_id, new_suspense_id, order_of_number
from mingzhang.orders.batch import Step
from mingzhang.orders.context import Context
from mingzhang.orders.pay import learn_paid, paid_fact
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.payments import store as payments
from mingzhang.payments.channels.base import (
    AsksByTransaction,
    Channel,
    Notify,
    TradeAnswer,
    TradeState,
)
from mingzhang.payments.schedule import HINT_DENIALS_MAX, HINT_MAX_S, HINT_S
from mingzhang.payments.store import Hint, Payment, read_hint

NOWHERE = 0
"""The bucket of trades that name no order of ours."""


async def receive_notify(ctx: Context, channel: str, http: HttpMessage) -> Reply:
    """Evidence and fact committed and applied if plain, then acknowledged (R4).

    Forged, foreign and mistaken ones are kept, get the channel's negative answer, and move nothing (F4, F5).
    A true one that anybody with the shop's own key could have written is a hint: kept, acknowledged, and the
    channel is asked at once (wire.md, the rule of the head). One that names no payment of ours is asked about too.
    """
    adapter = ctx.channels[channel]
    notify = adapter.read_notify(http)
    payment = await payment_named(ctx, channel, notify.payment_no)
    if notify.refusal:
        await _keep(ctx, _marked(notify.message, notify.refusal))
        return adapter.acknowledge(accepted=False)
    weak = notify.message.standing is not Standing.VERIFIED
    if payment is None:
        await _heed(ctx, channel, notify, "unknown_payment")
        return adapter.acknowledge(accepted=False)
    if weak:
        await _heed(ctx, channel, notify, "", payment)
        return adapter.acknowledge(accepted=True)
    if notify.state is not TradeState.PAID:
        await _heed(ctx, channel, notify, "", payment)
        return adapter.acknowledge(accepted=True)
    if notify.amount_fen != payment.amount_fen:
        await _heed(ctx, channel, notify, "wrong_amount", payment)
        return adapter.acknowledge(accepted=False)
    await learn_paid(ctx, payment, notify)
    return adapter.acknowledge(accepted=True)


async def payment_named(ctx: Context, channel: str, payment_no: str) -> Payment | None:
    """The payment of that number at that channel; None for anything that is not one of ours there."""
    try:
        payment = await ctx.reader.opened_payment(order_of_number(payment_no), payment_no)
    except Problem as problem:
        if problem.code != "unknown_order":
            raise
        return None
    return payment if payment is not None and payment.channel == channel else None


async def _keep(ctx: Context, message: Message) -> None:
    """Evidence that moves nothing."""
    now = ctx.now()
    evidence_id = new_id(now, ctx.rng)
    row = evidence.evidence_row(message, evidence_id, now)
    await ctx.batch.submit(Step(kind="", key=evidence_id, order_id=evidence_id, evidence=(row,)))


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


async def _heed(
    ctx: Context, channel: str, notify: Notify, refusal: str, payment: Payment | None = None
) -> None:
    """Keep it and have the channel asked now: about the payment, and about the very trade it names."""
    now = ctx.now()
    message = _marked(notify.message, refusal) if refusal else notify.message
    bucket = payment.bucket if payment is not None else NOWHERE
    async with transaction(ctx.pool) as conn:
        evidence_id = await evidence.keep(conn, ctx.rng, now, message)
        if payment is not None:
            await conn.execute(payments.SQL.set_due, payment.bucket, payment.order_id, now)
        if notify.state is not TradeState.PAID or not notify.transaction_id:
            return
        if payment is None:
            await conn.execute(ORDERS.ensure_bucket, NOWHERE, now)
        await conn.execute(
            payments.SQL.insert_hint,
            bucket,
            new_id(now, ctx.rng),
            channel,
            notify.transaction_id,
            notify.payment_no[:64],
            now,
            now + timedelta(seconds=HINT_MAX_S),
            evidence_id,
        )


async def ask_trade(ctx: Context, key: str) -> None:
    """The worker's question about a trade that somebody told of; only the answer is a fact (wire.md)."""
    async with ctx.pool.acquire() as conn:
        hint = await read_hint(conn, key)
    if hint is None or hint.state == "found":
        return
    answer = await _ask(ctx.channels[hint.channel], hint)
    number = answer.payment_no or hint.payment_no
    payment = await payment_named(ctx, hint.channel, number)
    now = ctx.now()
    async with transaction(ctx.pool) as conn:
        evidence_id = await evidence.keep_all(conn, ctx.rng, now, answer.messages)
        if await lease.is_lost(conn, payments.SQL.read_hint_lease, hint.bucket, hint.hint_id):
            return
        state, due = _judge(hint, answer, now)
        if state == "found":
            fact = paid_fact(payment, answer) if payment else foreign_fact(ctx, hint.channel, answer, number)
            await evidence.state_fact(conn, fact, evidence_id, now)
        await conn.execute(
            payments.SQL.set_hint, hint.bucket, hint.hint_id, state, answer.code[:64], now, due
        )


async def _ask(adapter: Channel, hint: Hint) -> TradeAnswer:
    if isinstance(adapter, AsksByTransaction):
        return await adapter.query_transaction(hint.transaction_id)
    return await adapter.query(hint.payment_no)


def _judge(hint: Hint, answer: TradeAnswer, now: datetime) -> tuple[str, datetime | None]:
    """What is known of it now, and when to ask again. A denial is asked about again, because lists lag."""
    if answer.state is TradeState.PAID and answer.transaction_id:
        return "found", None
    wait = timedelta(seconds=HINT_S[min(hint.asked, len(HINT_S) - 1)])
    silent = answer.state is TradeState.UNKNOWN
    latest = hint.deadline_at or now
    if not silent and (
        hint.asked + 1 >= HINT_DENIALS_MAX or now + wait > latest or hint.next_actor == "person"
    ):
        return "denied", None
    # No answer is no denial: at its deadline a person is next, and it is asked once more at the end of that time.
    return "waiting", latest if hint.next_actor == "person" else min(now + wait, latest)


def foreign_fact(ctx: Context, channel: str, answer: TradeAnswer, number: str) -> Fact:
    """A paid trade under a number that is no payment of ours: money with a name of its own (row 23)."""
    item_id = new_suspense_id(NOWHERE, ctx.now(), ctx.rng)
    return Fact(
        party=channel,
        kind="paid",
        external_id=answer.transaction_id,
        subject=item_id,
        content={
            "payment_no": number[:64],
            "amount_fen": answer.amount_fen,
            "buyer_mask": answer.buyer_mask,
        },
        numbers=(("transaction", answer.transaction_id),),
    )

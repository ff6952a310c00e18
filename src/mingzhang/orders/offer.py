"""A payment by an address that we sign and nobody is asked about (R2): on record and open in one step."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.kit.ids import new_id
from mingzhang.orders.batch import DONE, Snapshot, Step, message_rows, step_row
from mingzhang.orders.context import Context
from mingzhang.orders.store import Order
from mingzhang.payments.channels.base import Outcome, PaymentRequest
from mingzhang.payments.schedule import next_question
from mingzhang.payments.store import Payment


async def offer(ctx: Context, order: Snapshot, channel: str, request: PaymentRequest) -> Payment | None:
    """The order's first payment by an address that is signed and asked of nobody: intent and opening in one step, since
    no call stands between them. None when it is not the first: then intent, call, outcome as ever.
    """
    if ctx.reader.is_opened(request.payment_no) or ctx.now() >= order.expires_at:
        return None  # nothing is signed for nothing
    answer = await ctx.channels[channel].open(request)
    if answer.outcome is not Outcome.OK or answer.invoke:
        return None
    now = ctx.now()
    due = next_question(0, order.expires_at, now)
    evidence_ids = [new_id(now, ctx.rng) for _ in answer.messages]
    step = Step(
        kind="offered",
        key=f"open:{request.payment_no}:{new_id(now, ctx.rng)}",
        request_hash=evidence.request_hash(request.payment_no),
        order_id=order.order_id,
        row=step_row(
            payment_no=request.payment_no,
            party=channel,
            value=request.method,
            feedback=answer.url,
            code=answer.code,
            due_at=due,
            at=now,
        ),
        evidence=message_rows(evidence_ids, answer.messages, now),
    )
    if (await ctx.batch.submit(step)).result != DONE:
        return None
    intent = intent_of(order, request.payment_no, 1, channel, request.method, due=due, now=now)
    payment = msgspec.structs.replace(intent, state="open", url=answer.url)
    ctx.reader.opened(payment)
    return payment


def intent_of(
    order: Order | Snapshot,
    payment_no: str,
    n: int,
    channel: str,
    method: str,
    *,
    due: datetime | None,
    now: datetime,
) -> Payment:
    """A payment that is on record and of which no channel knows yet."""
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

"""Visits to refunds that are due: gathered, sent once, asked about by their number until it is known (F14; rows 13, 20)."""

from datetime import datetime, timedelta

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.evidence.store import Fact
from mingzhang.kit import lease
from mingzhang.kit.database import transaction
from mingzhang.kit.ids import order_of_number
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Posting, Refused
from mingzhang.ledger.places import CHARGEBACK, RESERVED
from mingzhang.ledger.store import read_float
from mingzhang.orders.context import Context
from mingzhang.orders.states import PERSON_MAX_S
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.store import Turn
from mingzhang.orders.suspense import ItemTurn, open_subject
from mingzhang.payments.channels.base import REFUND_NEEDS_PERSON, RefundAnswer, RefundRequest, RefundState
from mingzhang.refunds import store
from mingzhang.refunds.apply import called, set_state, stand_after, stands
from mingzhang.refunds.flow import ASK_S, FINAL, FLOAT_RETRY_S, UNSENT
from mingzhang.refunds.store import Refund, find_refund


async def work_refund(ctx: Context, refund_no: str) -> None:
    """The worker's visit to a due refund: gather and send it, or ask for it by its number."""
    order_id = order_of_number(refund_no)
    async with ctx.pool.acquire() as conn:
        refund = await find_refund(conn, order_id, refund_no)
    if refund is None or refund.state in FINAL or refund.way == store.TRANSFER:
        return
    channel = ctx.channels[refund.channel]
    if refund.state in UNSENT:
        gathered = await _gather(ctx, refund)
        if gathered is None:
            return
        refund = gathered
        ctx.crash_point("intent_to_call")
        answer = await channel.refund(_request(refund))
        ctx.crash_point("call_to_outcome")
    else:
        answer = await channel.query_refund(refund.payment_no, refund.refund_no, refund.transaction_id)
        if answer.state is RefundState.NOT_FOUND:
            # The same number never refunds twice, so sending it again is the question itself (wire.md).
            answer = await channel.refund(_request(refund))
    await _record(ctx, refund, answer)


def _request(refund: Refund) -> RefundRequest:
    return RefundRequest(
        payment_no=refund.payment_no,
        transaction_id=refund.transaction_id,
        refund_no=refund.refund_no,
        amount_fen=refund.amount_fen,
        total_fen=refund.total_fen,
        reason=refund.cause,
    )


async def _gather(ctx: Context, refund: Refund) -> Refund | None:
    """Row 13 and the intent, committed before the call; None when nothing is to be sent (now)."""
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, refund.order_id, ctx.now(), ctx.rng)
        gathered = await gather(turn, refund, ctx.lease_end())
        await turn.finish()
    return gathered


async def gather(
    turn: Turn | ItemTurn, refund: Refund, lease_end: datetime, *, spoken_for_fen: int = 0
) -> Refund | None:
    """Row 13 (or 20 while the supplier is unknown) where the refund gathers; None when it is not to be sent (now).

    ``spoken_for_fen``: what of the float there is on its way out already. Too little: the refund waits, visibly.
    """
    fits = await cut_to_fit(turn, refund)
    if fits is None:
        return None
    refund, now = fits, turn.now
    fresh = await turn.conn.fetchval(store.SQL.set_sending, refund.bucket, refund.refund_no, now, lease_end)
    if fresh is None:
        return None
    try:
        posting = await _posting(turn, refund, spoken_for_fen)
    except Refused as refusal:
        if refund.state != "waiting_float":  # once: it is tried again every few minutes
            turn.event("refund_waiting_float", reason=refusal.code)
        await set_state(turn, refund, "waiting_float", now + timedelta(seconds=FLOAT_RETRY_S), refusal.code)
        return None
    cited = await turn.conn.fetchval(ORDERS.read_last_evidence, refund.bucket, refund.order_id)
    turn.event("refund_sent", channel=called(refund))
    await turn.post(posting, cited)
    stands(turn, "refunding")
    return refund


async def cut_to_fit(turn: Turn | ItemTurn, refund: Refund) -> Refund | None:
    """A refund that is only planned, as large as the order's money still allows; None when it is not to be sent.

    Between plan and sending a chargeback may have taken part of the money, or all of it (row 22): what the channel took
    is not given back once more. The smaller amount, or the end, is on the timeline; the number stays.
    """
    if isinstance(turn, ItemTurn):
        return refund
    left = postings.refundable_fen(refund.order_id, await turn.balances(), turn.order.price_fen)
    if left >= refund.amount_fen:
        return refund
    changed = await turn.conn.fetchval(
        store.SQL.cut_refund, refund.bucket, refund.refund_no, max(left, 0), turn.now
    )
    if changed is None:
        return None
    if left > 0:
        turn.event("refund_cut", amount_fen=left, reason="charged_back")
        return msgspec.structs.replace(refund, amount_fen=left)
    turn.event("refund_dropped", amount_fen=refund.amount_fen, reason="charged_back")
    if turn.order.state == "refunding":
        await stand_after(turn, "", CHARGEBACK)
    return None


async def _posting(turn: Turn | ItemTurn, refund: Refund, spoken_for_fen: int) -> Posting:
    balances = await turn.balances()
    supplier_open = any(account.place == RESERVED for account in balances)
    row = postings.risk_refund if supplier_open else postings.refund_asked
    whole = turn.item.amount_fen if isinstance(turn, ItemTurn) else turn.order.price_fen
    return row(
        refund.order_id,
        balances,
        price_fen=whole,
        amount_fen=refund.amount_fen,
        at=refund.spot,
        float_at_fen=await read_float(turn.conn, *refund.spot) - spoken_for_fen,
    )


async def _record(ctx: Context, refund: Refund, answer: RefundAnswer) -> None:
    """Keep the channel's word; what moves money becomes a fact first."""
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, refund.order_id, ctx.now(), ctx.rng)
        fresh = await find_refund(conn, refund.order_id, refund.refund_no)
        if fresh is None or fresh.state in FINAL:
            return
        messages = answer.messages or (_own_word(refund, answer),)
        evidence_id = await evidence.keep_all(conn, ctx.rng, turn.now, messages)
        if await lease.is_lost(conn, store.SQL.read_refund_lease, refund.bucket, refund.refund_no):
            return
        due: datetime | None = turn.now + timedelta(seconds=ASK_S[min(fresh.asked, len(ASK_S) - 1)])
        if answer.state is RefundState.REFUSED:
            due = None  # asking again would send it again, and the refusal is about to be booked
        if answer.state in {RefundState.ACCEPTED, RefundState.ARRIVED, RefundState.REFUSED}:
            fact = Fact(
                party=refund.channel,
                kind=f"refund_{answer.state.value}",
                external_id=refund.refund_no,
                subject=refund.order_id,
                content={"refund_no": refund.refund_no, "state": answer.state.value},
            )
            await evidence.state_fact(conn, fact, evidence_id, turn.now)
            state = fresh.state
        else:
            state = fresh.state if fresh.state == "accepted" else "unknown"
            if state != fresh.state:
                turn.event("refund_unknown", evidence_id, channel=refund.channel)
        await set_state(turn, fresh, state, due, answer.code, answer)
        if answer.code in REFUND_NEEDS_PERSON and fresh.code not in REFUND_NEEDS_PERSON:
            await _ask_person(turn, fresh, evidence_id)
        await turn.finish()


async def _ask_person(turn: Turn | ItemTurn, refund: Refund, evidence_id: str) -> None:
    """The channel holds the money and cannot hand it on (a dead card): a person must say where it goes."""
    until = turn.now + timedelta(seconds=PERSON_MAX_S)
    await turn.conn.execute(
        store.SQL.hand_refund_over,
        refund.bucket,
        refund.refund_no,
        refund.deadline_at,
        "person",
        turn.now,
        until,
    )
    turn.event("refund_abnormal", evidence_id, channel=refund.channel, reason="refund_abnormal")
    if isinstance(turn, ItemTurn):
        turn.tell_buyer("refund_abnormal", evidence_id, reason="refund_abnormal")
        item = turn.item
        turn.move(item.state, holder=item.holder, next_actor="person", deadline_at=until)
    elif turn.order.state == "refunding":
        turn.to_person()


def _own_word(refund: Refund, answer: RefundAnswer) -> Message:
    """What the adapter knew without a call: the channel's protocol has no such refund."""
    return Message(
        party=refund.channel,
        kind=f"{refund.channel}.refund_not_possible",
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=f"{refund.refund_no} {answer.code} {answer.text}".encode(),
        content_type="text/plain; charset=utf-8",
        note=answer.code,
    )

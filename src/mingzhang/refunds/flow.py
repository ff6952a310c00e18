"""Refunds by the original path, followed until the channel has given the money back (R23, R26, F14; rows 13, 14, 20)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.evidence.store import Fact, Waiting
from mingzhang.fulfilment.store import list_attempts
from mingzhang.kit import lease
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import order_of_number, refund_number
from mingzhang.kit.workdays import promised_by
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Posting, Refused
from mingzhang.ledger.places import CHANNEL, CHARGEBACK, REFUND_ARRIVED, RESERVED
from mingzhang.ledger.store import read_float
from mingzhang.orders import freeze
from mingzhang.orders.context import Context
from mingzhang.orders.doubt import came_back
from mingzhang.orders.states import PERSON_MAX_S, REFUND_MAX_S
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.store import Turn
from mingzhang.orders.suspense import ItemTurn, open_subject
from mingzhang.payments.channels.base import (
    REFUND_NEEDS_PERSON,
    RefundAnswer,
    RefundRequest,
    RefundState,
    RefundsWhole,
)
from mingzhang.payments.policy import Case
from mingzhang.payments.store import Payment, list_payments
from mingzhang.refunds import store
from mingzhang.refunds.store import Refund, find_refund, list_refunds

ASK_S = (2, 5, 10, 30, 60, 300, 1800)
FLOAT_RETRY_S = 300
PROMISE_WORKDAYS = 3  # R26: 1-3 个工作日 at the payer's bank
FINAL = frozenset({"arrived", "refused", "dropped"})
UNSENT = frozenset({"ready", "waiting_float"})
NOTHING_GOES = frozenset({"refused", "dropped"})


async def start_refund(turn: Turn, cause: str, evidence_id: str, amount_fen: int | None = None) -> None:
    """Plan a refund of an order whose turn is open; the number is fixed here, before any call.

    ``amount_fen``: a part (row 10), at most what was not given back before; None for all of that.
    """
    order, now = turn.order, turn.now
    paid = await booked(turn)
    before = await list_refunds(turn.conn, order.order_id)
    left = await left_fen(turn)
    amount = left if amount_fen is None else min(amount_fen, left)
    if amount <= 0:
        return
    # What a dispute held goes back by its own outcome: it is gathered from where it lay.
    cited = "" if "#" in evidence_id else evidence_id
    await freeze.lift(
        turn, cited or await turn.conn.fetchval(ORDERS.read_last_evidence, order.bucket, order.order_id)
    )
    n = len(before) + 1
    refund_no = refund_number(order.order_id, n)
    deadline = now + timedelta(seconds=REFUND_MAX_S)
    await turn.conn.execute(
        store.SQL.insert_refund,
        order.bucket,
        refund_no,
        order.order_id,
        n,
        paid.outside_no,
        paid.transaction_id,
        paid.channel,
        amount,
        paid.paid_fen,
        cause,
        now,
        deadline,
        promised_by(now, PROMISE_WORKDAYS),
    )
    part = {"amount_fen": amount} if amount < order.price_fen else {}
    turn.event("refund_asked", cited, reason=cause, channel=paid.channel, **part)
    turn.move("refunding", holder="channel", next_actor="shop", deadline_at=deadline)


async def booked(turn: Turn) -> Payment:
    """The payment that a refund of the order goes by. Raises `refund_not_open`."""
    return _booked(await list_payments(turn.conn, turn.order.order_id), turn.order.price_fen)


def _booked(payments: Sequence[Payment], price_fen: int) -> Payment:
    """The payment whose money the order took: the first that paid its price. The rest was put aside (F15, F18)."""
    paid = [
        (payment.paid_at, payment.n, payment)
        for payment in payments
        if payment.state == "paid" and payment.paid_fen >= price_fen
    ]
    if not paid:
        raise Problem("refund_not_open", Kind.CONFLICT, "no payment whose channel could give it back")
    return min(paid)[2]


async def left_fen(turn: Turn) -> int:
    """What of the order's price was not given back or charged back, nor is on its way back (row 13, F13).

    Under the order's lock: what is gathered stands in the ledger, what was only planned in its row.
    """
    order = turn.order
    planned = [it for it in await list_refunds(turn.conn, order.order_id) if it.state in UNSENT]
    held = postings.refundable_fen(order.order_id, await turn.balances(), order.price_fen)
    return held - sum(it.amount_fen for it in planned)


async def check_parts(ctx: Context, turn: Turn, amount_fen: int) -> None:
    """Raises `refund_whole_only` when the payment's channel cannot give back just that, `channel_unavailable` when the
    installation has that channel no more."""
    paid = _booked(await list_payments(turn.conn, turn.order.order_id), turn.order.price_fen)
    channel = ctx.channels.get(paid.channel)
    if channel is None:
        raise Problem("channel_unavailable", Kind.CONFLICT, paid.channel)
    whole = isinstance(channel, RefundsWhole) and channel.refunds_whole_only
    if whole and amount_fen != paid.paid_fen:
        raise Problem("refund_whole_only", Kind.CONFLICT, paid.channel)


async def preview(turn: Turn, amount_fen: int) -> tuple[str, Posting]:
    """The channel it would go by, and what row 13 would move now. Raises `Refused`, `refund_not_open`."""
    order = turn.order
    paid = _booked(await list_payments(turn.conn, order.order_id), order.price_fen)
    posting = postings.refund_asked(
        order.order_id,
        await turn.balances(),
        price_fen=order.price_fen,
        amount_fen=amount_fen,
        at=(CHANNEL, paid.channel),
        float_at_fen=await read_float(turn.conn, CHANNEL, paid.channel),
    )
    return paid.channel, posting


async def is_under_way(turn: Turn) -> bool:
    """Whether a refund of the order is at no end yet."""
    return any(it.state not in FINAL for it in await list_refunds(turn.conn, turn.order.order_id))


async def check_unsent(turn: Turn) -> None:
    """Raises `refund_open` when something of the order's refunds went out."""
    refunds = await list_refunds(turn.conn, turn.order.order_id)
    if any(refund.state not in UNSENT | NOTHING_GOES for refund in refunds):
        raise Problem("refund_open", Kind.CONFLICT)


async def drop_refunds(turn: Turn, why: str) -> None:
    """No payment ever came (F4): what was planned to go back is not sent. Raises `refund_open`."""
    await check_unsent(turn)
    await turn.conn.execute(store.SQL.drop_refunds, turn.order.bucket, turn.order.order_id, why)


async def work_refund(ctx: Context, refund_no: str) -> None:
    """The worker's visit to a due refund: gather and send it, or ask for it by its number."""
    order_id = order_of_number(refund_no)
    async with ctx.pool.acquire() as conn:
        refund = await find_refund(conn, order_id, refund_no)
    if refund is None or refund.state in FINAL:
        return
    channel = ctx.channels[refund.channel]
    if refund.state in UNSENT:
        gathered = await _gather(ctx, refund)
        if gathered is None:
            return
        refund = gathered
        ctx.crash_point("intent_to_call")
        answer = await channel.refund(
            RefundRequest(
                payment_no=refund.payment_no,
                transaction_id=refund.transaction_id,
                refund_no=refund.refund_no,
                amount_fen=refund.amount_fen,
                total_fen=refund.total_fen,
                reason=refund.cause,
            )
        )
        ctx.crash_point("call_to_outcome")
    else:
        answer = await channel.query_refund(refund.payment_no, refund.refund_no, refund.transaction_id)
        if answer.state is RefundState.NOT_FOUND:
            # The same number never refunds twice, so sending it again is the question itself (wire.md).
            answer = await channel.refund(
                RefundRequest(
                    payment_no=refund.payment_no,
                    transaction_id=refund.transaction_id,
                    refund_no=refund.refund_no,
                    amount_fen=refund.amount_fen,
                    total_fen=refund.total_fen,
                    reason=refund.cause,
                )
            )
    await _record(ctx, refund, answer)


async def _gather(ctx: Context, refund: Refund) -> Refund | None:
    """Row 13 (or 20 while the supplier is unknown), with the intent; None when nothing is to be sent (now)."""
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, refund.order_id, ctx.now(), ctx.rng)
        now = turn.now
        fits = await cut_to_fit(turn, refund)
        if fits is None:
            await turn.finish()
            return None
        refund = fits
        fresh = await conn.fetchval(
            store.SQL.set_sending, refund.bucket, refund.refund_no, now, ctx.lease_end()
        )
        if fresh is None:
            return None
        try:
            posting = await _posting(turn, refund)
        except Refused as refusal:
            if refund.state != "waiting_float":  # once: it is tried again every few minutes
                turn.event("refund_waiting_float", reason=refusal.code)
            await _set(turn, refund, "waiting_float", now + timedelta(seconds=FLOAT_RETRY_S), refusal.code)
            await turn.finish()
            return None
        cited = await conn.fetchval(ORDERS.read_last_evidence, refund.bucket, refund.order_id)
        turn.event("refund_sent", channel=refund.channel)
        await turn.post(posting, cited)
        _stands(turn, "refunding")
        await turn.finish()
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
        await _stand_after(turn, "", CHARGEBACK)
    return None


def _stands(turn: Turn | ItemTurn, holder: str, actor: str = "channel") -> None:
    """Where the money is now, and that the channel is next."""
    subject = turn.item if isinstance(turn, ItemTurn) else turn.order
    if subject.state == "refunding":  # of several refunds one was refused: a person has the order by now
        subject.holder, subject.next_actor = holder, actor


async def _posting(turn: Turn | ItemTurn, refund: Refund) -> Posting:
    balances = await turn.balances()
    supplier_open = any(account.place == RESERVED for account in balances)
    row = postings.risk_refund if supplier_open else postings.refund_asked
    whole = turn.item.amount_fen if isinstance(turn, ItemTurn) else turn.order.price_fen
    return row(
        refund.order_id,
        balances,
        price_fen=whole,
        amount_fen=refund.amount_fen,
        at=(CHANNEL, refund.channel),
        float_at_fen=await read_float(turn.conn, CHANNEL, refund.channel),
    )


async def _set(
    turn: Turn | ItemTurn,
    refund: Refund,
    state: str,
    due: datetime | None,
    code: str,
    answer: RefundAnswer | None = None,
) -> None:
    await turn.conn.execute(
        store.SQL.set_state,
        refund.bucket,
        refund.refund_no,
        state,
        code,
        turn.now,
        due,
        turn.now if state in {"accepted", "arrived"} else None,
        turn.now if state == "arrived" else None,
        answer.destination if answer else "",
        answer.reference if answer else "",
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
        await _set(turn, fresh, state, due, answer.code, answer)
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


async def apply_refund(ctx: Context, waiting: Waiting) -> None:
    """Book what the channel said of a refund, once (row 14)."""
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, waiting.subject, ctx.now(), ctx.rng)
        if not await evidence.begin(conn, waiting, turn.now):
            return
        ctx.crash_point("fact_to_apply")
        refund = await find_refund(conn, waiting.subject, waiting.content["refund_no"])
        if refund is not None and refund.state not in FINAL:
            await _APPLY[waiting.content["state"]](turn, refund, waiting.evidence_id)
        await turn.finish()


async def _accepted(turn: Turn | ItemTurn, refund: Refund, evidence_id: str) -> None:
    if refund.state == "accepted":
        return
    turn.event("refund_accepted", evidence_id, channel=refund.channel)
    await turn.post(
        postings.refund_accepted(
            refund.order_id, await turn.balances(), party=refund.channel, amount_fen=refund.amount_fen
        ),
        evidence_id,
    )
    _stands(turn, "refund.transit", "person" if refund.code in REFUND_NEEDS_PERSON else "channel")
    await _set(turn, refund, "accepted", turn.now + timedelta(seconds=ASK_S[0]), refund.code)


async def _arrived(turn: Turn | ItemTurn, refund: Refund, evidence_id: str) -> None:
    if refund.state != "accepted":
        await _accepted(turn, refund, evidence_id)
    whole = isinstance(turn, ItemTurn) or refund.amount_fen == turn.order.price_fen
    part = {} if whole else {"amount_fen": refund.amount_fen}
    turn.event("refund_arrived", evidence_id, channel=refund.channel, **part)
    await turn.post(
        postings.refund_arrived(
            refund.order_id, await turn.balances(), party=refund.channel, amount_fen=refund.amount_fen
        ),
        evidence_id,
    )
    await _set(turn, refund, "arrived", None, refund.code)
    if isinstance(turn, ItemTurn):
        turn.tell_buyer("excess_refunded", evidence_id)
        turn.move("refunded", holder="refund.arrived", next_actor="")
    elif turn.order.state == "refunding":
        await _stand_after(turn, evidence_id)


async def _stand_after(turn: Turn, evidence_id: str, holder: str = REFUND_ARRIVED) -> None:
    """One of an order's refunds ended: others may be under way, and what was never delivered may be left."""
    order = turn.order
    under_way = [it.state for it in await list_refunds(turn.conn, order.order_id) if it.state not in FINAL]
    if under_way:
        gathered = "refund.transit" if "accepted" in under_way else "refunding"
        order.holder = "channel" if set(under_way) <= UNSENT else gathered
    elif await left_fen(turn) > 0 and not await _is_delivered(turn):
        turn.event("needs_person", evidence_id, reason=order.reason)
        turn.move("needs_person", holder="channel", next_actor="person")
    else:
        order.finished_at = turn.now
        turn.move("refunded", holder=holder, next_actor="")


async def _is_delivered(turn: Turn) -> bool:
    attempts = await list_attempts(turn.conn, turn.order.order_id)
    return any(attempt.state == "succeeded" for attempt in attempts)


async def _refused(turn: Turn | ItemTurn, refund: Refund, evidence_id: str) -> None:
    turn.event("refund_refused", evidence_id, channel=refund.channel)
    await turn.post(
        postings.refund_refused(
            refund.order_id,
            await turn.balances(),
            at=(CHANNEL, refund.channel),
            amount_fen=refund.amount_fen,
        ),
        evidence_id,
    )
    await _set(turn, refund, "refused", None, refund.code)
    if isinstance(turn, ItemTurn):
        turn.item.holder = "channel"
        turn.to_person(Case.REFUND_REFUSED, evidence_id)
        return
    deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
    turn.move(
        "needs_person", holder="channel", next_actor="person", deadline_at=deadline, reason="refund_refused"
    )
    await came_back(turn, refund.channel, evidence_id)


_APPLY = {"accepted": _accepted, "arrived": _arrived, "refused": _refused}

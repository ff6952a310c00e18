"""Refunds as they are planned and bounded: the number fixed first, never more than was paid (R23, R26, F13; row 13).

`visit.py` sends and asks, `apply.py` books what channel or bank say, `items.py` is about money put aside.
"""

from collections.abc import Sequence
from datetime import timedelta

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import refund_number
from mingzhang.kit.workdays import promised_by
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Posting
from mingzhang.ledger.places import CHANNEL
from mingzhang.ledger.store import read_float
from mingzhang.orders import freeze
from mingzhang.orders.context import Context
from mingzhang.orders.states import REFUND_MAX_S
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.store import Turn
from mingzhang.payments.channels.base import RefundsWhole
from mingzhang.payments.store import Payment, list_payments
from mingzhang.refunds import store
from mingzhang.refunds.store import list_refunds

ASK_S = (2, 5, 10, 30, 60, 300, 1800)
FLOAT_RETRY_S = 300
PROMISE_WORKDAYS = 3  # R26: 1-3 个工作日 at the payer's bank
FINAL = frozenset({"arrived", "refused", "dropped", "returned"})
UNSENT = frozenset({"ready", "waiting_float"})
NOTHING_GOES = frozenset({"refused", "dropped", "returned"})


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
    n = store.next_n(before)
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

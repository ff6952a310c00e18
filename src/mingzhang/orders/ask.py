"""Asking the channel about a payment: sweeps before and after expiry, and once more after a notify (R10, F1–F4)."""

from datetime import datetime, timedelta

from mingzhang.evidence import store as evidence
from mingzhang.fulfilment import store as fulfilment
from mingzhang.kit.database import transaction
from mingzhang.ledger import postings
from mingzhang.ledger.places import CHANNEL, RESERVED, Account, O, attempt_party
from mingzhang.orders.context import Context
from mingzhang.orders.freeze import freeze, unfreeze
from mingzhang.orders.pay import paid_fact
from mingzhang.orders.states import PERSON_MAX_S
from mingzhang.orders.store import Turn, open_turn
from mingzhang.orders.suspense import open_item
from mingzhang.payments import store as payments
from mingzhang.payments.channels.base import FROZEN, AsksByTransaction, Channel, TradeAnswer, TradeState
from mingzhang.payments.policy import Case
from mingzhang.payments.schedule import ASK_MAX_S, CONFIRM_MAX_S, CONFIRM_S, UNANSWERED_S, next_question
from mingzhang.payments.store import Item, Payment, list_items, read_payment

OTHER_CURRENCY = "wrong_currency"  # what an adapter says of an amount that is not in fen
CAME = frozenset({"paid", "contradicted"})


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
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, payment.order_id, ctx.now(), ctx.rng)
        fresh = await read_payment(conn, payment_no)
        if fresh is None:
            return
        evidence_id = await evidence.keep_all(conn, ctx.rng, turn.now, answer.messages)
        if fresh.state in CAME:
            # The money came while the question was under way: what it found before that denies nothing.
            same = answer.state is TradeState.PAID and answer.transaction_id == fresh.transaction_id
            if payment.state in CAME or same:
                await _confirm(turn, fresh, answer, evidence_id)
            else:
                await _learn(turn, fresh, answer, evidence_id)
        else:
            await _heard(turn, fresh, answer, evidence_id)
        await turn.finish()


async def _question(adapter: Channel, payment: Payment) -> TradeAnswer:
    """By the trade's own number once it is known: our number may have two trades (F15)."""
    if payment.transaction_id and isinstance(adapter, AsksByTransaction):
        return await adapter.query_transaction(payment.transaction_id)
    return await adapter.query(payment.payment_no)


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


async def _confirm(turn: Turn, payment: Payment, answer: TradeAnswer, evidence_id: str) -> None:
    """A notify said paid; the channel is asked once more. A denial moves the money to doubt (F4, row 24)."""
    due: datetime | None = None
    latest: datetime | None = None
    state = payment.state
    if answer.state in {TradeState.PENDING, TradeState.NOT_FOUND, TradeState.CLOSED}:
        if state == "paid":
            state = "contradicted"
            await _contradict(turn, payment, evidence_id)
    elif answer.state is TradeState.UNKNOWN or answer.code == FROZEN:
        if answer.code == FROZEN and state == "paid":
            await freeze(turn, payment.channel, evidence_id)
        latest = (payment.paid_at or turn.now) + timedelta(seconds=CONFIRM_MAX_S)
        due = min(turn.now + timedelta(seconds=CONFIRM_S[min(payment.asked, len(CONFIRM_S) - 1)]), latest)
        if payment.next_actor == "person":
            due = latest = payment.deadline_at or latest
    elif answer.state is TradeState.PAID and state == "paid":
        turn.event("paid_confirmed", evidence_id, channel=payment.channel)
        await unfreeze(turn, payment.channel, evidence_id)
    await turn.conn.execute(
        payments.SQL.set_asked,
        payment.bucket,
        payment.payment_no,
        state,
        turn.now,
        due,
        latest,
        answer.code,
        payment.state,
    )


async def _contradict(turn: Turn, payment: Payment, evidence_id: str) -> None:
    """Denied: what it brought is missing, whoever's it is, and a person must find out."""
    turn.event("payment_contradicted", evidence_id, channel=payment.channel)
    items = [
        item
        for item in await list_items(turn.conn, turn.order.order_id)
        if (item.channel, item.transaction_id) == (payment.channel, payment.transaction_id)
    ]
    for item in items:
        await _doubt_item(turn, item, evidence_id)
    if items and not await _is_booked(turn, payment):
        return
    await _stop_dispatch(turn, evidence_id)
    balances = await turn.balances()
    await turn.post(postings.bill_lacks(turn.order.order_id, balances, channel=payment.channel), evidence_id)
    if turn.order.state in {"paid", "supplying", "needs_buyer", "delivered", "needs_person"}:
        deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
        turn.move(
            "needs_person",
            holder="missing",
            next_actor="person",
            deadline_at=deadline,
            reason="payment_contradicted",
        )
    elif turn.order.state == "refunding" and turn.order.holder == CHANNEL:
        # Its refund waits, visibly, for money that is there; whether that will ever be, a person must find out.
        turn.move(
            "refunding",
            holder="missing",
            next_actor="person",
            deadline_at=turn.now + timedelta(seconds=PERSON_MAX_S),
        )


async def _is_booked(turn: Turn, payment: Payment) -> bool:
    """Whether the order itself took this payment's money (a part of one trade may lie aside, F18)."""
    return payment.paid_fen > turn.order.price_fen and any(
        account.party == payment.channel and account.owner == O for account in await turn.balances()
    )


async def _doubt_item(turn: Turn, item: Item, evidence_id: str) -> None:
    """Money put aside that the channel denies: missing, unless it is on its way back already."""
    item_turn = await open_item(turn.conn, item.item_id, turn.now, turn.rng, turn)
    held = await item_turn.balances()
    if item_turn.item.state == "open" and any(account.place == CHANNEL for account in held):
        item_turn.item.holder = "missing"
        item_turn.to_person(Case.DENIED, evidence_id)
        await item_turn.post(postings.bill_lacks(item.item_id, held, channel=item.channel), evidence_id)
        await item_turn.finish()


async def _stop_dispatch(turn: Turn, evidence_id: str) -> None:
    """What was not sent yet is not sent, and what is reserved for it is free again (row 9)."""
    for attempt in await fulfilment.list_attempts(turn.conn, turn.order.order_id):
        if attempt.state == "ready":
            balances = await turn.balances()
            reserved = balances.get(Account(RESERVED, attempt_party(attempt.supplier, attempt.n), O), 0)
            if reserved:
                posting = postings.supplier_gave_back(
                    turn.order.order_id,
                    balances,
                    supplier=attempt.supplier,
                    attempt=attempt.n,
                    amount_fen=reserved,
                )
                await turn.post(posting, evidence_id)
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

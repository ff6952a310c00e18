"""From the intent to pay until the money is booked (R2-R4): open, learn, apply. See notify.py and ask.py too."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.store import Fact, Waiting
from mingzhang.fulfilment import store as fulfilment
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import attempt_number, is_suspense_id, new_id, order_of_number, payment_number
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Posting
from mingzhang.ledger.places import MISSING, O
from mingzhang.orders.batch import DONE, NOT_PLAIN, Snapshot, Step, fact_parts, message_rows, step_row
from mingzhang.orders.context import Context
from mingzhang.orders.freeze import freeze
from mingzhang.orders.offer import intent_of, offer
from mingzhang.orders.states import DISPATCH_MAX_S
from mingzhang.orders.store import Turn, open_rung_turn, open_turn
from mingzhang.orders.suspense import suspend, suspend_unknown
from mingzhang.payments import store as payments
from mingzhang.payments.channels.base import FROZEN, Notify, OpenAnswer, Outcome, PaymentRequest, TradeAnswer
from mingzhang.payments.offer import limit_of
from mingzhang.payments.policy import Placed, Standing, Then, place_money
from mingzhang.payments.schedule import CONFIRM_S, next_question
from mingzhang.payments.store import Payment, list_payments, read_payment

ATTEMPTS_MAX = 20


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A payment in front of the buyer. ``invoke``: signed parameters for the channel's own script (``jsapi``)."""

    payment: Payment
    invoke: Mapping[str, str] = {}


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays: their address (channels' risk rules ask for it), and for ``jsapi`` WeChat's openid."""

    client_ip: str = ""
    payer_id: str = ""


NOBODY: Final = Buyer()


def check_method(ctx: Context, channel: str, method: str, buyer: Buyer) -> None:
    """Raise `unknown_channel` for what cannot be opened: no such channel, method, or the payer is not known."""
    adapter = ctx.channels.get(channel)
    if adapter is None or method not in adapter.methods:
        raise Problem("unknown_channel", Kind.INVALID)
    if method in adapter.payer_methods and not buyer.payer_id:
        raise Problem("unknown_channel", Kind.INVALID, f"{method} needs the payer's id")


async def open_payment(
    ctx: Context, order_id: str, channel: str, method: str, return_url: str = "", buyer: Buyer = NOBODY
) -> Opened:
    """Open a payment, or give the one that is open. Intent first, commit, call, outcome.

    Another channel or method may be open beside it: the first payment that is evidence pays the order (F15).
    Raises unknown_order, unknown_channel, channel_limit, order_not_payable, too_many_payments, channel_refused,
    channel_unavailable (the intent stays and is asked about).
    """
    check_method(ctx, channel, method, buyer)
    await ctx.health.refresh(ctx.pool)
    if channel in ctx.health.down(ctx.now()):
        raise Problem("channel_unavailable", Kind.UNAVAILABLE, "channel_down")
    order = await ctx.reader.snapshot(order_id)
    if order is None:
        raise Problem("unknown_order", Kind.NOT_FOUND)
    taken = ctx.health.taken(channel, ctx.now())
    if limit := limit_of(ctx.health.terms.get(channel), order.price_fen, taken):
        raise Problem("channel_limit", Kind.CONFLICT, limit.value, {"limit": limit.value})

    def request(payment_no: str) -> PaymentRequest:
        return PaymentRequest(
            payment_no=payment_no,
            amount_fen=order.price_fen,
            subject=order.title_zh,
            method=method,
            expires_at=order.expires_at,
            notify_url=f"{ctx.base_url}/hooks/channels/{channel}",
            return_url=return_url,
            client_ip=buyer.client_ip,
            payer_id=buyer.payer_id,
        )

    if method in getattr(ctx.channels[channel], "signed_methods", ()):
        offered = await offer(ctx, order, channel, request(payment_number(order_id, 1)))
        if offered is not None:
            return Opened(payment=offered)
    intent = await intend_payment(ctx, order, channel, method)
    if intent.state == "open":
        return Opened(payment=intent)
    ctx.crash_point("intent_to_call")
    answer = await ctx.channels[channel].open(request(intent.payment_no))
    ctx.crash_point("call_to_outcome")
    await ctx.health.heard(ctx.pool, channel, answer.outcome, answer.code, ctx.now())
    return Opened(payment=await record_opening(ctx, intent, answer), invoke=answer.invoke)


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
        row=step_row(payment_no=payment_no, party=channel, value=method, due_at=due, at=now),
    )
    if (await ctx.batch.submit(step)).result != DONE:
        return await _intend_again(ctx, order_id, channel, method)
    return intent_of(order, payment_no, 1, channel, method, due=due, now=now)


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
            # What the buyer's page signs with (jsapi) is not kept: it is asked for anew.
            same = payment.channel == channel and payment.method == method != "jsapi"
            if payment.state == "open" and same:
                await conn.execute(payments.SQL.set_chosen, payment.bucket, payment.payment_no, now)
                turn.event("payment_opened", channel=channel)
                await turn.finish()
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
    return intent_of(order, payment_no, n, channel, method, due=due, now=now)


async def record_opening(ctx: Context, intent: Payment, answer: OpenAnswer) -> Payment:
    state = {Outcome.OK: "open", Outcome.REFUSED: "failed"}.get(answer.outcome, "intent")
    now = ctx.now()
    evidence_ids = [new_id(now, ctx.rng) for _ in answer.messages]
    step = Step(
        kind="opened",
        key=f"opened:{intent.payment_no}:{new_id(now, ctx.rng)}",
        order_id=intent.order_id,
        row=step_row(payment_no=intent.payment_no, mark=state, value=answer.url, code=answer.code),
        evidence=message_rows(evidence_ids, answer.messages, now),
    )
    done = (await ctx.batch.submit(step)).result == DONE
    if answer.outcome in {Outcome.UNKNOWN, Outcome.NOT_SENT}:
        raise Problem("channel_unavailable", Kind.UNAVAILABLE, answer.code)
    if not done:  # it is an intent no more: paid meanwhile, or this is the same answer once again
        stands = await ctx.reader.payment(intent.order_id, intent.payment_no)
        state = stands.state if stands is not None else NOT_PLAIN
    if state == "failed":
        raise Problem("channel_refused", Kind.CONFLICT, answer.code)
    payment = msgspec.structs.replace(intent, state=state, url=answer.url)
    ctx.reader.opened(payment)
    return payment


async def learn_paid(ctx: Context, payment: Payment, notify: Notify) -> None:
    """Record the message and its fact; in the same flush the plain case is applied."""
    now, fact = ctx.now(), paid_fact(payment, notify)
    evidence_id = new_id(now, ctx.rng)
    step = _paid_step(
        payment.order_id, fact.key, fact.external_id, fact.party, fact.content, evidence_id, now
    )
    parts = fact_parts(fact, [evidence_id], [notify.message], now, ctx.soon())
    if ctx.limits is not None:
        await ctx.limits.check_payer(payment.channel, notify.payer, payment.order_id, notify.transaction_id)
    done = await ctx.batch.submit(msgspec.structs.replace(step, **parts))
    if ctx.limits is not None and done.result in {DONE, NOT_PLAIN}:
        ctx.limits.count_payer(payment.channel, notify.payer, notify.amount_fen)


def _paid_step(
    order_id: str,
    key: str,
    transaction_id: str,
    channel: str,
    content: dict[str, Any],
    evidence_id: str,
    now: datetime,
) -> Step:
    return Step(
        kind="paid",
        key=key,
        request_hash=evidence.request_hash(evidence_id),
        order_id=order_id,
        row=step_row(
            payment_no=content["payment_no"],
            attempt_no=attempt_number(order_id, 1),
            evidence_id=evidence_id,
            at=now,
            due_at=now + timedelta(seconds=CONFIRM_S[0]),
            until_at=now + timedelta(seconds=DISPATCH_MAX_S),
            party=channel,
            amount_fen=content["amount_fen"],
            value=transaction_id,
            mark=content["buyer_mask"],
        ),
    )


def _told_beside(said: Notify | TradeAnswer) -> dict[str, Any]:
    """What comes along and binds nothing: the channel's own time, for the figures, and that it holds the money fast."""
    told: dict[str, Any] = {"paid_at": said.paid_at.isoformat()} if said.paid_at else {}
    return told | ({"frozen": True} if isinstance(said, TradeAnswer) and said.code == FROZEN else {})


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
        details=_told_beside(said),
        numbers=(("transaction", said.transaction_id),),
    )


async def apply_paid(ctx: Context, waiting: Waiting) -> None:
    """Book the money once and do what the policy says (row 3): plan the supply, send it back, or put it aside."""
    ctx.crash_point("fact_to_apply")
    if is_suspense_id(waiting.subject):
        await _apply_unknown(ctx, waiting)
        return
    content, now = waiting.content, ctx.now()
    plain = _paid_step(
        waiting.subject, waiting.key, waiting.external_id, waiting.party, content, waiting.evidence_id, now
    )
    if not _is_frozen(waiting) and (await ctx.batch.submit(plain)).result == DONE:
        return
    stands = await price_stands(ctx, waiting.subject)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, waiting.subject, ctx.now(), ctx.rng)
        if not await evidence.begin(conn, waiting, turn.now):
            return
        await _mark_paid(turn, waiting)
        await _take_in(ctx, turn, waiting, stands)
        await turn.finish()


async def _take_in(ctx: Context, turn: Turn, waiting: Waiting, stands: bool) -> None:
    """Where the money goes, by the policy."""
    placed = place_money(await _standing(turn, stands), int(waiting.content["amount_fen"]))
    if placed.order_fen:
        await book_payment(ctx, turn, waiting, placed)
    if placed.aside_fen and placed.case is not None:
        await suspend(turn, waiting, placed.case, placed.aside_fen, placed.aside_then)


async def take_in_again(
    ctx: Context, turn: Turn, payment: Payment, evidence_id: str, *, price_stands: bool
) -> None:
    """Two people had proved it unpaid, and now the channel says paid: it is taken in like any late payment (F4)."""
    turn.event("payment_found", evidence_id, channel=payment.channel)
    waiting = Waiting(
        party=payment.channel,
        kind="paid",
        external_id=payment.transaction_id,
        bucket=payment.bucket,
        subject=payment.order_id,
        content={
            "payment_no": payment.payment_no,
            "amount_fen": payment.paid_fen,
            "buyer_mask": payment.buyer_mask,
        },
        evidence_id=evidence_id,
        known_at=turn.now,
        asked=0,
    )
    await _take_in(ctx, turn, waiting, price_stands)


async def _apply_unknown(ctx: Context, waiting: Waiting) -> None:
    async with transaction(ctx.pool) as conn:
        if await evidence.begin(conn, waiting, ctx.now()):
            await suspend_unknown(conn, ctx.now(), waiting)


def _is_frozen(waiting: Waiting) -> bool:
    """Whether the channel said, with the payment, that it froze it (row 21)."""
    return bool(waiting.content.get("details", {}).get("frozen"))


async def _mark_paid(turn: Turn, waiting: Waiting) -> None:
    """The payment learns which trade paid it; a further trade on its number changes nothing (F15)."""
    content = waiting.content
    payment = await read_payment(turn.conn, content["payment_no"])
    if payment is None:
        return
    confirm = turn.now + timedelta(seconds=CONFIRM_S[0])
    await turn.conn.execute(
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


async def price_stands(ctx: Context, order_id: str) -> bool:
    """Whether the product is still sold at the order's price, for money that comes late (F1)."""
    order = await ctx.reader.order(order_id)
    if order is None:
        return False
    try:
        product, _ = await ctx.catalogue.product(order.product_id, ctx.now())
    except Problem:
        return False
    return product.total_fen(order.quantity) == order.price_fen


async def _standing(turn: Turn, stands: bool) -> Standing:
    order = turn.order
    return Standing(
        state=order.state,
        doubted=any(account.place == MISSING and account.owner == O for account in await turn.balances()),
        paid=order.paid_at is not None,
        price_fen=order.price_fen,
        price_stands=stands,
    )


async def book_payment(
    ctx: Context, turn: Turn, waiting: Waiting, placed: Placed, posting: Posting | None = None
) -> None:
    """The order takes its price; then it is supplied, or all of it goes back when that is no longer possible.

    ``posting``: how it takes it, when it is not straight from its payer (row 23).
    """
    order, now = turn.order, turn.now
    await _bear(turn, waiting)
    late = order.state == "closed"
    turn.event("paid_late" if late else "paid", waiting.evidence_id, channel=waiting.party)
    taken = posting or postings.paid(order.order_id, channel=waiting.party, amount_fen=placed.order_fen)
    await turn.post(taken, waiting.evidence_id)
    order.paid_at = now
    deadline = now + timedelta(seconds=DISPATCH_MAX_S)
    turn.move("paid", holder="channel", next_actor="shop", deadline_at=deadline)
    if _is_frozen(waiting):
        await freeze(turn, waiting.party, waiting.evidence_id)
        return
    if placed.order_then is not Then.DELIVER:
        await ctx.start_refund(turn, "no_longer_sold", waiting.evidence_id)
        return
    attempts = await fulfilment.list_attempts(turn.conn, order.order_id)
    if any(attempt.state == "succeeded" for attempt in attempts):
        await _keep_delivered(turn, waiting)
        return
    n = len(attempts) + 1
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
        waiting.party,
        now,
        deadline,
    )


async def _bear(turn: Turn, waiting: Waiting) -> None:
    """The payment that pays an order bears its trade: its own, else a new one, which the channel knows by another
    number (a further trade on one that was proved unpaid, or money that was matched; rows 23, 24).
    """
    order, content = turn.order, waiting.content
    before = await list_payments(turn.conn, order.order_id)
    if any((it.channel, it.transaction_id) == (waiting.party, waiting.external_id) for it in before):
        return
    n = max((it.n for it in before), default=0) + 1
    await turn.conn.execute(
        payments.SQL.insert_known_payment,
        order.bucket,
        payment_number(order.order_id, n),
        order.order_id,
        n,
        waiting.party,
        int(content["amount_fen"]),
        waiting.external_id,
        content["buyer_mask"],
        turn.now,
        content["payment_no"],
    )
    await turn.conn.execute(
        evidence.SQL.insert_number, waiting.external_id, "transaction", order.bucket, order.order_id
    )


async def _keep_delivered(turn: Turn, waiting: Waiting) -> None:
    """It was delivered while its payment was in doubt, then proved unpaid: now it is paid, and nothing goes out again."""
    order = turn.order
    repaid = postings.found_at_channel(order.order_id, await turn.balances(), channel=waiting.party)
    if repaid.legs:
        await turn.post(repaid, waiting.evidence_id)
    deadline = turn.now + timedelta(seconds=DISPATCH_MAX_S)
    turn.move("supplying", holder="supplier.settled", next_actor="shop", deadline_at=deadline)
    turn.move("delivered", holder="supplier.settled", next_actor="", reason="")
    order.finished_at = turn.now


async def expire(ctx: Context, order_id: str) -> None:
    """The payment window of an unpaid order is over; the channel goes on being asked (R25, F1)."""
    async with transaction(ctx.pool) as conn:
        turn = await open_rung_turn(conn, order_id, ctx.now(), ctx.rng)
        if turn is None or turn.order.state != "awaiting_payment":
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

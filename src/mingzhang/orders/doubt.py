"""Money in doubt (待核实款项): paid by a verified word, denied by the channel since (F4, ledger row 24), and its ways out.

The channel is asked on. A later confirmation takes row 24 back (`found`); otherwise two people decide: the shop stands
in with its own money (`make_good`), or the payment never was (`prove_unpaid`). What it stood in for stays its claim until
the channel confirms, or two people give it up (`give_up`). Nothing leaves the doubt by itself but on the channel's word.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.store import list_attempts
from mingzhang.kit.errors import Kind, Problem
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Refused, Spot
from mingzhang.ledger.places import CHANNEL, CUSTODY, MISSING, RESERVED, Account, L, O, S
from mingzhang.ledger.store import read_float, richest
from mingzhang.orders import correct, route
from mingzhang.orders.context import Context
from mingzhang.orders.states import PERSON_MAX_S, REFUND_MAX_S
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.store import Turn
from mingzhang.orders.suspense import ItemTurn, open_item
from mingzhang.payments import store as payments
from mingzhang.payments.policy import Case
from mingzhang.payments.schedule import next_denied
from mingzhang.payments.store import Item, Payment, list_items, list_payments

REASON: Final = "payment_contradicted"
UNPAID: Final = "proved_unpaid"
REASONS: Final = frozenset({REASON, UNPAID})
STOPPED: Final = frozenset({"paid", "supplying", "needs_buyer", "delivered", "needs_person"})
SENT: Final = frozenset({"sending", "processing", "unknown"})


async def is_booked(turn: Turn, payment: Payment) -> bool:
    """Whether the order itself took this payment's money (a part of one trade may lie aside, F18)."""
    return payment.paid_fen > turn.order.price_fen and any(
        account.party == payment.channel and account.owner == O for account in await turn.balances()
    )


async def _items_of(turn: Turn, payment: Payment) -> list[Item]:
    return [
        item
        for item in await list_items(turn.conn, turn.order.order_id)
        if (item.channel, item.transaction_id) == (payment.channel, payment.transaction_id)
        and item.state != "matched"  # that is the order's own money
    ]


async def contradict(turn: Turn, payment: Payment, evidence_id: str) -> None:
    """Denied: what it brought is missing, whoever's it is, and a person must find out (F4, row 24)."""
    order = turn.order
    items = await _items_of(turn, payment)
    before: dict[str, Any] = {}
    if not items or await is_booked(turn, payment):
        before = {"before": order.state, "because": order.reason}
    turn.event("payment_contradicted", evidence_id, channel=payment.channel, **before)
    for item in items:
        await _doubt_item(turn, item, evidence_id)
    if before:
        await _stop(turn, payment, evidence_id)


async def came_back(turn: Turn, channel: str, evidence_id: str) -> None:
    """A refund was refused: what came back of it to a channel that denies the payment is as missing as the rest."""
    order = turn.order
    for payment in await list_payments(turn.conn, order.order_id):
        denied = payment.state == "contradicted" and payment.due_at is not None
        if denied and payment.channel == channel and payment.paid_fen >= order.price_fen:
            turn.event(
                "payment_contradicted", evidence_id, channel=channel, before=order.state, because=order.reason
            )
            await _stop(turn, payment, evidence_id)
            return


async def _stop(turn: Turn, payment: Payment, evidence_id: str) -> None:
    """The order's own money is missing, and a person is next; what was not sent stays here."""
    order = turn.order
    await _stop_dispatch(turn, evidence_id)
    balances = await turn.balances()
    await turn.post(postings.bill_lacks(order.order_id, balances, channel=payment.channel), evidence_id)
    deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
    if order.state in STOPPED:
        turn.move("needs_person", holder=MISSING, next_actor="person", deadline_at=deadline, reason=REASON)
    elif order.state == "refunding" and order.holder == CHANNEL:
        # Its refund waits, visibly, for money that is there; whether that will ever be, a person must find out.
        turn.move("refunding", holder=MISSING, next_actor="person", deadline_at=deadline)


async def _stop_dispatch(turn: Turn, evidence_id: str) -> None:
    """What was not sent yet is not sent, and what is reserved for it is free again (row 9)."""
    for attempt in await list_attempts(turn.conn, turn.order.order_id):
        if attempt.state != "ready":
            continue
        balances = await turn.balances()
        reserved = route.held(balances, RESERVED, attempt)
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
            fulfilment.SQL.set_cancelled, attempt.bucket, attempt.attempt_no, REASON, turn.now
        )


async def _doubt_item(turn: Turn, item: Item, evidence_id: str) -> None:
    """Money put aside that the channel denies: missing, unless it is on its way back already."""
    item_turn = await open_item(turn.conn, item.item_id, turn.now, turn.rng, turn)
    held = await item_turn.balances()
    if item_turn.item.state == "open" and any(account.place == CHANNEL for account in held):
        await doubt_item(item_turn, evidence_id)
        await item_turn.finish()


async def doubt_item(turn: ItemTurn, evidence_id: str) -> None:
    """Told paid and now denied: missing until the channel or a person has found out; the channel is asked on."""
    item = turn.item
    item.holder = MISSING
    turn.to_person(Case.DENIED, evidence_id)
    item.due_at = next_denied(turn.now, turn.now)
    posting = postings.bill_lacks(item.item_id, await turn.balances(), channel=item.channel)
    await turn.post(posting, evidence_id)


def still_denied(turn: ItemTurn) -> None:
    """Denied once more, or no answer: asked again later, within the person's time."""
    item = turn.item
    item.asked += 1
    again = next_denied(item.since, turn.now)
    item.due_at = min(again, item.deadline_at) if item.deadline_at is not None else again


async def found_item(turn: ItemTurn, evidence_id: str) -> None:
    """The trade is there after all: row 24 is taken back, and the item goes on by its own rule."""
    item = turn.item
    turn.event("excess_found", evidence_id)
    turn.tell_buyer("excess_found", evidence_id)
    posting = postings.found_at_channel(item.item_id, await turn.balances(), channel=item.channel)
    await turn.post(posting, evidence_id)
    turn.go_on()


async def found(ctx: Context, turn: Turn, payment: Payment, evidence_id: str, *, price_stands: bool) -> None:
    """The channel confirms what it denied: row 24 is taken back, and the order goes on where it was stopped."""
    for item in await _items_of(turn, payment):
        item_turn = await open_item(turn.conn, item.item_id, turn.now, turn.rng, turn)
        if item_turn.item.state == "open" and item_turn.item.holder == MISSING:
            await found_item(item_turn, evidence_id)
            await item_turn.finish()
    await _take_up(turn, payment.channel, evidence_id)
    if not await is_missing(turn, payment.channel):
        return
    turn.event("payment_found", evidence_id, channel=payment.channel)
    posting = postings.found_at_channel(turn.order.order_id, await turn.balances(), channel=payment.channel)
    await turn.post(posting, evidence_id)
    await _go_on(ctx, turn, payment.channel, evidence_id, price_stands=price_stands)


async def is_missing(turn: Turn, channel: str) -> bool:
    """Whether money of the order, or the float's claim on it, stands at `missing` with this channel."""
    return any(account.place == MISSING and account.party == channel for account in await turn.balances())


async def _go_on(ctx: Context, turn: Turn, channel: str, evidence_id: str, *, price_stands: bool) -> None:
    """Where the doubt stopped it: what was sent is waited for, what arrived stays, what was not sent is planned."""
    order, now = turn.order, turn.now
    if order.state == "refunding" and order.holder == MISSING:
        deadline = now + timedelta(seconds=REFUND_MAX_S)
        turn.move("refunding", holder=CHANNEL, next_actor="shop", deadline_at=deadline)
        return
    if order.state != "needs_person" or order.reason != REASON:
        return
    attempts = await list_attempts(turn.conn, order.order_id)
    before, because = await _stopped_at(turn)
    if any(attempt.state in SENT for attempt in attempts):
        _wait_for_supplier(turn)
    elif any(attempt.state == "succeeded" for attempt in attempts) and before != "needs_person":
        turn.move("delivered", holder="supplier.settled", next_actor="", reason="")
        order.finished_at = now
    elif before == "needs_buyer":
        order.holder = CHANNEL
        ask = correct.ask_buyer if because in correct.CORRECTABLE else route.offer_choice
        ask(turn, because, evidence_id)
    elif before in {"paid", "supplying"} and all(attempt.state in correct.IDLE for attempt in attempts):
        await route.start_over(ctx, turn, channel, evidence_id, price_stands=price_stands)
    else:
        turn.event("needs_person", evidence_id, reason=because)
        deadline = now + timedelta(seconds=PERSON_MAX_S)
        turn.move("needs_person", holder=CHANNEL, next_actor="person", deadline_at=deadline, reason=because)


def _wait_for_supplier(turn: Turn) -> None:
    deadline = turn.now + timedelta(seconds=turn.order.promise_s)
    turn.move(
        "supplying",
        holder="supplier.reserved",
        next_actor="supplier",
        due_at=deadline,
        deadline_at=deadline,
        reason="",
    )


async def _stopped_at(turn: Turn) -> tuple[str, str]:
    """State and reason of the order when its money was last denied."""
    row = await turn.conn.fetchrow(ORDERS.read_doubt, turn.order.bucket, turn.order.order_id)
    data = row["data"] if row is not None else {}
    return str(data.get("before", "paid")), str(data.get("because", ""))


# -- what two people may decide


async def doubted_payment(turn: Turn) -> tuple[Payment, int]:
    """The payment whose money is missing, and how much of that is the order's own. Raises `not_in_doubt`."""
    denied = [it for it in await list_payments(turn.conn, turn.order.order_id) if it.state == "contradicted"]
    balances = await turn.balances()
    for payment in denied:
        own = balances.get(Account(MISSING, payment.channel, O), 0)
        claim = balances.get(Account(MISSING, payment.channel, L), 0)
        if own + claim and payment.paid_fen >= turn.order.price_fen:
            return payment, own
    raise Problem("not_in_doubt", Kind.CONFLICT)


async def check_make_good(turn: Turn) -> tuple[Payment, int]:
    """What the shop would put in, fen. Raises `not_in_doubt`, `own_money_short`."""
    payment, own = await doubted_payment(turn)
    if not own or turn.order.state not in {"needs_person", "refunding"}:
        raise Problem("not_in_doubt", Kind.CONFLICT)
    await _own_money(turn, payment, own)
    return payment, own


async def _own_money(turn: Turn, payment: Payment, fen: int) -> tuple[Spot, int]:
    """Where the shop's own money can stand in: in custody, else its reserve at that channel. Raises `own_money_short`."""
    bank, there = await richest(turn.conn, CUSTODY)
    if there >= fen:
        return (CUSTODY, bank), there
    at = (CHANNEL, payment.channel)
    reserve = await read_float(turn.conn, *at)
    if reserve < fen:
        raise Problem("own_money_short", Kind.CONFLICT)
    return at, reserve


async def make_good(ctx: Context, turn: Turn, evidence_id: str) -> None:
    """Row 24: the shop's own money stands in for what is missing, and the order goes on."""
    payment, own = await check_make_good(turn)
    at, there = await _own_money(turn, payment, own)
    turn.event("made_good", evidence_id, channel=payment.channel)
    posting = postings.made_good(
        turn.order.order_id, await turn.balances(), party=payment.channel, at=at, float_fen=there
    )
    await turn.post(posting, evidence_id)
    await turn.conn.execute(payments.SQL.set_settled, payment.bucket, payment.payment_no, "contradicted")
    await _go_on(ctx, turn, payment.channel, evidence_id, price_stands=True)


async def check_unpaid(turn: Turn) -> tuple[Payment, int]:
    """What would be taken out of the books, fen. Raises `not_in_doubt`, `supply_open`."""
    payment, _ = await doubted_payment(turn)
    balances = await turn.balances()
    fen = sum(balances.get(Account(MISSING, payment.channel, owner), 0) for owner in (O, L))
    if turn.order.state not in {"needs_person", "refunding"}:
        raise Problem("not_in_doubt", Kind.CONFLICT)
    if any(it.state in SENT for it in await list_attempts(turn.conn, turn.order.order_id)):
        raise Problem("supply_open", Kind.CONFLICT)
    return payment, fen


async def prove_unpaid(turn: Turn, evidence_id: str) -> None:
    """Row 24: no money ever came. The order is closed unpaid; what it cost is the shop's loss."""
    payment, _ = await check_unpaid(turn)
    turn.event("payment_unpaid", evidence_id, channel=payment.channel)
    await _post_unpaid(turn, payment.channel, evidence_id)
    await turn.conn.execute(payments.SQL.set_settled, payment.bucket, payment.payment_no, "unpaid")
    turn.order.paid_at = None
    turn.order.finished_at = None
    turn.move("closed", holder="payer", next_actor="", reason=UNPAID)


async def check_give_up(turn: Turn) -> tuple[str, int]:
    """What the shop would no longer claim of a channel, and how much, fen. Raises `not_in_doubt`, `supply_open`.

    Only once nothing of it is the buyer's and the order has gone on: before that, it is made good or proved unpaid.
    """
    balances = await turn.balances()
    claims = [(it.party, fen) for it, fen in balances.items() if it.place == MISSING and it.owner == L]
    whole = not any(it.place == MISSING and it.owner == O for it in balances)
    if len(claims) != 1 or not whole or turn.order.reason == REASON:
        raise Problem("not_in_doubt", Kind.CONFLICT)
    try:
        postings.claim_given_up(turn.order.order_id, balances, party=claims[0][0])
    except Refused:
        raise Problem("supply_open", Kind.CONFLICT) from None
    return claims[0]


async def give_up(turn: Turn, evidence_id: str) -> None:
    """Rows 24, 26: the shop's claim on what a channel never had is its loss, and nobody looks for it any more."""
    channel, fen = await check_give_up(turn)
    order_id = turn.order.order_id
    turn.event("claim_given_up", evidence_id, channel=channel, amount_fen=fen)
    await turn.post(postings.claim_given_up(order_id, await turn.balances(), party=channel), evidence_id)
    await turn.post(postings.written_off(order_id, at=(MISSING, channel), amount_fen=fen), evidence_id)


async def _take_up(turn: Turn, channel: str, evidence_id: str) -> None:
    """Found after it was given up: the loss is taken back first."""
    order = turn.order
    fen = await turn.conn.fetchval(ORDERS.read_given_up, order.bucket, order.order_id, channel)
    if fen:
        posting = postings.claim_taken_up(
            order.order_id, await turn.balances(), party=channel, amount_fen=fen
        )
        await turn.post(posting, evidence_id)


async def _post_unpaid(turn: Turn | ItemTurn, channel: str, evidence_id: str) -> None:
    subject = turn.item.item_id if isinstance(turn, ItemTurn) else turn.order.order_id
    try:
        posting = postings.proved_unpaid(subject, await turn.balances(), party=channel)
    except Refused as refusal:
        raise Problem("posting_refused", Kind.CONFLICT, refusal.code) from refusal
    await turn.post(posting, evidence_id)


async def check_item_unpaid(turn: ItemTurn) -> int:
    """What would be taken out of the books, fen. Raises `not_in_doubt`."""
    fen = (await turn.balances()).get(Account(MISSING, turn.item.channel, S), 0)
    if turn.item.state != "open" or turn.item.holder != MISSING or not fen:
        raise Problem("not_in_doubt", Kind.CONFLICT)
    return fen


async def prove_item_unpaid(turn: ItemTurn, evidence_id: str) -> None:
    """The same of money put aside: the item ends, and nobody is owed anything."""
    await check_item_unpaid(turn)
    turn.event("excess_unpaid", evidence_id)
    turn.tell_buyer("excess_unpaid", evidence_id)
    await _post_unpaid(turn, turn.item.channel, evidence_id)
    turn.move("unpaid", holder="payer", next_actor="")

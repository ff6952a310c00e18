"""Money put aside is given to its order (row 23): proposed and approved by two people, confirmed by the channel.

Only when the outside says that it fits: the whole trade is the order's price, and it names the order, or the order's
buyer showed its number, or the same payer paid for the order before. The channel is asked about the trade once more
after the approval; only then the order takes it, and goes on like any order that was paid.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg

from mingzhang.evidence import store as evidence
from mingzhang.evidence.store import Waiting
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import is_order_id, order_of_number
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Posting
from mingzhang.ledger.places import CHANNEL, SOURCES, Balances, S
from mingzhang.orders.context import Context
from mingzhang.orders.pay import book_payment
from mingzhang.orders.store import Order, Turn, read_order
from mingzhang.orders.suspense import ItemTurn
from mingzhang.payments.claim_store import list_claims
from mingzhang.payments.policy import REFUND_S, Case, Standing, place_money
from mingzhang.payments.store import Item, list_payments

OPEN: Final = frozenset({"awaiting_payment", "closed"})
# What supports it, strongest first.
SUPPORTS: Final = ("number", "claim", "payer")


async def support(conn: asyncpg.Connection, item: Item, order: Order) -> tuple[str, ...]:
    """What the outside says for it: see `SUPPORTS`. Empty: nothing does, and nobody may decide it."""
    payer = await _payer(conn, item)
    shown = {claim.number for claim in await list_claims(conn, order.order_id)} - {""}
    masks = {payment.buyer_mask for payment in await list_payments(conn, order.order_id)}
    found = {
        "number": _names(item, order),
        "claim": bool(shown & {item.transaction_id, item.payment_no}),
        "payer": bool(payer) and payer in masks,
    }
    return tuple(name for name in SUPPORTS if found[name])


async def _payer(conn: asyncpg.Connection, item: Item) -> str:
    """Who paid, as the channel masks it; empty when it does not say."""
    content = await conn.fetchval(evidence.SQL.read_content, item.channel, "paid", item.transaction_id)
    return str((content or {}).get("buyer_mask", ""))


def _names(item: Item, order: Order) -> bool:
    try:
        return order_of_number(item.payment_no) == order.order_id
    except Problem:
        return False


async def check(turn: ItemTurn, order_id: str) -> tuple[Order, tuple[str, ...]]:
    """The order it would be given to, and what supports that.

    Raises `suspense_not_open`, `unknown_order`, `match_not_open`, `match_amount`, `match_unsupported`.
    """
    item = turn.item
    if item.state != "open" or item.next_actor != "person" or item.holder != CHANNEL:
        raise Problem("suspense_not_open", Kind.CONFLICT)
    order = await fitting_order(turn.conn, item, order_id)
    if not _is_plain(await turn.balances()):
        raise Problem("suspense_not_open", Kind.CONFLICT, "the float has a claim on it")
    supported = await support(turn.conn, item, order)
    if not supported:
        raise Problem("match_unsupported", Kind.CONFLICT)
    return order, supported


async def fitting_order(conn: asyncpg.Connection, item: Item, order_id: str) -> Order:
    """An order that could take it: not paid, of that price. Raises `unknown_order`, `match_not_open`, `match_amount`."""
    if not is_order_id(order_id):
        raise Problem("unknown_order", Kind.INVALID, params={"field": "order"})
    order = await read_order(conn, order_id)
    if order.paid_at is not None or order.state not in OPEN or item.order_id not in ("", order_id):
        raise Problem("match_not_open", Kind.CONFLICT)
    if not item.amount_fen == item.trade_fen == order.price_fen:
        raise Problem("match_amount", Kind.CONFLICT)
    return order


def _is_plain(balances: Balances) -> bool:
    """Nothing of it is the float's, and nothing was given: both halves of the posting are zero by themselves."""
    return (
        all(
            owner == S and (place == CHANNEL or place in SOURCES)
            for (place, _, owner), fen in balances.items()
            if fen
        )
        and len(balances) == 2
    )


def decide(turn: ItemTurn, order_id: str, evidence_id: str) -> None:
    """Two people agreed: the channel is asked about the trade now, and then the order takes it."""
    turn.event("match_decided", evidence_id)
    turn.item.for_order, turn.item.asked = order_id, 0
    deadline = turn.now + timedelta(seconds=REFUND_S)
    turn.move("open", holder=CHANNEL, next_actor="shop", due_at=turn.now, deadline_at=deadline, reason="")


async def give(ctx: Context, turn: ItemTurn, evidence_id: str, *, price_stands: bool) -> None:
    """The channel confirmed the trade: the item ends, the order is paid by it and goes on. Both are locked."""
    item, order_turn = turn.item, turn.order_turn
    assert order_turn is not None
    order = order_turn.order
    if order.paid_at is not None or order.state not in OPEN or not _is_plain(await turn.balances()):
        turn.to_person(
            Case(item.cause), evidence_id
        )  # paid meanwhile: what becomes of this money is open again
        return
    mine, theirs = await _halves(turn, order_turn)
    turn.event("excess_matched", evidence_id, channel=item.channel, amount_fen=item.amount_fen)
    await turn.post(mine, evidence_id)
    item.order_id = order.order_id
    turn.move("matched", holder="", next_actor="")
    order_turn.event("money_matched", evidence_id, channel=item.channel, amount_fen=item.amount_fen)
    mask = await _payer(turn.conn, item)
    waiting = Waiting(
        party=item.channel,
        kind="paid",
        external_id=item.transaction_id,
        bucket=order.bucket,
        subject=order.order_id,
        content={"payment_no": item.payment_no, "amount_fen": item.amount_fen, "buyer_mask": mask},
        evidence_id=evidence_id,
        known_at=turn.now,
        asked=0,
    )
    standing = Standing(
        state=order.state, doubted=False, paid=False, price_fen=order.price_fen, price_stands=price_stands
    )
    await book_payment(ctx, order_turn, waiting, place_money(standing, item.amount_fen), theirs)


async def _halves(turn: ItemTurn, order_turn: Turn) -> tuple[Posting, Posting]:
    """Row 23 for the item and for the order: each half is zero by itself and stored under its own subject's number.

    In different buckets it passes through the owner H; nothing is settled between the two, which are one transaction.
    """
    item, order = turn.item, order_turn.order
    held = await turn.balances()
    if item.bucket != order.bucket:
        handed = postings.handed_over(item.item_id, held)
        taken = postings.taken_over(order.order_id, await order_turn.balances(), handover=handed)
        return handed, taken
    whole = postings.matched(item.item_id, held, order.order_id, await order_turn.balances())
    mine, theirs = (
        Posting(whole.row, tuple(leg for leg in whole.legs if leg.subject == subject))
        for subject in (item.item_id, order.order_id)
    )
    return mine, theirs

"""Money put aside, visited when it is due: the channel is asked about the very trade, then it goes its way (row 23)."""

from datetime import timedelta
from typing import Final

from mingzhang.evidence import store as evidence
from mingzhang.kit import lease
from mingzhang.kit.database import transaction
from mingzhang.kit.ids import refund_number
from mingzhang.kit.workdays import promised_by
from mingzhang.ledger.places import HOLD, MISSING
from mingzhang.orders import match
from mingzhang.orders.context import Context
from mingzhang.orders.doubt import doubt_item, found_item, still_denied
from mingzhang.orders.freeze import freeze_item, unfreeze_item
from mingzhang.orders.pay import price_stands
from mingzhang.orders.states import REFUND_MAX_S
from mingzhang.orders.store import open_turn
from mingzhang.orders.suspense import ItemTurn, open_item
from mingzhang.payments.channels.base import FROZEN, AsksByTransaction, Channel, TradeAnswer, TradeState
from mingzhang.payments.policy import Case
from mingzhang.payments.store import SQL, Item, read_item
from mingzhang.refunds import store
from mingzhang.refunds.flow import ASK_S, PROMISE_WORKDAYS
from mingzhang.refunds.store import list_refunds

HELD_UP: Final = frozenset({MISSING, HOLD})  # what the channel denies, or keeps: it is asked on


async def work_item(ctx: Context, item_id: str) -> None:
    """The worker's visit to money put aside: what is to go back, what is denied, what is frozen (row 23; F15, F18).

    The channel is asked about the very trade first: what it denies waits for a person, what it doesn't answer
    waits for its answer.
    """
    async with ctx.pool.acquire() as conn:
        item = await read_item(conn, item_id)
    if item is None or not _is_asked_about(item):
        return
    channel = ctx.channels[item.channel]
    answer = await _ask_trade(channel, item)
    stands = bool(item.for_order) and await price_stands(ctx, item.for_order)
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        target = await open_turn(conn, item.for_order, now, ctx.rng) if item.for_order else None
        turn = await open_item(conn, item_id, now, ctx.rng, target)  # the order's lock comes first
        evidence_id = await evidence.keep_all(conn, ctx.rng, turn.now, answer.messages)
        if not _is_asked_about(turn.item) or turn.item.for_order != item.for_order:
            return
        if await lease.is_lost(conn, SQL.read_suspense_lease, item.bucket, item_id):
            return
        if target is not None and answer.state is TradeState.PAID and answer.code != FROZEN:
            await match.give(ctx, turn, evidence_id, price_stands=stands)
        elif target is not None and answer.state is TradeState.REFUNDED:
            turn.to_person(
                Case(turn.item.cause), evidence_id
            )  # given back by somebody: it is no order's money
        else:
            await _heard_of_item(turn, answer, evidence_id)
        await turn.finish()
        if target is not None:
            await target.finish()


def _is_there(answer: TradeAnswer) -> bool:
    return answer.state in {TradeState.PAID, TradeState.REFUNDED}


def _is_asked_about(item: Item) -> bool:
    return item.state == "open" and (item.next_actor == "shop" or item.holder in HELD_UP)


async def _heard_of_item(turn: ItemTurn, answer: TradeAnswer, evidence_id: str) -> None:
    """What the channel says of the trade decides what becomes of the money."""
    item = turn.item
    there = _is_there(answer)
    if answer.state is TradeState.UNKNOWN:
        still_denied(turn) if item.holder in HELD_UP else _wait_for_answer(turn, evidence_id)
    elif item.holder == MISSING:
        await found_item(turn, evidence_id) if there else still_denied(turn)
    elif not there:
        await doubt_item(turn, evidence_id)
    elif answer.code == FROZEN:
        still_denied(turn) if item.holder == HOLD else await freeze_item(turn, evidence_id)
    elif item.holder == HOLD:
        await unfreeze_item(turn, evidence_id)
    else:
        await _plan_item_refund(turn, evidence_id)


def _wait_for_answer(turn: ItemTurn, evidence_id: str) -> None:
    item = turn.item
    item.asked += 1
    wait = timedelta(seconds=ASK_S[min(item.asked, len(ASK_S) - 1)])
    late = item.deadline_at is not None and turn.now + wait > item.deadline_at
    item.due_at = None if late else turn.now + wait
    if late:
        turn.to_person(Case(item.cause), evidence_id)


async def _ask_trade(channel: Channel, item: Item) -> TradeAnswer:
    if isinstance(channel, AsksByTransaction):
        return await channel.query_transaction(item.transaction_id)
    return await channel.query(item.payment_no)


async def _plan_item_refund(turn: ItemTurn, evidence_id: str) -> None:
    item, now = turn.item, turn.now
    n = store.next_n(await list_refunds(turn.conn, item.item_id))
    deadline = now + timedelta(seconds=REFUND_MAX_S)
    await turn.conn.execute(
        store.SQL.insert_refund,
        item.bucket,
        refund_number(item.item_id, n),
        item.item_id,
        n,
        item.payment_no,
        item.transaction_id,
        item.channel,
        item.amount_fen,
        item.trade_fen,
        item.cause,
        now,
        deadline,
        promised_by(now, PROMISE_WORKDAYS),
    )
    turn.event(
        "refund_asked", evidence_id, channel=item.channel, amount_fen=item.amount_fen, reason=item.cause
    )
    turn.tell_buyer("excess_refund_asked", evidence_id, reason=item.cause)
    turn.move("refunding", holder="channel", next_actor="shop", deadline_at=deadline)

"""Money that the channel took back, or gave back, by itself (row 22): a fact first, then booked under the order's lock.

A refund that was only planned shrinks to what is left, or is not sent: a dispute never both refunds and accepts a
chargeback. One that went out before is not called back; what both took is on record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mingzhang.disputes import money, remedy, store
from mingzhang.disputes.case import Case, open_case
from mingzhang.disputes.flow import Opening, open_in
from mingzhang.disputes.store import SQL
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Message
from mingzhang.evidence.store import Fact, Waiting
from mingzhang.fulfilment.store import list_attempts
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Refused
from mingzhang.ledger.places import CHANNEL, CHARGEBACK
from mingzhang.ledger.store import read_float
from mingzhang.orders import route, unbooked
from mingzhang.orders.context import Context
from mingzhang.orders.store import Turn, open_turn
from mingzhang.refunds import flow as refunds
from mingzhang.refunds.store import list_refunds
from mingzhang.refunds.visit import cut_to_fit

TAKEN: Final = frozenset({"charged_back", "refunded_outside"})
WON: Final = "chargeback_won"
SETTLED: Final = frozenset({"delivered", "refunded", "closed", "awaiting_payment"})


async def tell_chargeback(
    ctx: Context,
    channel: str,
    order_id: str,
    external_id: str,
    amount_fen: int,
    messages: Sequence[Message],
    kind: str = "charged_back",
) -> str:
    """What a channel says of a trade: charged_back, refunded_outside, chargeback_won. Told again, it is the same fact.

    Returns new, same or conflict. Raises `chargeback_invalid`, `unknown_order`.
    """
    if kind not in TAKEN | {WON} or amount_fen <= 0 or not external_id:
        raise Problem("chargeback_invalid", Kind.INVALID)
    fact = Fact(
        party=channel,
        kind=kind,
        external_id=external_id,
        subject=order_id,
        content={"amount_fen": amount_fen, "state": kind},
    )
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        await open_turn(conn, order_id, now, ctx.rng)
        # The channel's bill may have told of the same money under the other name (reconciliation/outside.py).
        for other in TAKEN - {kind} if kind in TAKEN else ():
            if await conn.fetchval(evidence.SQL.read_fact_hash, channel, other, external_id) is not None:
                return "same"
        evidence_id = await evidence.keep_all(conn, ctx.rng, now, tuple(messages))
        return await evidence.state_fact(conn, fact, evidence_id, now)


async def apply_chargeback(ctx: Context, waiting: Waiting) -> None:
    """Book it, once. What the float cannot carry yet is listed, and its order takes nothing else until then.

    Raises `float_short`: the fact stays in the inbox and is tried again.
    """
    key = waiting.key
    try:
        async with transaction(ctx.pool) as conn:
            turn = await open_turn(conn, waiting.subject, ctx.now(), ctx.rng)
            if not await evidence.begin(conn, waiting, turn.now):
                return
            case = await _case_of(ctx, turn, waiting)
            await _book(case, waiting, key)
            await unbooked.clear(conn, waiting.subject, key)
            await case.finish()
            await turn.finish()
    except Refused as refusal:
        async with transaction(ctx.pool) as conn:
            await open_turn(conn, waiting.subject, ctx.now(), ctx.rng)
            await unbooked.put(conn, ctx.now(), waiting.subject, key, refusal.code)
        raise Problem(refusal.code, Kind.CONFLICT, f"{key} cannot be booked yet") from refusal


async def _case_of(ctx: Context, turn: Turn, waiting: Waiting) -> Case:
    """The dispute that it belongs to: what is open, else the newest, else one of its own."""
    found = await store.list_disputes(turn.conn, turn.order.order_id)
    alive = [it for it in found if it.state != "closed"]
    if alive:
        return await open_case(ctx, turn, alive[0].dispute_id)
    if waiting.kind == WON and found:
        return await open_case(ctx, turn, found[0].dispute_id)
    opening = Opening(
        order_id=turn.order.order_id,
        kind="unauthorised_payment",
        source="channel",
        channel=waiting.party,
        evidence_id=waiting.evidence_id,
    )
    opened = await open_in(ctx, turn, opening)
    return await open_case(ctx, turn, opened.dispute_id)


async def _book(case: Case, waiting: Waiting, key: str) -> None:
    turn, channel, fen = case.turn, waiting.party, int(waiting.content["amount_fen"])
    row = case.row
    await case.note(waiting.kind, amount_fen=fen, evidence_id=waiting.evidence_id)
    case.event(waiting.kind, waiting.evidence_id, channel=channel, amount_fen=fen)
    told = int(await turn.conn.fetchval(SQL.sum_charged, row.bucket, row.order_id))
    booked = await _taken_fen(turn, channel)
    if waiting.kind == WON:
        back = min(fen, booked)
        if back:
            posting = postings.chargeback_won(
                row.order_id, await turn.balances(), channel=channel, amount_fen=back
            )
            await turn.post(posting, waiting.evidence_id, books=key)
        return
    # A payout's list may have told of it before (settlement/book.py): what it booked is not booked again.
    more = min(fen, max(0, told - booked))
    if more:
        posting = postings.charged_back(
            row.order_id,
            await turn.balances(),
            channel=channel,
            amount_fen=more,
            float_at_fen=await read_float(turn.conn, CHANNEL, channel),
        )
        await turn.post(posting, waiting.evidence_id, books=key)
    await _never_twice(case, waiting)


async def _taken_fen(turn: Turn, channel: str) -> int:
    return sum(
        fen
        for account, fen in (await turn.balances()).items()
        if (account.place, account.party) == (CHARGEBACK, channel)
    )


async def _never_twice(case: Case, waiting: Waiting) -> None:
    """What was planned to go back shrinks to what is left; when nothing is, every dispute of the order is at its end."""
    turn = case.turn
    for refund in await list_refunds(turn.conn, turn.order.order_id):
        if refund.state in refunds.UNSENT:
            await cut_to_fit(turn, refund)
    if await refunds.left_fen(turn) > 0:
        return
    outcome = "charged_back" if waiting.kind == "charged_back" else waiting.kind
    if not await refunds.is_under_way(turn):
        await _stand(turn)
        for other in await store.list_disputes(turn.conn, turn.order.order_id):
            if other.state != "closed" and other.dispute_id != case.row.dispute_id:
                beside = await open_case(case.ctx, turn, other.dispute_id)
                await _end(beside, outcome, waiting.evidence_id)
                await beside.finish()
        await _end(case, outcome, waiting.evidence_id)
        return
    await remedy.settle_by_itself(case)


async def _end(case: Case, outcome: str, evidence_id: str) -> None:
    if case.row.state == "closed":
        return
    case.answered()
    await money.let_go(case)
    await case.close(outcome, evidence_id)


async def _stand(turn: Turn) -> None:
    """All of it is back with the payer: what was not sent is not sent, and an undelivered order is at its end."""
    order = turn.order
    for attempt in await list_attempts(turn.conn, order.order_id):
        if attempt.state == "ready":
            await route.cancel(turn, attempt, "charged_back")
    if order.state in SETTLED:
        return
    turn.move("refunding", holder=CHARGEBACK, next_actor="channel")
    order.finished_at = turn.now
    turn.move("refunded", holder=CHARGEBACK, next_actor="", reason="charged_back")

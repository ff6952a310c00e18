"""A refund in a channel's bill that nobody asked for here: made at the channel's own desk, or taken back by it (row 22).

The bill only names it. The channel is asked for that very refund, and its answer is the fact; what is planned to go back
then shrinks to what is left (`disputes.chargeback`), so that the payer has the money once.
"""

from __future__ import annotations

from typing import Final

from mingzhang.evidence import store as evidence
from mingzhang.evidence.store import Fact
from mingzhang.kit.database import transaction
from mingzhang.orders.context import Context
from mingzhang.orders.notify import payment_named
from mingzhang.orders.store import open_turn
from mingzhang.payments.channels.base import Outcome, RefundState
from mingzhang.reconciliation.store import Break
from mingzhang.settlement.unknown import whose

MADE_THERE: Final = "refunded_outside"
TAKEN: Final = (MADE_THERE, "charged_back")
UNASKABLE: Final = "not_asked"
NOT_ANSWERED: Final = "not_answered"
NOT_BOOKED: Final = "not_booked"


async def ask_refund(ctx: Context, row: Break) -> str:
    """Ask for it and state what the channel says; what came of it. Money that is not one order's alone is a person's."""
    side = row.found().theirs
    payment = await payment_named(ctx, row.party, side.our_no) if side else None
    if side is None or payment is None:
        return UNASKABLE
    async with ctx.pool.acquire() as conn:
        parts = (await whose(conn, row.party, [side.their_no])).get(side.their_no, [])
    if [part.subject for part in parts] != [payment.order_id]:
        return UNASKABLE
    answer = await ctx.channels[row.party].query_refund(side.our_no, row.key, side.their_no)
    arrived = answer.outcome is Outcome.OK and answer.state is RefundState.ARRIVED
    if not arrived or answer.amount_fen != side.amount_fen:
        return NOT_ANSWERED
    fact = Fact(
        party=row.party,
        kind=MADE_THERE,
        external_id=row.key,
        subject=payment.order_id,
        content={
            "amount_fen": side.amount_fen,
            "state": MADE_THERE,
            "payment_no": side.our_no,
            "transaction_id": side.their_no,
            "at_s": side.at,
        },
    )
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, payment.order_id, ctx.now(), ctx.rng)
        told = [await conn.fetchval(evidence.SQL.read_fact_hash, row.party, kind, row.key) for kind in TAKEN]
        if not any(told):
            evidence_id = await evidence.keep_all(conn, ctx.rng, turn.now, answer.messages)
            await evidence.state_fact(conn, fact, evidence_id, turn.now)
    return NOT_BOOKED

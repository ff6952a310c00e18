"""Row 11: what is left of an order's money in custody becomes margin, once nothing can take it back any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mingzhang.kit.database import transaction
from mingzhang.kit.ids import bucket_of
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Refused
from mingzhang.ledger.places import CHANNEL, CUSTODY, SETTLEMENT, Balances
from mingzhang.ledger.store import read_float
from mingzhang.orders.context import Context
from mingzhang.orders.states import FINAL
from mingzhang.orders.store import Turn, open_turn
from mingzhang.refunds.flow import FINAL as REFUND_FINAL
from mingzhang.refunds.store import list_refunds
from mingzhang.settlement.store import SQL

LOOK_AGAIN: Final = timedelta(hours=6)
LOOK_MAX: Final = timedelta(days=7)
PERSON_MAX: Final = timedelta(hours=24)


async def work_earning(ctx: Context, order_id: str) -> None:
    """The worker's visit, under the order's lock: earn, or look again later."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        row = await conn.fetchrow(SQL.read_earning, bucket_of(order_id), order_id)
        if row is None or row["state"] == "earned":
            return
        try:
            async with conn.transaction():
                earned = await _earn(turn, row["bank"], row["evidence_id"])
        except Refused:
            earned = None
        now = turn.now
        actor, deadline, since = row["next_actor"], row["deadline_at"], row["since"]
        if earned is None and deadline <= now:
            actor, since, deadline = "person", now, now + PERSON_MAX
        await conn.execute(
            SQL.set_earning,
            row["bucket"],
            order_id,
            "waiting" if earned is None else "earned",
            earned or 0,
            actor if earned is None else "",
            min(now + LOOK_AGAIN, deadline) if earned is None else None,
            deadline if earned is None else None,
            since,
        )
        if earned is not None:
            await turn.finish()


async def _earn(turn: Turn, bank: str, evidence_id: str) -> int | None:
    """Fen earned; None while money may still move. What lies at the channel as reserve goes home first (row 14)."""
    order = turn.order
    if order.state not in FINAL:
        return None
    if any(refund.state not in REFUND_FINAL for refund in await list_refunds(turn.conn, order.order_id)):
        return None
    balances = await turn.balances()
    if _stands(balances, SETTLEMENT) or await turn.conn.fetchval(
        SQL.read_disputed, order.bucket, order.order_id
    ):
        return None
    for party in _stands(balances, CHANNEL):
        posting = postings.reserve_home(
            order.order_id,
            await turn.balances(),
            channel=party,
            bank=bank,
            custody_float_fen=await read_float(turn.conn, CUSTODY, bank),
        )
        await turn.post(posting, evidence_id)
    before = await turn.balances()
    posting = postings.earned(order.order_id, before, bank=bank)
    if posting.legs:
        await turn.post(posting, evidence_id)
    return sum(leg.amount_fen for leg in posting.legs if (leg.place, leg.owner) == (CUSTODY, "M"))


def _stands(balances: Balances, place: str) -> list[str]:
    """The parties at which anything of the order stands at this place."""
    return sorted({party for (where, party, _), fen in balances.items() if where == place and fen > 0})

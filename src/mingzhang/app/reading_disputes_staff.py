"""Disputes as staff see them: what their rights open, what they can do, the whole list."""

from __future__ import annotations

from typing import Final

from mingzhang.app.desk_disputes import SOLVABLE
from mingzhang.app.desk_staff import approval_row
from mingzhang.app.reading_disputes import dispute_line, make_page, word_of
from mingzhang.disputes import money, store
from mingzhang.disputes.states import PAUSES_MAX
from mingzhang.disputes.store import Dispute
from mingzhang.kit.errors import Problem
from mingzhang.orders import give_back, resupply
from mingzhang.orders.context import Context
from mingzhang.orders.store import Turn, open_turn
from mingzhang.staff import approvals
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.model_disputes import DisputePage
from mingzhang.web.model_shop import DisputeLine

LATEST_MAX: Final = 50
OPEN_MAX: Final = 300


async def read_staffs(ctx: Context, member: Member, dispute_id: str) -> DisputePage:
    """One dispute for staff: the words only for whoever may see personal data. Raises `unknown_dispute`."""
    now = ctx.now()
    seen = ctx.vault if member.may(Right.VIEW_PERSONAL_DATA) else None
    async with ctx.pool.acquire() as conn, conn.transaction():
        row = await store.read_dispute(conn, dispute_id)
        turn = await open_turn(conn, row.order_id, now, ctx.rng)
        said = await store.list_messages(conn, dispute_id)
        decided = await approvals.list_of_subject(conn, row.order_id)
        refundable = await money.refundable_fen(ctx, turn) if row.state in SOLVABLE else 0
        again = row.state in SOLVABLE and await _may_resupply(ctx, turn)
        at_risk = await give_back.is_unknown(turn)
    mine = [it for it in decided if it.terms.get("dispute") == dispute_id]
    waiting = any(it.state == "proposed" and it.expires_at > now for it in mine)
    page = make_page(
        ctx,
        turn.order,
        row,
        tuple(word_of(seen, each, named=True) for each in said),
        _staff_may(row, member, waiting=waiting, solvable=refundable > 0 or again),
        "shop",
        approval_rows=tuple(approval_row(it, member, now) for it in reversed(mine)),
    )
    return _with(page, refundable_fen=refundable, at_risk=at_risk, may_resupply=again, role=row.role)


async def _may_resupply(ctx: Context, turn: Turn) -> bool:
    try:
        await resupply.check(ctx, turn)
    except Problem:
        return False
    return True


def _staff_may(row: Dispute, member: Member, *, waiting: bool, solvable: bool) -> frozenset[str]:
    if row.state == "closed":
        return frozenset()
    found = set()
    if member.may(Right.ANSWER_BUYERS):
        found.add("say")
        if row.state in SOLVABLE:
            found |= {"decline"} | ({"ask"} if row.pauses < PAUSES_MAX else set())
    if member.may(Right.PROPOSE_MONEY) and row.state in SOLVABLE and solvable and not waiting:
        found.add("solve")
    return frozenset(found)


def _with(
    page: DisputePage, *, refundable_fen: int, at_risk: bool, may_resupply: bool, role: str
) -> DisputePage:
    names = {name: getattr(page, name) for name in page.__struct_fields__}
    names |= {
        "refundable_fen": refundable_fen,
        "at_risk": at_risk,
        "may_resupply": may_resupply,
        "role": role,
    }
    return DisputePage(**names)


async def read_board(ctx: Context) -> tuple[list[DisputeLine], list[DisputeLine]]:
    """For staff: what is open, soonest deadline first, and what ended last."""
    async with ctx.pool.acquire() as conn:
        alive = await store.list_open(conn, OPEN_MAX)
        ended = await store.list_latest(conn, LATEST_MAX)
    return [dispute_line(row, "shop") for row in alive], [dispute_line(row, "shop") for row in ended]
